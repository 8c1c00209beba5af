"""A folder that can fail: ``FaultyFolder`` shows another folder, with faults on the way.

For what a program sees of a bad drive through its own calls: errors, a full or read-only file
system, slowness, no answer at all. What the kernel makes of a bad drive beneath a file system is
``blkfs``'s.
"""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

from tests.faults.gate import CHANGES, Gate
from tests.faults.served import Served, serve

_STAT = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid", "st_blocks", "st_ino")
_TIMES = ("st_atime", "st_mtime", "st_ctime")
_SPACE = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_frsize", "f_files", "f_ffree")


class FaultyFolder(Served):
    """Shows ``source`` at ``mount_point``. A context manager."""

    def __init__(self, source: Path, mount_point: Path) -> None:
        super().__init__("faultfs", mount_point, str(source))

    def fill(self, bytes_left: int = 0) -> None:
        """Take so many bytes more, then say that the disk is full."""
        self.call_gate("limit", bytes_left)

    def make_read_only(self) -> None:
        """Refuse every change, as a file system that was remounted after an error does."""
        for operation in sorted(CHANGES):
            self.fail(operation, errno.EROFS)


class _PassThrough:
    """The server's side: names as libfuse calls them."""

    def __init__(self, root: str) -> None:
        self.use_ns = True
        self.gate = Gate()
        self.ready: Callable[[], None] = lambda: None
        self._root = root

    def init(self, path: str) -> None:
        self.ready()

    def destroy(self, path: str) -> None:
        """Nothing is kept."""

    def _enter(self, operation: str, path: str, *, end: int = 0, size: int = 0) -> str:
        self.gate.enter(operation, path, end=end, size=size)
        return self._root + path

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        stat = os.lstat(self._enter("getattr", path))
        shape = {name: getattr(stat, name) for name in _STAT}
        return shape | {name: getattr(stat, f"{name}_ns") for name in _TIMES}

    def statfs(self, path: str) -> dict[str, int]:
        space = os.statvfs(self._enter("statfs", path))
        return {name: getattr(space, name) for name in (*_SPACE, "f_namemax")}

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *os.listdir(self._enter("readdir", path))]

    def readlink(self, path: str) -> str:
        return os.readlink(self._enter("readlink", path))

    def create(self, path: str, mode: int, flags: int) -> int:
        return os.open(self._enter("create", path), flags | os.O_CREAT | os.O_CLOEXEC, mode)

    def open(self, path: str, flags: int) -> int:
        return os.open(self._enter("open", path), flags | os.O_CLOEXEC)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        self._enter("read", path, end=offset + size)
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self._enter("write", path, end=offset + len(data), size=len(data))
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        os.truncate(self._enter("truncate", path), length)
        return 0

    def flush(self, path: str, fh: int) -> int:
        self._enter("flush", path)
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self._enter("fsync", path)
        os.fsync(fh)
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        folder = os.open(self._enter("fsyncdir", path), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return 0

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        os.mkdir(self._enter("mkdir", path), mode)
        return 0

    def rmdir(self, path: str) -> int:
        os.rmdir(self._enter("rmdir", path))
        return 0

    def unlink(self, path: str) -> int:
        os.unlink(self._enter("unlink", path))
        return 0

    def rename(self, old: str, new: str) -> int:
        self._enter("rename", new)
        os.rename(self._root + old, self._root + new)
        return 0

    def utimens(self, path: str, times: tuple[int, int]) -> int:
        os.utime(self._enter("utimens", path), ns=times)
        return 0

    def chmod(self, path: str, mode: int) -> int:
        os.chmod(self._enter("chmod", path), mode)
        return 0


if __name__ == "__main__":
    serve(_PassThrough(os.path.realpath(sys.argv[1])))
