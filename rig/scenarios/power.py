"""Reboots and power cuts of controller and cameras, at instants that chance chooses."""

import random
import time
from collections.abc import Callable
from functools import partial

from rig import account
from rig.machine import Machine
from rig.scenario import Outcome, Stages, scenario
from rig.scenarios.phases import JOINING, RECORDING, STOPPING, enter
from rig.scenarios.pull import wait_until_healthy
from rig.stage import Stage

DARK_S = 2.0
MOST_LOST_S = 1.0
"""Of unfinished video, for each interruption."""
_LAST_FRAME = (
    "awk -F, 'FNR > 1 && $3 <= {until} && $3 > last {{ last = $3 }} END {{ printf \"%.0f\", last }}' "
    "/mnt/logging/{camera}/{session}/*.frames.csv"
)


Disturb = Callable[[Machine], float]
"""Turns a machine off and on again; returns when it began to come back (monotonic)."""


def _reboot(machine: Machine) -> float:
    began = time.monotonic()
    machine.reboot()
    return began


def _cut(machine: Machine) -> float:
    machine.cut_power()
    began = time.monotonic()
    machine.boot()
    return began


def _controller(
    disturb: Disturb, phase_name: str, stages: Stages, chance: random.Random
) -> Outcome:
    """The cameras go on recording meanwhile: nothing of the video may be lost."""
    stage = stages.installed_stage()
    stage.boot()
    prober = stage.prober()
    prober.start()
    phase = enter(stage, phase_name, chance)
    prober.pause()
    began = disturb(stage.controller)
    wait_until_healthy(stage)
    recover_s = time.monotonic() - began
    prober.go_on()
    stage.phone.wait_until_connected(len(stage.cameras))
    phase.leave()
    outcome = Outcome(account.take(stage, phase.sessions, prober.stop()), [recover_s])
    for manifest in outcome.account.manifests.values():
        outcome.lost_video_s.append(gaps_s(manifest))
        if gaps_s(manifest) > 0:
            outcome.account.problems.append(f"the cameras were never off, but: {manifest}")
    return outcome


def _camera(disturb: Disturb, stages: Stages, chance: random.Random) -> Outcome:
    """It takes its recording up again by itself; at most the last second before is lost."""
    stage = stages.installed_stage()
    stage.boot()
    prober = stage.prober()
    prober.start()
    phase = enter(stage, RECORDING, chance)
    camera = chance.choice(stage.cameras)
    cut_at = time.time()
    began = disturb(camera)
    stage.phone.wait_until_recording(phase.sessions[-1])
    recover_s = time.monotonic() - began
    time.sleep(chance.uniform(1.0, 3.0))
    phase.leave()
    stage.phone.wait_until_done(phase.sessions[-1])
    lost_s = lost_before(stage, camera, phase.sessions[-1], cut_at)
    outcome = Outcome(account.take(stage, phase.sessions, prober.stop()), [recover_s])
    note_lost(outcome, camera, lost_s)
    return outcome


def note_lost(outcome: Outcome, camera: Machine, lost_s: float) -> None:
    outcome.lost_video_s.append(lost_s)
    if lost_s > MOST_LOST_S:
        outcome.account.problems.append(f"{camera.name}: {lost_s:.2f} s of video are lost")


def lost_before(stage: Stage, camera: Machine, session: str, cut_at: float) -> float:
    """How long before the cut the last frame was taken that is still there."""
    command = _LAST_FRAME.format(until=round(cut_at * 1e6), camera=camera.name, session=session)
    last_us = int(float(stage.controller.run(["sh", "-c", command]).stdout))
    return cut_at - last_us / 1e6


def gaps_s(manifest: dict[str, object]) -> float:
    """Seconds of video that a manifest says are missing."""
    sources = manifest["sources"]
    assert isinstance(sources, dict)
    gaps = [gap for source in sources.values() for gap in source.get("gaps", [])]
    return sum(gap["expected_ms"] or 0 for gap in gaps) / 1000


for _name in (RECORDING, STOPPING, JOINING):
    scenario(f"controller's power cut while {_name}", full=10)(partial(_controller, _cut, _name))
    scenario(f"controller rebooted while {_name}", short=int(_name == RECORDING), full=10)(
        partial(_controller, _reboot, _name)
    )
scenario("a camera's power cut while recording", full=10)(partial(_camera, _cut))
scenario("a camera rebooted while recording", short=0, full=10)(partial(_camera, _reboot))
