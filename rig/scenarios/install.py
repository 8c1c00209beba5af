"""Installing: on bare Debian until a session is verified, again, for show, and off again."""

import random
import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rig import account
from rig.containers import INSTALLED_FROM, boot_bare
from rig.drive import read_drive
from rig.image import CHECKOUT
from rig.machine import Machine, MachineError, at_once
from rig.nspawn import Container
from rig.scenario import Outcome, Stages, scenario
from rig.scenarios.pull import wait_until_healthy
from rig.stage import (
    CAMERAS,
    CONTROLLER_UNITS,
    INSTALLER,
    Stage,
    adopt,
    install,
    install_camera,
    install_controller,
    post_witness,
    wait_until_active,
)

RECORD_S = 6.0
BLANK_MB = 1024
DISK_S = 60.0
_TIMED_OUT = 124  # of timeout(1): it was still following
_RECORDED = "find cam-* -type f -exec sha256sum {} + | sort"
_SNAPSHOT = (
    "find /etc /usr /opt /var/lib/ctlr* /mnt -xdev -newer /run/rig-mark "
    "-not -path '/etc/.pwd.lock' -not -path '/var/lib/ctlr*' | sort"
)


_MISTYPED = (
    "camera --controller --dry-run",
    "camera --dry-run --controller",
    "camera --controller ctlr:8000",
    "camera --controller http://ctlr",
    "camera --controller ctlr --source rtsp",
    "camera --controller ctlr --device /dev/video0",
    "controller --format-disk --yes",
    "controller --logging-device /dev/nothing",
    "controller --sync-device UUID=12-34",
    "controller --name can",
    "contoller",
    "--uninstall camera",
    "camera --controller ctlr \N{EM DASH}dry-run",
    "camera \N{EN DASH}controller ctlr",
    "camera --controller= ctlr",
    "camera --controller ctlr --ssh --ssh",
    "camera --controller 'ctlr\\'",
    "camera --controller 'melb-01 ctlr'",
    "camera --controller fd00::10",
    "camera --controller ctlr --name CAM-1",
)
_ON_A_CONTROLLER = (
    "camera --controller ctlr",
    "camera --name ctlr",
    "camera --name beside --controller cam-1",
    "camera --name beside --port 8000",
    "controller --name other",
    "controller --sync-device /dev/nothing",
)
_STATE = (
    "find /etc /usr /opt /srv -xdev -printf '%p %m %U:%G %T@ %s\\n' | sort; "
    "ls /mnt; dpkg-query -W; getent passwd; systemctl list-unit-files --no-legend"
)


@scenario("install on bare Debian and record")
def install_and_record(stages: Stages, _chance: random.Random) -> Outcome:
    stage = stages.bare_stage()
    _boot_bare(stage)
    said = install_controller(stage.controller, "--dry-run")
    assert "would build ctlr" in said, said
    assert stage.controller.run(["id", "ctlr"], check=False).returncode != 0
    assert stage.controller.run(["ls", "/opt"]).stdout == ""
    _refused_beside_fstab(stage.controller)
    _refused_unchanged(stage.controller, _MISTYPED)
    install_controller(stage.controller)
    wait_until_healthy(stage)  # mounting ends what the installation has begun
    _refused_unchanged(stage.controller, _ON_A_CONTROLLER)
    _camera_beside(stage.controller)
    at_once(install_camera, stage.cameras)
    at_once(post_witness, stage.cameras)
    began = time.monotonic()
    adopt(stage.controller, CAMERAS)
    stage.phone.wait_until_ready(len(CAMERAS))
    recover_s = time.monotonic() - began
    prober = stage.prober()
    prober.start()
    session = record(stage, RECORD_S)
    prober.pause()
    _work_as_printed(stage)
    prober.go_on()
    outcome = Outcome(account.Account(), [recover_s])
    found = stage.phone.upload(session, "accelerometer.csv", b"time,x,y,z\n1,0,0,9.81\n")
    assert found["success"], found
    stage.phone.wait_until_done(session)
    outcome.account = account.take(stage, [session], prober.stop())
    if not outcome.account.manifests[session]["complete"]:
        outcome.account.problems.append("the session is not complete")
    return outcome


@scenario("install again, uninstall, install once more")
def install_again(stages: Stages, _chance: random.Random) -> Outcome:
    stage = stages.installed_stage()
    stage.boot()
    controller = stage.controller
    prober = stage.prober()
    prober.start()
    problems = []
    session = record(stage, RECORD_S)
    stage.phone.wait_until_done(session)
    controller.run(["touch", "/run/rig-mark"])
    for _ in range(2):
        said = install_controller(controller)
        if said != "Nothing to change.\n":
            problems.append(f"a second installation changes something: {said}")
    changed = controller.run(["sh", "-c", _SNAPSHOT], check=False).stdout
    if changed:
        problems.append(f"a second installation has touched {changed}")
    prober.pause()
    problems += _uninstall(stage)
    install_controller(controller)
    stage.phone.wait_until_ready(len(stage.cameras))
    prober.go_on()
    again = record(stage, RECORD_S)
    outcome = Outcome(account.take(stage, [session, again], prober.stop()))
    outcome.account.problems += problems
    return outcome


@scenario("new disk, made a drive by the installer", short=0)
def format_disk(stages: Stages, chance: random.Random) -> Outcome:
    """A blank USB disk replaces the drive; it takes a real kernel to see its partitions come."""
    stage = stages.emulated_stage(chance)
    stage.boot()
    controller = stage.controller
    for name in INSTALLED_FROM:
        controller.copy_in(CHECKOUT / name, f"{Path(INSTALLER).parent}/{name}")
    controller.pull(stage.drive)
    image = stage.folder / "blank.img"
    with open(image, "xb") as file:
        file.truncate(BLANK_MB << 20)
    blank = replace(stage.drive, image=image)
    controller.plug(blank, 1)
    disk = _wait_for_disk(controller)
    options = ("controller", "--format-disk", disk, "--yes")
    shown = install(controller, *options, "--dry-run")
    assert f"would erase {disk}" in shown, shown
    began = time.monotonic()
    install(controller, *options)
    wait_until_healthy(stage)
    recover_s = time.monotonic() - began
    stage.phone.wait_until_ready(len(stage.cameras))
    prober = stage.prober()
    prober.start()
    session = record(stage, RECORD_S)
    stage.phone.wait_until_done(session)
    controller.pull(blank)  # only now the image holds what was written to it
    stage.drive = read_drive(image)
    assert [part.label for part in stage.drive.partitions] == ["logging", "sync"]
    controller.plug(stage.drive)
    wait_until_healthy(stage)
    return Outcome(account.take(stage, [session], prober.stop()), [recover_s])


def _wait_for_disk(controller: Machine) -> str:
    """The device file of the one USB disk, once the kernel has found it."""
    until = time.monotonic() + DISK_S
    while time.monotonic() < until:
        told = controller.run(["lsblk", "--nodeps", "--noheadings", "--output", "NAME,TRAN"]).stdout
        found = [words[0] for line in told.splitlines() if (words := line.split())[1:] == ["usb"]]
        if found:
            return f"/dev/{found[0]}"
        time.sleep(0.5)
    raise MachineError(f"{controller.name} does not see its USB disk: {told}")


def record(stage: Stage, seconds: float) -> str:
    """A session from start to stop, undisturbed."""
    session = stage.phone.start()
    stage.phone.wait_until_recording(session)
    time.sleep(seconds)
    stage.phone.stop(session)
    return session


def _boot_bare(stage: Stage) -> None:
    stage.controller.plug(stage.drive)
    containers = [machine for machine in stage.machines if isinstance(machine, Container)]
    assert len(containers) == len(stage.machines), "bare machines are containers"
    at_once(boot_bare, containers)


def _refused_beside_fstab(controller: Machine) -> None:
    """An older rig mounts the drive by itself; that would win over what the installer sets up."""
    controller.run(["sh", "-c", "echo '/dev/sdx2 /mnt/sync exfat defaults' >> /etc/fstab"])
    refused = controller.run([INSTALLER, "controller"], check=False)
    assert refused.returncode == 1, refused
    assert "/dev/sdx2 /mnt/sync" in refused.stderr, refused
    controller.run(["sed", "-i", "/sdx2/d", "/etc/fstab"])


def _refused_unchanged(machine: Machine, lines: Sequence[str]) -> None:
    """A line that was mistyped is refused, and the machine is what it was."""

    def state() -> set[str]:
        told = machine.run(["sh", "-c", _STATE], check=False).stdout
        return set(told.splitlines())

    before = state()
    for line in lines:
        refused = machine.run([INSTALLER, *shlex.split(line)], check=False)
        assert refused.returncode in {1, 2}, refused
        assert refused.stderr.startswith("install.sh: "), refused
        assert refused.stdout == "", refused
    after = state()
    assert after == before, sorted(after ^ before)


def _camera_beside(controller: Machine) -> None:
    """A camera on the controller has its own settings and unit; the rig's clock stays, and off it
    comes again so that the session is that of the others."""
    kept = "/etc/chrony/conf.d/ctlr.conf /etc/ctlr/ctlr.toml"
    before = controller.run(["sh", "-c", f"sha256sum {kept}"]).stdout
    said = install(controller, "camera", "--name", "beside")
    assert "ctlr nodes add 127.0.0.1:8080 --name beside" in said, said
    assert controller.run(["sh", "-c", f"sha256sum {kept}"]).stdout == before
    wait_until_active(controller, [*CONTROLLER_UNITS, "ctlr-camera@beside"])
    assert install(controller, "camera", "--name", "beside") == "Nothing to change.\n"
    assert install_controller(controller) == "Nothing to change.\n"
    controller.run(["ctlr", "nodes", "add", "127.0.0.1:8080", "--name", "beside"])
    controller.run(["ctlr", "nodes", "remove", "beside"])
    controller.run(["systemctl", "disable", "--now", "ctlr-camera@beside"])


def _work_as_printed(stage: Stage) -> None:
    """The lines that are printed on the rig's instruction sheet."""
    controller = stage.controller
    for unit in ("ctlr-api", "mount-watcher"):
        controller.run(["systemctl", "start", unit])
        assert "active (running)" in controller.run(["systemctl", "status", unit]).stdout
        followed = controller.run(
            ["timeout", "1", "journalctl", "-u", unit, "-f", "--no-pager"], check=False
        )
        assert " ctlr[" in followed.stdout, followed
        assert followed.returncode == _TIMED_OUT, followed
    controller.run(["systemctl", "restart", "ctlr-api", "mount-watcher"])
    wait_until_active(controller, CONTROLLER_UNITS)
    stage.phone.wait_until_ready(len(stage.cameras))


def _uninstall(stage: Stage) -> list[str]:
    """Off again; what is left must be what was recorded, and what is set."""
    controller = stage.controller
    before = controller.run(["sh", "-c", f"cd /mnt/logging && {_RECORDED}"]).stdout
    said = controller.run([INSTALLER, "--uninstall"], deadline_s=120).stdout
    problems = [] if "are still there" in said else [f"it does not say what is left: {said}"]
    left = controller.run(
        ["sh", "-c", "ls -d /opt/ctlr /usr/local/lib/ctlr /usr/local/bin/ctlr /mnt/logging"],
        check=False,
    ).stdout
    problems += [f"not removed: {left}"] if left else []
    kept = controller.run(["ls", "/etc/ctlr/ctlr.toml", "/var/lib/ctlr/ctlr.db"], check=False)
    problems += [f"removed: {kept.stderr}"] if kept.returncode else []
    controller.run(["sh", "-c", "mount /dev/disk/by-label/logging /media"])
    after = controller.run(["sh", "-c", f"cd /media && {_RECORDED}"]).stdout
    controller.run(["umount", "/media"])
    problems += [] if before and before == after else [f"recordings are gone: {before} {after}"]
    if controller.run([INSTALLER, "--uninstall"]).stdout != "Nothing to change.\n":
        problems.append("a second removal changes something")
    return problems
