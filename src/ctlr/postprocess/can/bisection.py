"""Finding a place in a file that is too long to read: lines in order of a number, by bisection.

The numbers need not be in perfect order (a clock was set, a row has a wild time): each place is
judged by the middle one of the numbers around it. Holes of a sparse file are stepped over, as if
they were not there.
"""

import errno
import os
from collections.abc import Callable, Iterator

BLOCK_BYTES = 1 << 20
_LOOK_BYTES = 32 << 10
_NEIGHBOURS = 5

Numbers = Callable[[bytes], list[tuple[int, int]]]
"""The lines of a block that begins with a line: where each begins, and its number. Lines without
one are left out, and so is what follows the last line end."""


def find_line(fd: int, first: int, end: int, wanted: int, numbers: Numbers) -> int:
    """Where the first line with a number of ``wanted`` or more begins, between the line that
    begins at ``first`` and ``end``; ``end`` where there is none. Raises ``OSError``."""
    low, high = first, end
    while high - low > 2 * _LOOK_BYTES:
        middle = (low + high) // 2
        at = skip_hole(fd, middle, high)
        found = _judge(fd, at, high, numbers)
        if found is None or found >= wanted:
            high = middle
        else:
            low = at
    return _first_from(fd, low if low == first else _line_after(fd, low, end), end, wanted, numbers)


def skip_hole(fd: int, offset: int, end: int) -> int:
    """The first byte from ``offset`` on that is not in a hole; ``end`` if all of it is one."""
    try:
        return min(os.lseek(fd, offset, os.SEEK_DATA), end)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return end
        if error.errno == errno.EINVAL:  # a file system that knows no holes
            return offset
        raise


def blocks(fd: int, first: int, end: int, size: int = BLOCK_BYTES) -> Iterator[tuple[int, bytes]]:
    """What lies between the line that begins at ``first`` and ``end``, in blocks of whole lines,
    each with its offset. What has no line end for a whole block is passed over, holes too."""
    rest, at = b"", first
    while at < end:
        if not rest:
            at = skip_hole(fd, at, end)
        block = os.pread(fd, min(size, end - at), at)
        if not block:
            return
        text = rest + block
        cut = text.rfind(b"\n") + 1
        if cut:
            yield at - len(rest), text[:cut]
        at += len(block)
        rest = text[cut:] if len(text) - cut < size else b""


def _judge(fd: int, offset: int, end: int, numbers: Numbers) -> int | None:
    """The middle one of the numbers of the lines behind ``offset``."""
    block = os.pread(fd, min(_LOOK_BYTES, end - offset), offset)
    start = block.find(b"\n") + 1
    found = numbers(block[start:]) if start else []
    return _middle(found) if found else None


def _line_after(fd: int, offset: int, end: int) -> int:
    block = os.pread(fd, min(_LOOK_BYTES, end - offset), offset)
    return offset + block.find(b"\n") + 1


def _first_from(fd: int, first: int, end: int, wanted: int, numbers: Numbers) -> int:
    for offset, block in blocks(fd, first, end):
        found = numbers(block)
        for place, (start, number) in enumerate(found):
            if number >= wanted and _middle(found[place : place + _NEIGHBOURS]) >= wanted:
                return offset + start
    return end


def _middle(found: list[tuple[int, int]]) -> int:
    ordered = sorted(number for _, number in found)
    return ordered[len(ordered) // 2]
