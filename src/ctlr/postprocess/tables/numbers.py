"""Numbers out of the fields of a column, for all rows at once. Pure.

Almost every number in a sensor's table is a sign, digits and a point. Such are read eight digits
at a time: eight bytes are one machine word, and three multiplications add its digits up with
their weights (the trick is folklore; D. Lemire describes it in "Number parsing at a gigabyte
per second", 2021). What is written in another way (an exponent, dozens of digits, a word) is
left to Python's ``float``, row by row. A comma among digits is a decimal comma.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ctlr.postprocess.tables.rows import QUOTE, SPACE, TAB, Fields, Flags, Offsets

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]

_PLUS, _MINUS = 43, 45
_MOST_WHOLE, _MOST_DECIMALS = 19, 24
_MOST_ODD_BYTES = 64
_MOST_TRIMMED = 4
_TRIMMED = np.isin(np.arange(256), (SPACE, TAB, QUOTE))
_POWERS = 10.0 ** np.arange(_MOST_DECIMALS + 1)

_WORD = 8
_EIGHT_DIGITS = 10**_WORD
_ZEROS = np.uint64(0x3030303030303030)
_KEPT = np.array([(~0 << 8 * (_WORD - n)) & (2**64 - 1) for n in range(_WORD + 1)], np.uint64)
"""By how many digits a word holds: its bytes that hold them. The first byte is the lowest."""
_UPPER, _ALL_DIGITS = np.uint64(0xF0F0F0F0F0F0F0F0), np.uint64(0x3333333333333333)
_SIX, _PAIRS = np.uint64(0x0606060606060606), np.uint64(0x000000FF000000FF)
_LOW_WEIGHTS = np.uint64(100 + (1_000_000 << 32))
_HIGH_WEIGHTS = np.uint64(1 + (10_000 << 32))


def parse_numbers(fields: Fields) -> Floats:
    """The numbers of a column; NaN where there is none."""
    starts, ends = trim(fields)
    block = fields.block
    first = block.take(starts, mode="clip") if len(block) else np.zeros(len(fields), np.uint8)
    negative = first == _MINUS
    starts = starts + ((negative | (first == _PLUS)) & (starts < ends))
    points = np.minimum(fields.points[np.searchsorted(fields.points, starts)], ends)
    whole, decimals = points - starts, np.maximum(ends - points - 1, 0)
    plain = (whole + decimals > 0) & (whole <= _MOST_WHOLE) & (decimals <= _MOST_DECIMALS)
    words = _Words(block)
    units, good_units = words.digits(points, np.where(plain, whole, 0))
    parts, good_parts = words.digits(ends, np.where(plain, decimals, 0))
    plain &= good_units & good_parts
    values = units + parts / _POWERS[np.where(plain, decimals, 0)]
    values[negative] *= -1
    for row in np.flatnonzero(~plain):
        values[row] = _parse_odd(fields, int(row))
    return values


def trim(fields: Fields) -> tuple[Offsets, Offsets]:
    """Where fields start and end without spaces and quotes around."""
    starts, ends, block = fields.starts, fields.ends, fields.block
    for _ in range(_MOST_TRIMMED if len(block) else 0):
        leading = _TRIMMED[block.take(starts, mode="clip")] & (starts < ends)
        trailing = _TRIMMED[block.take(ends - 1, mode="clip")] & (starts < ends - leading)
        if not (leading.any() or trailing.any()):
            break
        starts, ends = starts + leading, ends - trailing
    return starts, ends


class _Words:
    """A block, of which eight bytes at any offset can be had as one word."""

    def __init__(self, block: NDArray[np.uint8]) -> None:
        padded = np.concatenate((np.zeros(_WORD, np.uint8), block))
        self._at = np.ndarray((len(block) + 1,), "<u8", padded, 0, (1,))  # [i]: the 8 before i

    def digits(self, ends: Offsets, counts: Offsets) -> tuple[Floats, Flags]:
        """The whole numbers that ``counts`` digits before ``ends`` are, and which of them are
        digits and nothing else."""
        total, good = self._eight(ends, np.minimum(counts, _WORD))
        most, scale = int(counts.max(initial=0)), _EIGHT_DIGITS
        if most <= 2 * _WORD:  # exact as an integer
            if most > _WORD:
                more, digits_only = self._next(ends, counts, _WORD)
                total += more * np.uint64(scale)
                good &= digits_only
            return total.astype(np.float64), good
        result = total.astype(np.float64)
        for done in range(_WORD, most, _WORD):
            more, digits_only = self._next(ends, counts, done)
            result += more * float(scale)
            good &= digits_only
            scale *= _EIGHT_DIGITS
        return result, good

    def _next(self, ends: Offsets, counts: Offsets, done: int) -> tuple[Words, Flags]:
        return self._eight(np.maximum(ends - done, 0), (counts - done).clip(0, _WORD))

    def _eight(self, ends: Offsets, counts: Offsets) -> tuple[Words, Flags]:
        kept = _KEPT[counts]
        word = (self._at[ends] & kept) | (_ZEROS & ~kept)
        sixes = ((word + _SIX) & _UPPER) >> np.uint64(4)  # 3 for each digit and what is below
        good = ((word & _UPPER) | sixes) == _ALL_DIGITS
        word -= _ZEROS
        word = word * np.uint64(10) + (word >> np.uint64(8))  # every second byte: two digits
        low, high = word & _PAIRS, (word >> np.uint64(16)) & _PAIRS
        return (low * _LOW_WEIGHTS + high * _HIGH_WEIGHTS) >> np.uint64(32), good


def _parse_odd(fields: Fields, row: int) -> float:
    raw = fields.block[fields.starts[row] : fields.ends[row]].tobytes().strip(b' \t"')
    if not raw or len(raw) > _MOST_ODD_BYTES or b"_" in raw:
        return math.nan
    try:
        value = float(raw.replace(b",", b"."))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan
