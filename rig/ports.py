"""The ports of a container: which drives are in them, and what the system inside sees of that.

A container has no udev and shares ``/sys`` with its host. So this plays their part inside: device
files and the links by UUID and label appear when a drive is plugged in and go when it is pulled,
and ``/sys/dev/block`` lists what is there and nothing else.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress

from rig.drive import Drive
from rig.loop_disk import LoopDisk

_SYS = "/sys/dev/block"
Inside = Callable[[Sequence[str]], object]
"""Runs a command as root inside, to its end."""


class Ports:
    """A disk that is pulled is let go of at once; the kernel forgets it, and its name, when nobody
    inside holds it any more."""

    def __init__(self) -> None:
        self._plugged: dict[int, LoopDisk] = {}
        self._was: dict[str, tuple[int, str]] = {}

    def prepare(self, inside: Inside) -> None:
        """Just booted: nothing but what is plugged in, each drive under a new name or the old."""
        inside(["mount", "-t", "tmpfs", "rig", _SYS])
        inside(["mkdir", "-p", "/dev/disk/by-uuid", "/dev/disk/by-label"])
        for port, disk in list(self._plugged.items()):
            if disk.is_dead:
                disk.close()
                self._plugged[port] = LoopDisk(disk.drive)
            self._show(self._plugged[port], inside)

    def plug(self, drive: Drive, port: int, inside: Inside | None) -> None:
        """Raises ``ValueError`` when the port is taken. Without ``inside`` the power is off."""
        if port in self._plugged:
            raise ValueError(f"port {port} is taken")
        disk = LoopDisk(drive)
        was_port, was_name = self._was.get(str(drive.image), (port, ""))
        if port != was_port and disk.name == was_name:  # another port, another name
            other = LoopDisk(drive)
            disk.close()
            disk = other
        self._was[str(drive.image)] = port, disk.name
        self._plugged[port] = disk
        if inside is not None:
            self._show(disk, inside)

    def pull(self, drive: Drive, inside: Inside | None) -> None:
        """Raises ``KeyError`` when the drive is in no port."""
        port = next(port for port, disk in self._plugged.items() if disk.drive == drive)
        disk = self._plugged.pop(port)
        disk.die()
        if inside is not None:
            self._hide(disk, inside)
        disk.close()

    def die(self) -> None:
        """The power is cut: nothing reaches any drive any more."""
        for disk in self._plugged.values():
            disk.die()

    def device(self, drive: Drive, partition: int) -> str:
        """The kernel's name of a partition of a drive that is plugged in."""
        disk = next(disk for disk in self._plugged.values() if disk.drive == drive)
        return disk.partition_name(partition)

    def close(self) -> None:
        for disk in self._plugged.values():
            disk.close()
        self._plugged.clear()

    def _show(self, disk: LoopDisk, inside: Inside) -> None:
        for name, (major, minor) in disk.nodes().items():
            inside(["mknod", "-m", "660", f"/dev/{name}", "b", str(major), str(minor)])
            inside(["chgrp", "disk", f"/dev/{name}"])
            place = os.path.relpath(os.path.realpath(f"/sys/class/block/{name}"), _SYS)
            inside(["ln", "-sfn", place, f"{_SYS}/{major}:{minor}"])
        for part in disk.drive.partitions:
            device = f"../../{disk.partition_name(part.number)}"
            inside(["ln", "-sfn", device, f"/dev/disk/by-uuid/{part.uuid}"])
            inside(["ln", "-sfn", device, f"/dev/disk/by-label/{part.label}"])

    def _hide(self, disk: LoopDisk, inside: Inside) -> None:
        gone = []
        with suppress(OSError):
            for name, (major, minor) in disk.nodes().items():
                gone += [f"/dev/{name}", f"{_SYS}/{major}:{minor}"]
        for part in disk.drive.partitions:
            gone += [f"/dev/disk/by-uuid/{part.uuid}", f"/dev/disk/by-label/{part.label}"]
        inside(["rm", "-f", *gone])
