"""How many bytes each sample of a track has. Pure.

PCM sound has a sample a tick of its sampling rate, 172 million an hour at 48 kHz, and all are of one
size: that is two numbers here and in the file, as ``stsz`` has it. Everything else is a number each.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass

from ctlr.mp4.boxes import Box, Damaged, u32
from ctlr.mp4.runs import pack, unpack

MAX_SAMPLES = 1 << 21
"""Most samples of different sizes in one segment: ten hours of video."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of ``count`` samples: all ``fixed`` bytes, or as ``each`` says in four bytes a sample."""

    count: int
    fixed: int = 0
    each: bytes = b""

    def first(self, count: int) -> "Sizes":
        return Sizes(count, self.fixed, self.each[: 4 * count])

    def measure(self) -> Callable[[int, int], int]:
        """A function that gives the bytes of the samples ``at`` to ``at + count``."""
        if self.fixed:
            return lambda _at, count: self.fixed * count
        numbers = unpack(self.each)
        return lambda at, count: sum(numbers[at : at + count])

    def fitting(self, at: int, count: int, room: int) -> int:
        """How many of the samples ``at`` to ``at + count`` lie within ``room`` bytes."""
        if self.fixed:
            return min(count, max(room, 0) // self.fixed)
        for number, size in enumerate(unpack(self.each[4 * at : 4 * (at + count)])):
            room -= size
            if room < 0:
                return number
        return count

    def numbers(self) -> "array[int]":
        """One number a sample."""
        return array("I", (self.fixed,)) * self.count if self.fixed else unpack(self.each)

    def spread(self) -> bytes:
        """Four bytes a sample, whatever they are."""
        return pack(self.numbers()) if self.fixed else self.each


class GrowingSizes:
    """Sizes that come run by run, kept as one number as long as they are all alike."""

    def __init__(self, sizes: Sizes | None = None) -> None:
        self.count = sizes.count if sizes else 0
        self._fixed = sizes.fixed if sizes else 0
        self._each = unpack(sizes.each) if sizes else array("I")

    def add(self, count: int, size: int) -> None:
        """Raises ``Damaged`` where it claims too many."""
        if (not self.count or self._fixed == size) and size:
            self._fixed, self.count = size, self.count + count
        elif count:
            self.extend(array("I", (size,)) * _sane(self.count + count, count))

    def extend(self, sizes: "array[int]") -> None:
        _sane(self.count + len(sizes), 0)
        if self._fixed:
            self._each, self._fixed = array("I", (self._fixed,)) * self.count, 0
        self._each.extend(sizes)
        self.count += len(sizes)

    def finish(self) -> Sizes:
        return Sizes(self.count, self._fixed, pack(self._each))


def _sane(samples: int, value: int) -> int:
    if samples > MAX_SAMPLES:
        raise Damaged(f"it claims {samples} frames")
    return value


def read_sizes(data: bytes, box: Box) -> Sizes:
    """An ``stsz`` or ``stz2`` box (14496-12, 8.7.3). Raises ``Damaged``."""
    count = u32(data, box.body + 8)
    if box.kind == b"stz2":
        return Sizes(count, each=_read_compact(data, box, count))
    if fixed := u32(data, box.body + 4):
        return Sizes(count, fixed)
    _sane(count, 0)
    start = box.body + 12
    if start + 4 * count > box.end:
        raise Damaged(f"its {box.kind.decode('latin1')} table claims {count} entries")
    return Sizes(count, each=data[start : start + 4 * count])


def _read_compact(data: bytes, box: Box, count: int) -> bytes:
    """Sizes of 4, 8 or 16 bits each."""
    _sane(count, 0)
    bits = u32(data, box.body + 4) & 0xFF
    rows = data[box.body + 12 : box.end]
    if bits not in (4, 8, 16) or len(rows) * 8 < count * bits:
        raise Damaged(f"its stz2 table claims {count} entries of {bits} bits")
    if bits == 16:
        return pack(array("I", unpack(rows[: 2 * count], "H")))
    if bits == 8:
        return pack(array("I", rows[:count]))
    halves = (half for byte in rows for half in (byte >> 4, byte & 15))
    return pack(array("I", list(halves)[:count]))
