"""A stage: a controller, cameras, a drive, and the phone that drives them. Level does not matter.

``Settings`` of the cameras are small pictures in short segments: many segments in little time,
on two cores that also carry the machines.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.drive import Drive
from rig.machine import Machine, at_once
from rig.phone import Phone
from rig.prober import Prober

CONTROLLER = "ctlr"
CAMERAS = ("cam-1", "cam-2")
INSTALLER = "/srv/ctlr/install.sh"
PICTURE = "width = 320\nheight = 180\nfps = 15\nbitrate_kbps = 400\nsegment_s = 2\n"
WITNESS = "rig-witness"
SEEN = "/var/lib/rig-witness"
SPOOL = "/var/lib/ctlr/spool"
CONTROLLER_UNITS = (
    "ctlr-api",
    "mount-watcher",
    "can-listener",
    "log-subscriber",
    "ctlr-rsyncd",
    "ctlr-privileged.socket",
    "mosquitto",
    "chrony",
)
CAMERA_UNITS = ("ctlr-camera", "chrony")
INSTALL_DEADLINE_S = 600.0
UP_DEADLINE_S = 60.0


@dataclass
class Stage:
    """``folder`` is this run's, for what it notes. Limits of time are ``slowness`` times longer."""

    controller: Machine
    cameras: Sequence[Machine]
    drive: Drive
    folder: Path
    slowness: float = 1.0
    is_emulated: bool = False

    @property
    def machines(self) -> list[Machine]:
        return [self.controller, *self.cameras]

    @property
    def up_deadline_s(self) -> float:
        """How long services and machines may take to be there."""
        return UP_DEADLINE_S * self.slowness

    @property
    def phone(self) -> Phone:
        return Phone(self.controller.address)

    def prober(self) -> Prober:
        return Prober(self.controller.address, 8000, self.folder / "probes.txt")

    def boot(self) -> None:
        """All machines on, with the drive in port 0; the rig is ready to record when it returns."""
        self.controller.plug(self.drive)
        at_once(lambda machine: machine.boot(), self.machines)
        self.phone.wait_until_ready(len(self.cameras), self.up_deadline_s)

    def close(self) -> None:
        for machine in self.machines:
            machine.close()


def install_controller(machine: Machine, *options: str) -> str:
    """Run the installer; returns what it said."""
    return install(machine, "controller", *options)


def install_camera(machine: Machine, *options: str) -> str:
    """Run the installer, then make the camera's pictures small and its segments short."""
    said = install(machine, "camera", "--controller", CONTROLLER, *options)
    machine.run(["sh", "-c", f"printf '{PICTURE!s}' >> /etc/ctlr/ctlr.toml".replace("\n", "\\n")])
    machine.run(["systemctl", "restart", "ctlr-camera"])
    return said


def install(machine: Machine, *arguments: str) -> str:
    done = machine.run(
        [INSTALLER, *arguments, "--wheels", "/srv/wheels"], deadline_s=INSTALL_DEADLINE_S
    )
    return done.stdout


def post_witness(camera: Machine) -> None:
    """Have every finished segment of a camera seen from now on, over restarts too."""
    camera.copy_in(Path(__file__).with_name("witness.py"), "/srv/rig/witness.py")
    unit = (
        "[Unit]\nBefore=ctlr-camera.service\n[Service]\n"
        f"ExecStart=/usr/bin/python3 /srv/rig/witness.py {SPOOL} {SEEN}\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )
    camera.run(["tee", f"/etc/systemd/system/{WITNESS}.service"], stdin=unit)
    camera.run(["systemctl", "enable", "--now", WITNESS])


def adopt(controller: Machine, cameras: Sequence[str]) -> None:
    """Take cameras into the rig, as a person would at the controller."""
    for camera in cameras:
        controller.run(["ctlr", "nodes", "add", f"{camera}:8080"])


def wait_until_active(
    machine: Machine, units: Sequence[str], deadline_s: float = UP_DEADLINE_S
) -> None:
    """Raises ``TimeoutError`` naming the units that are not active."""
    until = time.monotonic() + deadline_s
    while True:
        states = machine.run(["systemctl", "is-active", *units], check=False).stdout.split()
        missing = [unit for unit, state in zip(units, states, strict=True) if state != "active"]
        if not missing:
            return
        if time.monotonic() > until:
            raise TimeoutError(f"{machine.name}: not active: {', '.join(missing)}")
        time.sleep(0.3)
