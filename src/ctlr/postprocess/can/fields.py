"""The fields of rows ``ts_ms,id,len,hex`` as columns, and their data as bytes. Pure.

A block of rows becomes arrays without a loop over rows; only times that are no Unix milliseconds
of our age are read one by one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctlr.postprocess.can.rows import NO_TIME, Ints, parse_lines

_COMMA = 44
_MOST_ID_DIGITS = 8
_LARGEST = 2**63 - 1
_PADDING = bytes(160)
_ID_BITS = 0x1FFFFFFF
_EXTENDED, _REMOTE, _ERROR = (
    0x80000000,
    0x40000000,
    0x20000000,
)  # linux/can.h, beside the identifier

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fields:
    """Columns of equal length, a place for each row that has the form of one.

    ``starts`` is where a row begins in the block, ``ids`` without flags; ``data_at`` is where its
    data begin, ``digits`` how many there are. ``errors`` are frames with SocketCAN's flag of an
    error frame, ``remote`` those that ask for data. ``malformed`` counts the lines left out.
    """

    starts: Ints
    times_ms: Ints
    ids: Ints
    extended: Flags
    errors: Flags
    remote: Flags
    lengths: Ints
    data_at: Ints
    digits: Ints
    malformed: int


def parse_fields(block: bytes) -> Fields:
    """The fields of a block's whole rows."""
    lines = parse_lines(block)
    padded = np.frombuffer(_PADDING + block + _PADDING, np.uint8)
    commas = np.flatnonzero(padded == _COMMA) - len(_PADDING)
    first = np.searchsorted(commas, lines.starts)
    three = np.searchsorted(commas, lines.ends) - first == 3
    after_time, after_id, after_length = (commas[first[three] + n] for n in range(3))
    starts, ends = lines.starts[three], lines.ends[three] - 1
    id_digits, length_digits = after_id - after_time - 1, after_length - after_id - 1
    ids, ids_good = _number(padded, after_id, id_digits, _MOST_ID_DIGITS, 16)
    lengths, lengths_good = _number(padded, after_length, length_digits, 2, 10)
    digits = ends - after_length - 1
    good = ids_good & lengths_good & ((digits == 2 * lengths) | (digits == 0))
    times = _times(block, starts, after_time, lines.times_ms[three])
    flags = ids & ~_ID_BITS
    extended = np.where(flags > 0, ids & _EXTENDED > 0, (id_digits > 3) | (ids > 0x7FF))
    remote = (ids & _REMOTE > 0) | ((digits == 0) & (lengths > 0))
    return Fields(
        starts=starts[good],
        times_ms=times[good],
        ids=ids[good] & _ID_BITS,
        extended=extended[good],
        errors=ids[good] & _ERROR > 0,
        remote=remote[good],
        lengths=lengths[good],
        data_at=after_length[good] + 1,
        digits=digits[good],
        malformed=len(lines.starts) - int(np.count_nonzero(good)),
    )


def data_of(block: bytes, data_at: Ints, length: int) -> Bytes:
    """The data of rows that all have ``length`` bytes, one row each."""
    characters = np.frombuffer(block, np.uint8)
    nibbles = _nibbles(characters[data_at[:, None] + np.arange(2 * length)])
    return np.asarray(nibbles[:, ::2] << 4 | nibbles[:, 1::2], np.uint8)


def _nibbles(characters: Bytes) -> Bytes:
    return (characters & 15) + 9 * (characters >> 6)


def _number(padded: Bytes, end: Ints, digits: Ints, most: int, base: int) -> tuple[Ints, Flags]:
    """The numbers that end before ``end``, and which of them are well-formed."""
    places = np.arange(most)
    characters = padded[(end - most + len(_PADDING))[:, None] + places]
    own = places >= (most - digits)[:, None]
    value = _nibbles(characters)
    decimal = (characters >= 48) & (characters <= 57)
    letter = ((characters | 32) >= 97) & ((characters | 32) <= 102)
    well = (decimal | letter) if base == 16 else decimal
    weights = base ** np.arange(most - 1, -1, -1, dtype=np.int64)
    numbers = (np.where(own, value, 0).astype(np.int64) * weights).sum(axis=1)
    return numbers, (digits >= 1) & (digits <= most) & (well | ~own).all(axis=1)


def _times(block: bytes, starts: Ints, ends: Ints, times: Ints) -> Ints:
    """The rows' own times, those that are no instant of our age read one by one."""
    times = times.copy()
    for place in np.flatnonzero(times == NO_TIME).tolist():
        try:
            value = int(block[starts[place] : ends[place]])
        except ValueError:
            value = 0
        times[place] = min(max(value, -_LARGEST), _LARGEST)
    return times
