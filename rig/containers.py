"""Stages of containers: from bare Debian, or from what the installer once made of it.

What the installer made is kept beside the image, under a key of all that the installer reads, so
a scenario starts in seconds with machines that were installed as a user installs them.
"""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rig.drive import Drive, Partition, make_drive
from rig.image import CHECKOUT, MOUNT_DEBS, MOUNT_WHEELS, Image, kept, key_of
from rig.lan import address_of, write_identity
from rig.layers import Layers, grown_layer
from rig.machine import at_once
from rig.nspawn import Container
from rig.shell import sh
from rig.stage import (
    CAMERAS,
    CONTROLLER,
    Stage,
    install_camera,
    install_controller,
    post_witness,
)

EXTRA_PACKAGES = ("exfat-fuse",)
INSTALLED_FROM = (
    *("install.sh", "packaging", "src", "docs/how-to"),
    *("pyproject.toml", "README.md", "LICENSE"),
)
ADDRESSES = {name: address_of(index) for index, name in enumerate((CONTROLLER, *CAMERAS))}
KEPT_S = 86_400
_CHRONY = """[Unit]
ConditionCapability=
[Service]
ExecStart=
ExecStart=!/usr/sbin/chronyd -F 1 -x
"""


class Workshop:
    """Makes machines in ``folder``; what they are made of lies in ``image``."""

    def __init__(self, image: Image, folder: Path) -> None:
        self.image = image
        self._folder = folder
        self._source = folder / "source"
        self._made = 0
        _copy_sources(self._source)

    def bare_stage(self) -> Stage:
        """Machines that nothing was installed on, and a new drive."""
        machines = [self._machine(name, [self.image.root]) for name in (CONTROLLER, *CAMERAS)]
        folder = self._next("run")
        return Stage(machines[0], machines[1:], make_drive(folder / "new.img"), folder)

    def installed_stage(self) -> Stage:
        """Machines as the installer leaves them, and the drive that was plugged in meanwhile."""
        made = self.installed()
        forget_others(made)
        controller = self.layer(made / "controller.img")
        camera = self.layer(made / "camera.img")
        machines = [self._machine(CONTROLLER, [controller, self.image.root])]
        for name in CAMERAS:
            machines.append(self._machine(name, [camera, self.image.root]))
            _rename_camera(machines[-1], name)
        folder = self._next("run")
        return Stage(machines[0], machines[1:], _copy_drive(made, folder), folder)

    def installed(self) -> Path:
        """What the installer made of bare Debian, once; a folder with an image for each role."""
        return kept("installed", [self.image.root.name, *self._inputs()], self._install)

    def _install(self, target: Path) -> None:
        """Install a controller and a camera on bare Debian and keep what was written."""
        controller = self._machine(CONTROLLER, [self.image.root])
        camera = self._machine(CAMERAS[0], [self.image.root])
        drive = make_drive(target / "drive.img")
        try:
            controller.plug(drive)
            at_once(boot_bare, (controller, camera))
            at_once(_install_role, (controller, camera))
            _name_cameras(controller)
            at_once(lambda machine: machine.shut_down(), (controller, camera))
            shutil.move(controller.layers.image, target / "controller.img")
            shutil.move(camera.layers.image, target / "camera.img")
            (target / "drive.json").write_text(json.dumps([asdict(p) for p in drive.partitions]))
        finally:
            controller.close()
            camera.close()

    def _machine(self, name: str, lower: Sequence[Path]) -> Container:
        folder = self._next(name)
        layers = Layers(folder, lower)
        write_identity(layers.root, name, ADDRESSES)
        binds = {
            self.image.debs: MOUNT_DEBS,
            self.image.wheels: MOUNT_WHEELS,
            self._source: "/srv/ctlr",
        }
        return Container(name, ADDRESSES[name], layers, folder, binds)

    def layer(self, image: Path) -> Path:
        """An image of ``installed``, mounted as a layer."""
        target = self._folder / image.stem
        return target / "upper" if target.is_dir() else grown_layer(image, target)

    def _inputs(self) -> list[str]:
        files = sorted(path for path in self._source.rglob("*") if path.is_file())
        files += [
            Path(__file__).with_name(f"{name}.py") for name in ("containers", "stage", "witness")
        ]
        return [key_of([path.name, path.read_bytes().hex()]) for path in files]

    def _next(self, what: str) -> Path:
        self._made += 1
        folder = self._folder / f"{self._made}-{what}"
        folder.mkdir()
        return folder


def boot_bare(machine: Container) -> None:
    """Boot bare Debian, and add what a container lacks beside a machine: exFAT in its kernel, and
    a clock of its own."""
    machine.boot()
    machine.run(["apt-get", "-qq", "update"])
    machine.run(
        ["apt-get", "-qq", "install", "--yes", "--no-install-recommends", *EXTRA_PACKAGES],
        deadline_s=300,
    )
    machine.run(["ln", "-sf", "mount.exfat-fuse", "/sbin/mount.exfat"])
    machine.run(["mkdir", "-p", "/etc/systemd/system/chrony.service.d"])
    machine.run(["tee", "/etc/systemd/system/chrony.service.d/rig.conf"], stdin=_CHRONY)


def _install_role(machine: Container) -> None:
    if machine.name == CONTROLLER:
        install_controller(machine)
    else:
        install_camera(machine)
        post_witness(machine)


def _name_cameras(controller: Container) -> None:
    nodes = ", ".join(f'"{name}:8080"' for name in CAMERAS)
    controller.run(["sed", "-i", f"s/^nodes = .*/nodes = [{nodes}]/", "/etc/ctlr/ctlr.toml"])


def _rename_camera(machine: Container, name: str) -> None:
    settings = machine.layers.root / "etc/ctlr/ctlr.toml"
    text = settings.read_text()
    assert f'node = "{CAMERAS[0]}"' in text
    settings.write_text(text.replace(f'node = "{CAMERAS[0]}"', f'node = "{name}"'))


def forget_others(made: Path) -> None:
    """Each change of a source makes a new one; those of yesterday are of no use any more."""
    for other in made.parent.glob(f"{made.name.rpartition('-')[0]}-*"):
        if time.time() - other.stat().st_mtime > KEPT_S and other != made:
            shutil.rmtree(other)


def _copy_sources(target: Path) -> None:
    target.mkdir()
    for name in INSTALLED_FROM:
        source = CHECKOUT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(source, target / name, ignore=ignore)
        else:
            shutil.copy2(source, target / name)


def _copy_drive(made: Path, folder: Path) -> Drive:
    image = folder / "drive.img"
    sh(["cp", "--sparse=always", "--reflink=auto", made / "drive.img", image])
    logging, sync = (Partition(**part) for part in json.loads((made / "drive.json").read_text()))
    return Drive(image, logging, sync)
