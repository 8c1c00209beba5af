"""A portable drive as a real block device: one disk, an ext4 and an exFAT partition, on a loop
device. Everything is mounted in a mount namespace of this test process, so nothing of it is seen
outside, and nothing stays when the process is killed.
"""

import ctypes
import fcntl
import os
import struct
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from rig.drive import make_exfat

from ctlr.storage.table import read_mounts

MIB = 1 << 20
_CLONE_NEWNS = 0x20000
_MS_REC_PRIVATE = 0x4000 | 0x40000
_libc = ctypes.CDLL(None, use_errno=True)


def leave_the_hosts_namespace() -> None:
    """Mounts of this process and its children are its own from now on. On the main thread."""
    if _libc.unshare(_CLONE_NEWNS) or _libc.mount(b"none", b"/", None, _MS_REC_PRIVATE, None):
        raise OSError(ctypes.get_errno(), "no mount namespace of our own")


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


class Disk:
    """One drive. ``logging`` and ``sync`` are its partitions' device files while it is plugged in."""

    def __init__(self, image: Path, logging_mib: int = 24, sync_mib: int = 12) -> None:
        self.image = image
        self.loop = ""
        with open(image, "wb") as file:
            file.truncate((logging_mib + sync_mib + 4) * MIB)
        table = f"label: gpt\nsize={logging_mib}M\nsize={sync_mib}M\n"
        subprocess.run(["sfdisk", "-q", image], input=table, text=True, check=True)
        self.plug()
        try:
            self._format()
        except BaseException:
            self.unplug()
            raise

    def _format(self) -> None:
        run("mkfs.ext4", "-q", "-F", "-L", "ctlr-logging", self.logging)
        make_exfat(self.sync, "ctlr-sync")
        self.logging_uuid = uuid_of(self.logging)
        self.sync_uuid = uuid_of(self.sync)

    @property
    def logging(self) -> str:
        return f"{self.loop}p1"

    @property
    def sync(self) -> str:
        return f"{self.loop}p2"

    def plug(self) -> None:
        """Into the next free port: like a USB disk, it may come back under another name."""
        self.loop = run("losetup", "--find", "--show", self.image).strip()
        run("partx", "--update", self.loop)  # also takes away what an earlier disk left there
        until = time.monotonic() + 10
        while not (os.path.exists(self.logging) and os.path.exists(self.sync)):
            assert time.monotonic() < until, "the partitions have not appeared"
            time.sleep(0.02)

    def unplug(self) -> None:
        """Take an unmounted drive out."""
        if self.loop:
            until = time.monotonic() + 20
            while subprocess.run(["partx", "--delete", self.loop], check=False).returncode:
                assert time.monotonic() < until, "somebody still uses the disk"
                time.sleep(0.1)  # a process that was killed lets go in a moment
            run("losetup", "--detach", self.loop)
            self.loop = ""


def uuid_of(device: str) -> str:
    return run("blkid", "-p", "-s", "UUID", "-o", "value", device).strip()


def unmount_device(device: str) -> None:
    """Unmount a device everywhere, once those let go that were stuck on it until now."""
    for mount in reversed(read_mounts()):
        if mount.source != device:
            continue
        until = time.monotonic() + 20
        while subprocess.run(["umount", mount.mount_point], check=False).returncode:
            assert time.monotonic() < until, f"{device} is still in use"
            time.sleep(0.1)


def unmount_all_below(folder: Path) -> None:
    """Whatever a test left mounted; the last thing that it does."""
    for mount in reversed(read_mounts()):
        if mount.mount_point.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", mount.mount_point], check=False)


def make_removable(folder: Path) -> None:
    """Undo ``chattr +i`` on the bare mount points, so that the test's folder can be deleted."""
    for path in folder.iterdir():
        if path.is_dir():
            fd = os.open(path, os.O_RDONLY)
            with suppress(OSError):
                fcntl.ioctl(fd, 0x40086602, struct.pack("l", 0x80000))
            os.close(fd)
