"""Dates with a time, as ISO 8601 writes them, out of the fields of a column. Pure.

Those of the usual form (``2026-04-14T10:28:34.123Z``, with or without fraction and Z, a space
for the T) are read for all rows at once; all others by Python, row by row. A date without a zone
is taken for UTC.
"""

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ctlr.postprocess.tables.numbers import Floats, trim
from ctlr.postprocess.tables.rows import COMMA, POINT, Fields, Flags, Offsets

_PLAIN_BYTES, _MOST_BYTES = 19, 32
_ZERO, _ZULU = 48, 90
_SEPARATORS = ((4, b"--"), (7, b"--"), (10, b"T "), (13, b"::"), (16, b"::"))


def parse_instants(fields: Fields) -> Floats:
    """The instants of a column as Unix milliseconds; NaN where there is none."""
    if not len(fields.block):
        return np.full(len(fields), np.nan)
    starts, ends = trim(fields)
    fields = replace(fields, starts=starts, ends=ends)
    plain, values = _parse_plain(fields)
    for row in np.flatnonzero(~plain & (ends > starts)):
        values[row] = _parse_odd(fields, int(row))
    return values


def _parse_plain(fields: Fields) -> tuple[Flags, Floats]:
    """Which fields are of the usual form, and their values."""
    lengths = fields.ends - fields.starts
    plain = (lengths >= _PLAIN_BYTES) & (lengths <= _MOST_BYTES)

    def byte(index: int | Offsets) -> NDArray[np.uint8]:
        return fields.block.take(fields.starts + index, mode="clip")

    def number(first: int, count: int, most: int) -> Offsets:
        total = np.zeros(len(lengths), np.int64)
        for index in range(first, first + count):
            digit = byte(index) - np.uint8(_ZERO)  # wraps: no digit is more than 9
            np.logical_and(plain, digit <= 9, out=plain)
            total = total * 10 + digit
        np.logical_and(plain, total <= most, out=plain)
        return total

    for index, allowed in _SEPARATORS:
        plain &= (byte(index) == allowed[0]) | (byte(index) == allowed[1])
    year, month = number(0, 4, 9999), number(5, 2, 12)
    months = (year - 1970) * 12 + month - 1
    day, hour, minute = number(8, 2, 31), number(11, 2, 23), number(14, 2, 59)
    second = number(17, 2, 60)
    fraction = np.zeros(len(lengths))
    end = lengths - (byte(lengths - 1) == _ZULU)
    plain &= (end <= _PLAIN_BYTES) | (byte(_PLAIN_BYTES) == POINT) | (byte(_PLAIN_BYTES) == COMMA)
    for index in range(_PLAIN_BYTES + 1, min(int(end.max(initial=0)), _MOST_BYTES)):
        here, digit = end > index, byte(index) - np.uint8(_ZERO)
        plain &= ~here | (digit <= 9)
        fraction += np.where(here, digit * 10.0 ** (_PLAIN_BYTES - index), 0)
    in_months = np.where(plain, months, 0)
    days = _first_day(in_months) + day - 1
    plain &= (day > 0) & (month > 0) & (days < _first_day(in_months + 1))
    seconds = (days * 24 + hour) * 3600 + minute * 60 + second
    return plain, np.where(plain, (seconds + fraction) * 1000.0, np.nan)


def _first_day(months: Offsets) -> Offsets:
    """Days from 1970 to the first of a month, which is counted from January 1970."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _parse_odd(fields: Fields, row: int) -> float:
    try:
        found = datetime.fromisoformat(fields.text(row))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000
    except (ValueError, OverflowError):
        return math.nan
