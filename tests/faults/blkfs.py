"""A disk that can fail: ``FailingDisk`` is a loop device whose every read, write and flush passes
through this server.

For what the kernel and its file systems make of a bad drive: I/O errors below a file system that
looks healthy, a failed flush, calls that hang in the kernel and cannot be killed. Every write and
flush can be recorded, and ``power_cuts`` then rebuilds what the disk would hold had the power
gone at any moment.
"""

import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from tests.faults.gate import Gate
from tests.faults.power import Event, Flush, Mark, PowerCut, Write, cut_power
from tests.faults.served import Served, serve

MIB = 1 << 20
MAKE = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
    "exfat": ["mkfs.exfat"],
}
TYPES = {"ext4": "ext4", "exfat": "exfat-fuse"}
"""What ``mount`` calls them; exFAT by its FUSE program, which needs no kernel that knows it."""


class FailingDisk(Served):
    """A disk of ``size_mib`` below ``folder``; ``device`` is its block device."""

    def __init__(self, folder: Path, size_mib: int = 64) -> None:
        super().__init__("blkfs", folder / "served-disk", str(size_mib * MIB))
        self.device = ""
        self._kind = "ext4"

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self.device = attach(self.mount_point / "disk")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.heal()
            detach(self.device)
        finally:
            self.close()

    def format(self, kind: str = "ext4") -> None:
        """Make an empty file system (``ext4`` or ``exfat``)."""
        subprocess.run([*MAKE[kind], self.device], check=True, capture_output=True)
        self._kind = kind

    @contextmanager
    def mounted(self, at: Path, *options: str) -> Iterator[Path]:
        """The disk's file system at a folder. On the way out all faults are healed: an unmount
        waits for the disk."""
        with mounted(self.device, at, TYPES[self._kind], *options):
            try:
                yield at
            finally:
                self.heal()

    # --- power cuts

    def record(self) -> None:
        """Remember what the disk holds now, and every write and flush from now on."""
        self.call("record")

    def mark(self, label: str) -> None:
        """Note that something is promised from here on: a power cut after it must not undo it."""
        self.call("mark", label)

    def power_cuts(self, count: int, dice: Random) -> Iterator[PowerCut]:
        """What the disk may hold after ``count`` power cuts at random moments of the record."""
        image, events = self.call("recorded")
        for _ in range(count):
            yield cut_power(image, events, dice.randrange(1, len(events) + 1), dice)


def attach(image: Path) -> str:
    """A loop device of a file."""
    command = ["losetup", "--find", "--show", str(image)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def detach(device: str) -> None:
    subprocess.run(["losetup", "--detach", device], check=True, capture_output=True)


@contextmanager
def mounted(device: str, at: Path, kind: str, *options: str) -> Iterator[Path]:
    """A device's file system at a folder. Raises ``CalledProcessError`` if it has none."""
    at.mkdir(parents=True, exist_ok=True)
    option = ["-o", ",".join(options)] if options else []
    command = ["mount", "-t", kind, *option, device, str(at)]
    subprocess.run(command, check=True, capture_output=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True, capture_output=True)


@contextmanager
def after_power_cut(cut: PowerCut, folder: Path) -> Iterator[Path]:
    """An ext4 disk as the cut left it, mounted as it would be at the next start."""
    image = folder / "after-power-cut.img"
    write_sparse(image, cut.image)
    device = attach(image)
    try:
        with mounted(device, folder / "after-power-cut", TYPES["ext4"]) as at:
            yield at
    finally:
        detach(device)
        image.unlink()


def write_sparse(path: Path, data: bytes) -> None:
    """Write a file, leaving out what is zero anyway."""
    with open(path, "wb") as file:
        for start in range(0, len(data), MIB):
            block = data[start : start + MIB]
            if block.count(0) < len(block):
                file.seek(start)
                file.write(block)
        file.truncate(len(data))


class _Disk:
    """The server's side: one file, ``/disk``. Names as libfuse calls them."""

    def __init__(self, size: int) -> None:
        self.use_ns = True
        self.gate = Gate()
        self.ready: Callable[[], None] = lambda: None
        self._data = bytearray(size)
        self._image: bytes | None = None
        self._events: list[Event] = []
        self._lock = threading.Lock()

    def init(self, path: str) -> None:
        self.ready()

    def destroy(self, path: str) -> None:
        """Nothing is kept."""

    def record(self) -> None:
        with self._lock:
            self._image, self._events = bytes(self._data), []

    def mark(self, label: str) -> None:
        with self._lock:
            self._events.append(Mark(label))

    def recorded(self) -> tuple[bytes, list[Event]]:
        with self._lock:
            assert self._image is not None, "record() first"
            return self._image, self._events

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": len(self._data)}

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", "disk"]

    def open(self, path: str, flags: int) -> int:
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        self.gate.enter("read", path, end=offset + size)
        with self._lock:
            return bytes(self._data[offset : offset + size])

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self.gate.enter("write", path, end=offset + len(data), size=len(data))
        with self._lock:
            self._data[offset : offset + len(data)] = data
            if self._image is not None:
                self._events.append(Write(offset, data))
        return len(data)

    def flush(self, path: str, fh: int) -> int:
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self.gate.enter("fsync", path)
        with self._lock:
            if self._image is not None:
                self._events.append(Flush())
        return 0

    def release(self, path: str, fh: int) -> int:
        return 0


if __name__ == "__main__":
    serve(_Disk(int(sys.argv[1])), direct_io=True)  # no read is answered by a cache
