"""The root file system of a machine: layers that are shared, and on top what this machine writes.

The top lies on an ext4 image of its own, so that its power can be cut: what was not flushed is
gone, as on an SD card. A top that is shut down in order can become a layer of other machines.
"""

import fcntl
import os
import shutil
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rig.shell import ShellError, sh

_EXT4_SHUTDOWN = 0x8004587D
_WITHOUT_FLUSH = 2
SIZE_MB = 4096
FREE_DEADLINE_S = 20.0


class Layers:
    """``root`` is the whole, while it is mounted. ``lower`` is given topmost first."""

    def __init__(self, folder: Path, lower: Sequence[Path]) -> None:
        self.root = folder / "root"
        self.image = folder / "top.img"
        self._lower = lower
        self._top = folder / "top"
        self._is_mounted = False
        for place in (self.root, self._top):
            place.mkdir(parents=True)
        with open(self.image, "xb") as file:
            file.truncate(SIZE_MB << 20)
        sh(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1", self.image])
        self.mount()

    def mount(self) -> None:
        if self._is_mounted:
            return
        mount_image(self.image, self._top)
        for part in ("upper", "work"):
            (self._top / part).mkdir(exist_ok=True)
        lower = ":".join(str(layer) for layer in self._lower)
        options = f"lowerdir={lower},upperdir={self._top}/upper,workdir={self._top}/work"
        sh(["mount", "-t", "overlay", "-o", options, "rig", self.root])
        self._is_mounted = True

    def unmount(self) -> None:
        if not self._is_mounted:
            return
        sh(["umount", self.root])
        sh(["umount", self._top])
        self._is_mounted = False
        self._wait_until_free()

    def _wait_until_free(self) -> None:
        """A machine that was killed lets go of its mounts a moment later; until then the image
        would be mounted again as it was in memory, not as it is."""
        until = time.monotonic() + FREE_DEADLINE_S
        while sh(["losetup", "--associated", self.image]):
            if time.monotonic() > until:
                raise ShellError(f"{self.image} is still in use")
            time.sleep(0.02)

    def flush(self) -> None:
        """What was written from here was there long before the machine's power is cut."""
        sh(["sync", "--file-system", self._top])

    def cut_power(self) -> None:
        """From now on nothing reaches the image; what has not yet never will."""
        fd = os.open(self._top, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, _EXT4_SHUTDOWN, struct.pack("I", _WITHOUT_FLUSH))
        finally:
            os.close(fd)

    def remove(self) -> None:
        with suppress(ShellError):
            self.unmount()
        shutil.rmtree(self.image.parent, ignore_errors=True)


def mount_image(image: Path, target: Path, *, read_only: bool = False) -> None:
    """Mount an ext4 image; the loop device goes with the mount."""
    options = "loop,ro,noload" if read_only else "loop"
    target.mkdir(parents=True, exist_ok=True)
    sh(["mount", "-t", "ext4", "-o", options, image, target])


def grown_layer(image: Path, target: Path) -> Path:
    """What a machine wrote, as a layer for others; its image is not changed any more."""
    mount_image(image, target, read_only=True)
    return target / "upper"
