"""Media bytes from one file into another, hashed on the way.

The bytes have to pass through user space anyway to be hashed, so one block is read, hashed while
it is in the processor's cache, and written.
"""

import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from ctlr.kernel.hashing import BLOCK_BYTES, CountBytes, Hash, new_hash, not_counted

LookAtBlock = Callable[[bytearray, int, int], None]
"""Is shown what was read, how many bytes of it count, and where these lie in the source."""


def not_looked_at(_block: bytearray, _size: int, _offset: int) -> None:
    """For who only copies."""


class SourceReadError(OSError):
    """The source cannot be read from ``offset`` on: the disk refuses, or the file has shrunk."""

    def __init__(self, errno: int, strerror: str, offset: int) -> None:
        super().__init__(errno, strerror)
        self.offset = offset


class SourceChangedError(SourceReadError):
    """The source is not the file that was looked at before: it was sent again meanwhile."""

    def __init__(self) -> None:
        super().__init__(errno.ESTALE, "The file was replaced while it was read", 0)


class Copier:
    """Copies ranges into one open file; ``look`` is shown each block."""

    def __init__(
        self, target: int, count: CountBytes = not_counted, look: LookAtBlock = not_looked_at
    ) -> None:
        self._target = target
        self._count = count
        self._look = look
        self._block = bytearray(BLOCK_BYTES)

    def copy(self, source: int, ranges: Iterable[tuple[int, int]], at: int) -> tuple[int, str]:
        """Copy ranges (offset, length) of ``source`` to ``at``, one after another.

        Returns how many bytes that were and their xxh128 as 32 hex digits. Raises ``OSError``.
        """
        start, digest = at, new_hash()
        for offset, length in ranges:
            self._copy_range(source, offset, length, at, digest)
            at += length
        return at - start, digest.hexdigest()

    def _copy_range(self, source: int, offset: int, length: int, at: int, digest: Hash) -> None:
        block = memoryview(self._block)
        while length:
            size = min(length, BLOCK_BYTES - at % BLOCK_BYTES)  # whole pages, but for the ends
            got = _read(source, block[:size], offset)
            digest.update(block[:got])
            self._look(self._block, got, offset)
            self._write(block[:got], at)
            self._count(got)
            offset, at, length = offset + got, at + got, length - got

    def _write(self, block: memoryview, at: int) -> None:
        while block:
            written = os.pwrite(self._target, block, at)
            block, at = block[written:], at + written


def _read(source: int, block: memoryview, offset: int) -> int:
    try:
        got = os.preadv(source, [block], offset)
    except OSError as error:
        raise SourceReadError(error.errno or errno.EIO, error.strerror or "", offset) from error
    if got == 0:
        raise SourceReadError(errno.EIO, "The file has shrunk", offset)
    return got


def copy_file(source: Path, target: Path, count: CountBytes = not_counted) -> tuple[int, str]:
    """Copy a whole file, flushed to the disk; returns its length and xxh128. Raises ``OSError``:
    ``SourceReadError`` where it is the source that cannot be read."""
    try:
        fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise SourceReadError(error.errno or errno.EIO, error.strerror or "", 0) from error
    try:
        with open(target, "wb") as out:
            size = os.fstat(fd).st_size
            result = Copier(out.fileno(), count).copy(fd, [(0, size)], 0)
            os.fsync(out.fileno())
    finally:
        os.close(fd)
    return result
