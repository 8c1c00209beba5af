"""Rows of numbers as MP4 tables hold them: big-endian words and run-length pairs. Pure.

``stts`` and ``ctts`` hold pairs (count, value), so that a thousand alike frames, or an hour of PCM
sound, are eight bytes. They are kept and joined as they are; only what a change needs is spread out.
"""

import sys
from array import array
from collections.abc import Iterator

_SWAP = sys.byteorder == "little"
MAX_DELTA = (1 << 31) - 1
"""Longest time one sample can stand in the media timescale; players read it as signed."""


def unpack(data: bytes, code: str = "I") -> "array[int]":
    """Numbers of big-endian bytes; ``code`` as in ``array`` (``I`` 32 bit, ``Q`` 64 bit)."""
    numbers = array(code)
    numbers.frombytes(data)
    if _SWAP:
        numbers.byteswap()
    return numbers


def pack(numbers: "array[int]") -> bytes:
    """Big-endian bytes of numbers; the array itself stays as it is."""
    if _SWAP:
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


class RunList:
    """A row of numbers that grows at its end, held as runs of equal ones."""

    def __init__(self, pairs: bytes = b"") -> None:
        runs = unpack(pairs)
        self._counts, self._values = runs[::2], runs[1::2]

    def add(self, count: int, value: int) -> None:
        if not count:
            return
        if self._values and self._values[-1] == value:
            self._counts[-1] += count
        else:
            self._counts.append(count)
            self._values.append(value)

    def extend(self, values: "array[int]") -> None:
        if values and values.count(values[0]) == len(values):
            self.add(len(values), values[0])
            return
        for value in values:
            self.add(1, value)

    @property
    def last(self) -> int:
        """The value at the end; 0 where there is none."""
        return self._values[-1] if self._values else 0

    def set_last(self, value: int) -> None:
        """Change the value at the end."""
        if self._counts[-1] == 1:
            self._counts.pop()
            self._values.pop()
        else:
            self._counts[-1] -= 1
        self.add(1, value)

    def pairs(self) -> bytes:
        runs = array("I", bytes(8 * len(self._counts)))
        runs[::2], runs[1::2] = self._counts, self._values
        return pack(runs)


def read_runs(pairs: bytes) -> Iterator[tuple[int, int]]:
    """Count and value of each run."""
    runs = unpack(pairs)
    return zip(runs[::2], runs[1::2], strict=True)


def run_lengths(values: "array[int]") -> bytes:
    """The pairs of a row of numbers."""
    runs = RunList()
    runs.extend(values)
    return runs.pairs()


def expand_runs(pairs: bytes) -> "array[int]":
    """One number a sample."""
    values = array("I")
    for count, value in read_runs(pairs):
        values.extend(array("I", (value,)) * count)
    return values


def first_runs(pairs: bytes, samples: int) -> bytes:
    """The pairs of exactly the first ``samples`` samples: where there are fewer, the last goes on,
    as every player takes it."""
    if sum(unpack(pairs)[::2]) == samples:
        return pairs
    runs, left = RunList(), samples
    for count, value in read_runs(pairs):
        runs.add(min(count, left), value)
        left -= min(count, left)
    runs.add(left, runs.last)
    return runs.pairs()


def total(pairs: bytes) -> int:
    """The sum of all numbers."""
    return sum(count * value for count, value in read_runs(pairs))


def count_beyond(times: bytes) -> int:
    """How many samples are said to last longer than any player can show."""
    return sum(count for count, value in read_runs(times) if value > MAX_DELTA)


def squash(times: bytes, excess: int) -> tuple[bytes, int]:
    """Shorten the first samples by ``excess`` ticks in all, leaving each at least one.

    Returns the new pairs and how much could not be taken off.
    """
    runs = RunList()
    for count, value in read_runs(times):
        spare = max(value - 1, 0)
        whole = min(count, excess // spare) if spare else 0
        runs.add(whole, value - spare)
        excess -= whole * spare
        if whole < count and spare and excess:
            runs.add(1, value - excess)
            excess, whole = 0, whole + 1
        runs.add(count - whole, value)
    return runs.pairs(), excess


def repair_times(times: bytes, shown: bool) -> bytes:
    """The times of a track whose last sample says nothing of its length: it lasts as long as usual.

    Phones' and browsers' muxers give the last frame a duration of 0, or of a tick, and ffmpeg shortens
    it by what the sound beside it was primed with; where that is the picture (``shown``), each join
    would cost a frame's time. So does one that is too long for any player (``count_beyond``).
    """
    values = unpack(times)[1::2]
    if len(values) < 2 or (max(values) <= MAX_DELTA and (values[-1] >= values[-2] or not shown)):
        return times
    runs = [(count, value if value <= MAX_DELTA else 0) for count, value in read_runs(times)]
    before = [*runs[:-1], (runs[-1][0] - 1, runs[-1][1])]
    usual = _median([(value, count) for count, value in before if value])
    beyond = [value > MAX_DELTA for value in values]
    runs = [(n, usual if too_long else at) for (n, at), too_long in zip(runs, beyond, strict=True)]
    steady = all(abs(value - usual) * 8 <= usual for count, value in before if count)
    result = RunList()
    for count, value in runs:
        result.add(count, value)
    if shown and result.last * 8 < (7 * usual if steady else usual):
        result.set_last(usual)
    return result.pairs()


def _median(counted: list[tuple[int, int]]) -> int:
    """The value in the middle of values that occur so often; 0 of none."""
    middle = sum(count for _, count in counted) // 2
    for value, count in sorted(counted):
        middle -= count
        if middle < 0:
            return value
    return 0
