"""A drive on a loop device, with partitions that can die under whoever uses them.

The kernel forgets the device when this process lets go of it and nothing uses it any more
(autoclear), so a run that is killed leaves none behind. Partitions are added by hand: not every
kernel knows how to read a partition table.

*Dead* is what a pulled drive looks like from above: the device is moved to where its image has
nothing, so every read and write that reaches it fails, while what is mounted stays mounted and
the cached part of it readable. A loop device that is in use cannot vanish from ``/sys``; the machine that
it is plugged into has to hide it there.
"""

import ctypes
import fcntl
import os
import struct
import time
from contextlib import suppress
from pathlib import Path

from rig.drive import Drive

_LOOP_CONTROL, _GET_FREE = "/dev/loop-control", 0x4C82
_CONFIGURE, _SET_STATUS = 0x4C0A, 0x4C04
_AUTOCLEAR, _PARTSCAN = 4, 8
_BLKPG, _ADD, _DELETE = 0x1269, 1, 2
_MAJOR = 7
_NOWHERE = 1 << 61
"""Further than any file system's files reach: reads find nothing there, writes are refused."""

_CLAIM_TRIES = 50


class _Partition(ctypes.Structure):
    _fields_ = (
        ("start", ctypes.c_longlong),
        ("length", ctypes.c_longlong),
        ("number", ctypes.c_int),
        ("unused", ctypes.c_char * 128),
    )


class _Request(ctypes.Structure):
    _fields_ = (
        ("operation", ctypes.c_int),
        ("flags", ctypes.c_int),
        ("length", ctypes.c_int),
        ("data", ctypes.c_void_p),
    )


class LoopDisk:
    """A drive that is plugged in: ``name`` is the disk's (``loop3``)."""

    def __init__(self, drive: Drive) -> None:
        self.drive = drive
        self.is_dead = False
        self._fd = _claim(drive.image)
        self.name = f"loop{os.minor(os.fstat(self._fd).st_rdev)}"
        for partition in drive.partitions:
            if not self._sys(partition.number).exists():
                self._change(_ADD, partition.number, partition.offset, partition.length)

    def nodes(self) -> dict[str, tuple[int, int]]:
        """Device numbers (major, minor) by name: the disk and its partitions."""
        names = [self.name, *(f"{self.name}p{part.number}" for part in self.drive.partitions)]
        return {name: _number(Path("/sys/class/block", name)) for name in names}

    def partition_name(self, number: int) -> str:
        return f"{self.name}p{number}"

    def die(self) -> None:
        """Every read and write fails from now on."""
        if self.is_dead:
            return
        self.is_dead = True
        fcntl.ioctl(self._fd, _SET_STATUS, _loop_info(_NOWHERE))

    def close(self) -> bool:
        """Let go of it; returns whether nothing else holds it any more."""
        if self._fd < 0:
            return True
        for partition in self.drive.partitions:
            with suppress(OSError):
                self._change(_DELETE, partition.number, 0, 0)
        is_free = not any(self._sys(part.number).exists() for part in self.drive.partitions)
        os.close(self._fd)
        self._fd = -1
        return is_free

    def _sys(self, number: int) -> Path:
        return Path("/sys/class/block", self.partition_name(number))

    def _change(self, operation: int, number: int, start: int, length: int) -> None:
        partition = _Partition(start, length, number, b"")
        request = _Request(operation, 0, ctypes.sizeof(partition), ctypes.addressof(partition))
        fcntl.ioctl(self._fd, _BLKPG, request)


def _claim(image: Path) -> int:
    """A free loop device over an image, as a file descriptor of it. Raises ``OSError``."""
    backing = os.open(image, os.O_RDWR | os.O_CLOEXEC)
    control = os.open(_LOOP_CONTROL, os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(_CLAIM_TRIES):
            device = _open_device(fcntl.ioctl(control, _GET_FREE))
            config = struct.pack("<II", backing, 0) + _loop_info(0) + bytes(64)
            try:
                fcntl.ioctl(device, _CONFIGURE, config)
            except OSError:  # another process was faster
                os.close(device)
                time.sleep(0.05)
                continue
            return device
        raise OSError(f"no loop device is to be had for {image}")
    finally:
        os.close(control)
        os.close(backing)


def _loop_info(offset: int) -> bytes:
    """``struct loop_info64``: where in the image the device begins, and how it ends."""
    return struct.pack("<5Q4I160s2Q", 0, 0, 0, offset, *[0] * 4, _AUTOCLEAR | _PARTSCAN, b"", 0, 0)


def _open_device(minor: int) -> int:
    path = f"/dev/loop{minor}"
    if not os.path.exists(path):
        os.mknod(path, 0o60660, os.makedev(_MAJOR, minor))
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)


def _number(device: Path) -> tuple[int, int]:
    major, minor = (device / "dev").read_text().strip().split(":")
    return int(major), int(minor)
