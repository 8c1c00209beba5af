"""A drive that is not the right one, is full, turns read-only or hangs."""

import random
import time
from pathlib import Path

from rig import account
from rig.drive import Drive, make_drive
from rig.layers import mount_image
from rig.nspawn import Container
from rig.prober import Prober
from rig.scenario import Outcome, Stages, scenario
from rig.scenarios.phases import RECORDING, Phase, enter
from rig.scenarios.pull import wait_until_healthy, wait_until_unhealthy
from rig.shell import sh
from rig.stage import Stage, install_controller

WATCHED_S = 4.0
HANGS_S = 12.0
NOTICED_S = 60.0
KEEP_FREE_KB = 20_000


@scenario("wrong drive with the same labels")
def wrong_drive(stages: Stages, chance: random.Random) -> Outcome:
    stage, prober, phase = _recording(stages, chance)
    wrong = make_drive(stage.folder / "wrong.img", logging_mb=64, sync_mb=64)
    before = sh(["sha256sum", wrong.image]).split()[0]
    stage.controller.pull(stage.drive)
    wait_until_unhealthy(stage)
    stage.controller.plug(wrong)
    time.sleep(WATCHED_S)
    problems = []
    if stage.phone.ask("GET", "/api/storage/status")["healthy"]:
        problems.append("a wrong drive is called well")
    stage.controller.pull(wrong)
    if sh(["sha256sum", wrong.image]).split()[0] != before:
        problems.append("a wrong drive was written to")
    stage.controller.plug(stage.drive)
    recover_s = wait_until_healthy(stage)
    phase.leave()
    outcome = Outcome(account.take(stage, phase.sessions, prober.stop()), [recover_s], [0.0])
    outcome.account.problems += problems
    return outcome


@scenario("several drives in turn, known by their labels")
def in_turn(stages: Stages, chance: random.Random) -> Outcome:
    """A further drive is a stranger's until a person says otherwise, and nothing is written to it;
    from then on both are taken without a word."""
    stage = stages.installed_stage()
    stage.boot()
    labels = ("--logging-device", "LABEL=logging", "--sync-device", "LABEL=sync")
    install_controller(stage.controller, *labels)
    wait_until_healthy(stage)
    first, second = stage.drive, make_drive(stage.folder / "second.img")
    problems = _swap(stage, first, second)
    if (told := stage.phone.ask("POST", "/api/storage/mount"))["success"]:
        problems.append(f"a stranger's drive was taken: {told}")
    time.sleep(WATCHED_S)
    if mounted := stage.controller.run(
        ["grep", " /mnt/", "/proc/self/mountinfo"], check=False
    ).stdout:
        problems.append(f"a stranger's drive stays mounted: {mounted}")
    if (found := _names_on_the_drive(stage)) != {".", "..", "lost+found"}:
        problems.append(f"written to a stranger's drive: {found}")
    began = time.monotonic()
    stage.controller.run(["ctlr", "storage", "adopt"])
    wait_until_healthy(stage)
    recover_s = time.monotonic() - began
    for out, come in ((second, first), (first, second)):
        problems += _swap(stage, out, come)
        stage.controller.run(["ctlr", "storage", "mount"])
        wait_until_healthy(stage)
    stage.drive = second
    stage.phone.wait_until_ready(len(stage.cameras))
    prober = stage.prober()
    prober.start()
    phase = enter(stage, RECORDING, chance)
    phase.leave()
    outcome = Outcome(account.take(stage, phase.sessions, prober.stop()), [recover_s])
    outcome.account.problems += problems
    return outcome


def _swap(stage: Stage, out: Drive, come: Drive) -> list[str]:
    told = stage.phone.ask("POST", "/api/storage/eject")
    stage.controller.pull(out)
    stage.controller.plug(come)
    return [] if told["success"] else [f"not ejected: {told}"]


def _names_on_the_drive(stage: Stage) -> set[str]:
    """What lies on the logging volume, which is not mounted."""
    listed = stage.controller.run(["debugfs", "-R", "ls -p /", "/dev/disk/by-label/logging"]).stdout
    return {line.split("/")[5] for line in listed.splitlines() if line.startswith("/")}


@scenario("drive full while recording")
def full(stages: Stages, chance: random.Random) -> Outcome:
    """The cameras hold what does not fit, and deliver it once there is room."""
    stage, prober, phase = _recording(stages, chance)
    fill = (
        "free=$(df --output=avail -k /mnt/logging | tail -1); "
        f"fallocate -l $((free - {KEEP_FREE_KB}))K /mnt/logging/filler"
    )
    stage.controller.run(["sh", "-c", fill])
    stage.phone.wait(
        "/api/status",
        lambda status: any(camera["segments_pending"] for camera in status["cameras"]),
        NOTICED_S,
        "the cameras hold their segments",
    )
    stage.phone.stop(phase.sessions[-1])
    time.sleep(WATCHED_S)
    half = stage.controller.run(["find", "/mnt/sync", "-name", "manifest.json"]).stdout
    stage.controller.run(["rm", "/mnt/logging/filler"])
    began = time.monotonic()
    stage.phone.wait_until_done(phase.sessions[-1])
    recover_s = time.monotonic() - began
    outcome = Outcome(account.take(stage, phase.sessions, prober.stop()), [recover_s], [0.0])
    if half:
        outcome.account.problems.append(f"made of what was there: {half}")
    return outcome


@scenario("drive turns read-only while recording")
def read_only(stages: Stages, chance: random.Random) -> Outcome:
    stage, prober, phase = _recording(stages, chance)
    assert isinstance(stage.controller, Container)
    device = stage.controller.device(stage.drive, stage.drive.logging.number)
    Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("rig")
    wait_until_unhealthy(stage)
    recover_s = wait_until_healthy(stage)
    phase.leave()
    return Outcome(account.take(stage, phase.sessions, prober.stop()), [recover_s], [0.0])


@scenario("drive hangs while recording")
def hanging(stages: Stages, chance: random.Random) -> Outcome:
    """The image lies on a file system that is frozen: whoever writes waits until it thaws."""
    stage = stages.installed_stage()
    below = stage.folder / "below"
    stage.drive = _on_a_file_system_of_its_own(stage, below)
    stage.boot()
    prober = stage.prober()
    prober.start()
    phase = enter(stage, RECORDING, chance)
    sh(["fsfreeze", "--freeze", below])
    try:
        wait_until_unhealthy(stage)
        time.sleep(HANGS_S)
    finally:
        sh(["fsfreeze", "--unfreeze", below])
    recover_s = wait_until_healthy(stage)
    phase.leave()
    return Outcome(account.take(stage, phase.sessions, prober.stop()), [recover_s], [0.0])


def _recording(stages: Stages, chance: random.Random) -> tuple[Stage, Prober, Phase]:
    stage = stages.installed_stage()
    stage.boot()
    prober = stage.prober()
    prober.start()
    return stage, prober, enter(stage, RECORDING, chance)


def _on_a_file_system_of_its_own(stage: Stage, below: Path) -> Drive:
    image = stage.folder / "below.img"
    with open(image, "xb") as file:
        file.truncate(stage.drive.image.stat().st_size * 5 // 4)
    sh(["mkfs.ext4", "-q", "-F", image])
    mount_image(image, below)
    moved = below / "drive.img"
    sh(["cp", "--sparse=always", stage.drive.image, moved])
    return Drive(moved, stage.drive.logging, stage.drive.sync)
