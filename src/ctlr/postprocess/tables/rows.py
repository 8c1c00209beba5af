"""Where the rows and fields of a block of CSV are, for all rows at once. Pure.

Nothing is copied: a field is the offsets of its first byte and of the one behind its last. A row
ends at LF, CR or CRLF, blank ones don't count. What stands between quotes belongs to the field,
line breaks and delimiters too (RFC 4180); whether a byte is between quotes follows from how many
quotes there are before it. Where a quote opens in the middle of a field, that is no quoting but
a stray quote, and all quotes of that block are taken for ordinary characters.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Offsets = NDArray[np.int64]
Flags = NDArray[np.bool_]

LF, CR, QUOTE, SPACE, TAB, COMMA, POINT = 10, 13, 34, 32, 9, 44, 46


@dataclass(frozen=True, slots=True)
class Fields:
    """One column of a block: field ``i`` is ``block[starts[i]:ends[i]]``, empty where a row is too
    short to have it for sure. ``points`` are all offsets of a point or a comma that parts no
    fields, and at last the block's end."""

    block: Bytes
    starts: Offsets
    ends: Offsets
    points: Offsets

    def __len__(self) -> int:
        return len(self.starts)

    def text(self, row: int) -> str:
        """A field as a person reads it, without quotes around it."""
        raw = self.block[self.starts[row] : self.ends[row]].tobytes()
        text = raw.decode("utf-8", "replace").strip()
        quoted = len(text) > 1 and text[0] == text[-1] == '"'
        return text[1:-1].replace('""', '"').strip() if quoted else text


@dataclass(frozen=True)
class Rows:
    """The rows of a block that end in it; the rest begins at ``used``.

    ``marks`` are the offsets of all delimiters and row ends, ``points`` as in ``Fields``; row
    ``i`` starts at ``starts[i]`` and has the marks ``first_marks[i]`` to ``last_marks[i]``, the
    last one being its end.
    """

    block: Bytes
    used: int
    points: Offsets
    marks: Offsets
    starts: Offsets
    first_marks: Offsets
    last_marks: Offsets
    stray_quotes: bool

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def widths(self) -> Offsets:
        """How many fields each row has; an empty one at the end counts."""
        return self.last_marks - self.first_marks + 1

    def from_row(self, first: int) -> "Rows":
        """These without the rows before ``first``."""
        return replace(
            self,
            starts=self.starts[first:],
            first_marks=self.first_marks[first:],
            last_marks=self.last_marks[first:],
        )

    def column(self, index: int, width: int) -> Fields:
        """A column of a table ``width`` columns wide.

        Of a row that is too short its last field may be cut off, in one that is too long
        nothing is where it belongs: such fields are empty.
        """
        whole = self._even(width) | ((self.widths < width) & (index < self.widths - 1))
        ends = self.marks[np.where(whole, self.first_marks + index, self.first_marks)]
        starts = self.starts
        if index:
            starts = self.marks[np.where(whole, self.first_marks + index - 1, 0)] + 1
        return Fields(self.block, np.where(whole, starts, ends), ends, self.points)

    def uneven(self, width: int) -> int:
        """How many rows have more or fewer fields than ``width``."""
        return len(self) - int(self._even(width).sum())

    def _even(self, width: int) -> Flags:
        """Rows ``width`` fields wide; a delimiter at the end of a row may be one too many."""
        even: Flags = self.widths == width
        longer = np.flatnonzero(self.widths == width + 1)
        if len(longer):
            last = self.last_marks[longer]
            even[longer] = self.marks[last - 1] + 1 == self.marks[last]
        return even


def split_rows(data: bytes, delimiter: int, *, quoting: bool = True) -> Rows:
    """Find the rows of a block. Without ``quoting`` all quotes count as stray."""
    block = np.frombuffer(data, np.uint8)
    marked = (block == LF) | (block == CR) | (block == delimiter)
    inside, stray = _quoted(block, delimiter) if quoting else (None, b'"' in data)
    if inside is not None:
        marked &= ~inside
    marks = np.flatnonzero(marked)
    points = block == POINT
    if delimiter != COMMA or inside is not None:
        points |= (block == COMMA) & ~marked
    points = np.append(np.flatnonzero(points), len(block))
    last_marks = np.flatnonzero(block[marks] != delimiter)
    if not len(last_marks):
        return Rows(block, 0, points, marks, last_marks, last_marks, last_marks, stray)
    first_marks = np.concatenate(([0], last_marks[:-1] + 1))
    starts = np.where(first_marks > 0, marks[first_marks - 1] + 1, 0)
    ends = marks[last_marks]
    filled = starts < ends
    rows = starts[filled], first_marks[filled], last_marks[filled]
    return Rows(block, int(ends[-1]) + 1, points, marks, *rows, stray)


def _quoted(block: Bytes, delimiter: int) -> tuple[Flags | None, bool]:
    """Which bytes stand between quotes (None: none do), and whether quotes are stray."""
    quotes = block == QUOTE
    at = np.flatnonzero(quotes)
    if not len(at):
        return None, False
    openings = at[::2]
    fitting = openings == 0
    fitting[1:] |= openings[1:] == at[1 : 2 * len(openings) - 1 : 2] + 1  # a quote in a field
    before = block[np.maximum(openings - 1, 0)]
    for byte in (delimiter, LF, CR, SPACE, TAB):
        fitting |= before == byte
    if not fitting.all():
        return None, True
    return np.logical_xor.accumulate(quotes), False
