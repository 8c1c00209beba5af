"""The drive is ejected: when nothing is in the way it is safe, otherwise nothing has changed."""

import random
import time
from functools import partial

from rig import account
from rig.scenario import Outcome, Stages, scenario
from rig.scenarios.phases import IDLE, JOINING, RECORDING, UPLOADING, Phase, enter
from rig.scenarios.pull import wait_until_healthy
from rig.stage import CONTROLLER_UNITS, Stage, wait_until_active

STOPPED = ("can-listener", "mount-watcher", "log-subscriber")
STAYS_AWAY_S = 3.0
SAFE_DEADLINE_S = 60.0


def _eject(phase_name: str, stages: Stages, chance: random.Random) -> Outcome:
    stage = stages.installed_stage()
    stage.boot()
    prober = stage.prober()
    prober.start()
    phase = enter(stage, phase_name, chance)
    answer = stage.phone.ask("POST", "/api/storage/eject")
    problems = _judge(stage, phase_name, answer)
    if answer["success"]:
        recover_s = _away_and_back(stage, problems)
        phase.leave()
    else:
        phase.leave()
        recover_s = _eject_when_safe(stage, phase, problems)
    outcome = Outcome(account.take(stage, phase.sessions, prober.stop()), [recover_s], [0.0])
    outcome.account.problems += problems
    return outcome


def _judge(stage: Stage, phase_name: str, answer: dict[str, object]) -> list[str]:
    """What is wrong with an answer in this phase. Joining may have ended before it was asked."""
    may = {IDLE: {True}, RECORDING: {False}, UPLOADING: {False}, JOINING: {True, False}}[phase_name]
    problems = []
    if answer["success"] not in may:
        problems.append(f"ejecting while {phase_name} was answered {answer}")
    if not answer["success"]:
        wait_until_active(stage.controller, CONTROLLER_UNITS, stage.up_deadline_s)
        if not _mounted(stage):
            problems.append("a refused eject has unmounted the drive")
    return problems


def _away_and_back(stage: Stage, problems: list[str]) -> float:
    """The drive is said to be safe: nothing may hold it, and it stays away until it is wanted."""
    controller = stage.controller
    if mounted := _mounted(stage):
        problems.append(f"safe to remove, but mounted: {mounted}")
    held = controller.run(["sh", "-c", _EXCLUSIVE], check=False)
    if held.returncode:
        problems.append(f"safe to remove, but held: {held.stderr}")
    states = controller.run(["systemctl", "is-active", *STOPPED], check=False).stdout.split()
    if "active" in states:
        problems.append(f"safe to remove, but running: {states}")
    controller.pull(stage.drive)
    controller.plug(stage.drive, 1)
    time.sleep(STAYS_AWAY_S)
    if mounted := _mounted(stage):
        problems.append(f"mounted after an eject, though nobody asked for it: {mounted}")
    began = time.monotonic()
    answer = stage.phone.ask("POST", "/api/storage/mount")
    if not answer["success"]:
        problems.append(f"mounting again was answered {answer}")
    wait_until_healthy(stage)
    wait_until_active(controller, CONTROLLER_UNITS, stage.up_deadline_s)
    return time.monotonic() - began


def _eject_when_safe(stage: Stage, phase: Phase, problems: list[str]) -> float:
    """Refused for now; asked to wait, it must come once the work has ended."""
    for session in phase.sessions:
        stage.phone.wait_until_done(session)
    stage.phone.ask("POST", "/api/storage/eject?when=safe")
    stage.phone.wait(
        "/api/storage/status",
        lambda status: status["eject"]["phase"] == "ejected",
        SAFE_DEADLINE_S,
        "the drive is ejected once it is safe",
    )
    return _away_and_back(stage, problems)


def _mounted(stage: Stage) -> str:
    return stage.controller.run(["sh", "-c", "grep ' /mnt/' /proc/self/mountinfo || true"]).stdout


_EXCLUSIVE = """
for link in /dev/disk/by-label/logging /dev/disk/by-label/sync; do
  [ -e $link ] || continue  # powered down: the kernel has let go of the disk
  device=$(readlink -f $link)
  /usr/bin/python3 -c '
import os, sys
os.close(os.open(sys.argv[1], os.O_RDONLY | os.O_EXCL))' "$device" || exit
done
"""

for _name in (IDLE, RECORDING, JOINING, UPLOADING):
    scenario(f"eject while {_name}")(partial(_eject, _name))
