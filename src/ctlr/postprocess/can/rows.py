"""Rows ``ts_ms,id,len,hex`` in a block of bytes, told apart by their own times without a loop. Pure.

A row's time is seen at once if it has 13 digits, as every Unix millisecond from 2001 to 2286 has: a
block of 1 MB takes about 2 ms. Other rows are read one by one, in the dialects that a recording
of somebody else's may be in (``ctlr.layout.can_rows``); torn ones are of no instant.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctlr.layout.can_rows import Row, read_row, to_rows

NO_TIME = -1
_DIGITS = 13
_MOST_COUNTER_DIGITS = 9
_FIRST_MS, _LAST_MS = 10**12, 10**13
_NEWLINE, _COMMA = 10, 44
_PADDING = bytes(16)

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lines:
    """Where each whole line begins and ends (behind its line end), and its time or ``NO_TIME``."""

    starts: Ints
    ends: Ints
    times_ms: Ints


def parse_lines(block: bytes) -> Lines:
    """The lines of a block that begins with a row; what follows the last line end is left out."""
    padded = block + _PADDING
    characters = np.frombuffer(padded, np.uint8)
    ends = np.flatnonzero(characters[: len(block)] == _NEWLINE) + 1
    starts = np.concatenate(([0], ends[:-1])) if len(ends) else ends
    words = np.ndarray((len(padded) - 7,), "<u8", padded, strides=(1,))
    first, last = words[starts], words[starts + _DIGITS - 8]
    good = (characters[starts + _DIGITS] == _COMMA) & _are_digits(first) & _are_digits(last)
    times = _number(first) * 100_000 + _number(last) % 100_000
    return Lines(starts, ends, np.where(good, times, NO_TIME))


def parse_any_lines(block: bytes) -> Lines:
    """As ``parse_lines``, with the times of rows in any dialect."""
    lines = parse_lines(block)
    for place in np.flatnonzero(lines.times_ms == NO_TIME).tolist():
        lines.times_ms[place] = _own_time(block[lines.starts[place] : lines.ends[place]])
    return lines


def _own_time(line: bytes) -> int:
    """The time of a row in any dialect, ``NO_TIME`` where there is none after 2001."""
    at = line.find(b",")
    if 0 < at <= _MOST_COUNTER_DIGITS and line[:at].isdigit():
        return NO_TIME  # of a device without a clock, which may have sent millions
    read = read_row(line)
    return read.ts_ms if isinstance(read, Row) and _FIRST_MS <= read.ts_ms < _LAST_MS else NO_TIME


def select(block: bytes, first_ms: int, last_ms: int) -> tuple[bytes, int]:
    """The rows of a block whose own times lie within two instants, in our form where they mean a
    frame, and how many they are."""
    lines = parse_any_lines(block)
    chosen = (lines.times_ms >= first_ms) & (lines.times_ms <= last_ms)
    count = int(np.count_nonzero(chosen))
    if count == 0:
        return b"", 0
    if count == len(chosen):
        return to_rows(block[: lines.ends[-1]]), count
    edges = np.flatnonzero(np.diff(chosen, prepend=False, append=False))
    runs = zip(lines.starts[edges[::2]], lines.ends[edges[1::2] - 1], strict=True)
    return to_rows(b"".join([block[start:end] for start, end in runs])), count


def _are_digits(words: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether all eight characters of each word are digits."""
    high = np.uint64(0xF0F0F0F0F0F0F0F0)
    threes, sixes = np.uint64(0x3030303030303030), np.uint64(0x0606060606060606)
    return np.asarray(((words & high) == threes) & (((words + sixes) & high) == threes))


def _number(words: NDArray[np.uint64]) -> Ints:
    """The number that eight digits stand for, the first in the lowest byte of a word.

    Neighbours are joined to pairs, pairs to fours, fours to one.
    """
    values = words & np.uint64(0x0F0F0F0F0F0F0F0F)
    for shift, ten, mask in (
        (8, 10, 0x00FF00FF00FF00FF),
        (16, 100, 0x0000FFFF0000FFFF),
        (32, 10_000, 0x00000000FFFFFFFF),
    ):
        values = (values * np.uint64(ten) + (values >> np.uint64(shift))) & np.uint64(mask)
    return values.astype(np.int64)
