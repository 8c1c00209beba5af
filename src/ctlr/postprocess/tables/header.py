"""What kind of table a file is, from its first rows: delimiter, headings, where the data begins. Pure.

A ``sep=;`` line is believed. Otherwise each of comma, semicolon, tab and bar is tried, and the
one wins that shows the best header: a row of words, followed by rows of the same width, best with
a heading that tells of a time. What stands before it (a preamble, comments) is passed over, and
so are rows of words right behind it: units, which tell the clock's, and sources. A header may be
a comment itself. A table without any header has columns without names.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ctlr.postprocess.tables.headings import UNIT_WORDS, Heading, read_heading
from ctlr.postprocess.tables.rows import COMMENTS, part_rows
from ctlr.postprocess.tables.text import is_binary

DELIMITERS = ",;\t|"
MOST_COLUMNS = 4096
MOST_ROW_CHARS = 64 << 10
_MOST_LINES = 400
_FOLLOWING = 50
_MOST_UNIT_ROWS = 3

_SEPARATOR = re.compile(r'"?sep=(?P<delimiter>.)"?', re.IGNORECASE)
_VALUE = re.compile(
    r"[-+]?[\d.,;|\s]*\d[\d.,;|\s]*(e[-+]?\d+)?|[-+]?(nan|inf|null|none|true|false)|.*(\d:\d\d|\d{4}).*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Header:
    """What the columns are called (as they are compared), and what that says of them.
    ``data_line`` is the first line of the file, counted from 0, that may be a row; not ``named``:
    there is no header."""

    delimiter: str
    headings: tuple[Heading, ...]
    data_line: int = 1
    named: bool = True

    @property
    def width(self) -> int:
        return len(self.headings)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(heading.name for heading in self.headings)

    def index(self, name: str) -> int | None:
        """The first column of that name."""
        return self.columns.index(name) if name in self.columns else None


@dataclass(frozen=True, slots=True)
class NoTable:
    """Why nothing can be read from a file."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the head: the line it begins at and the one behind it, and its fields."""

    line: int
    end: int
    fields: tuple[str, ...]
    comment: bool = False

    def has_width(self, width: int) -> bool:
        return len(self.fields) == width or (len(self.fields) == width + 1 and not self.fields[-1])


def read_header(head: str) -> Header | NoTable:
    """From the first block of a file's text."""
    if not head.strip("\r\n\t ;,|"):
        return NoTable("empty", "It is empty.")
    if is_binary(head):
        return NoTable("not_csv", "It is no text, so no table was read from it.")
    if head.lstrip().startswith(("{", "[{", "[\n", "<")):
        return NoTable("not_csv", "It is JSON or XML and no table, so nothing was read from it.")
    lines = head.split("\n")
    first = next(number for number, line in enumerate(lines) if line.strip())
    separator = _SEPARATOR.fullmatch(lines[first].strip("\ufeff \r"))
    skip, delimiters = (first + 1, separator["delimiter"]) if separator else (first, DELIMITERS)
    found = [_find_header(lines, skip, delimiter) for delimiter in delimiters]
    _, header = max(found, key=lambda one: one[0])
    too_wide = any(one is None for _, one in found)
    if header is None or (header.width == 1 and too_wide):
        return NoTable("not_csv", "Its first rows are too long for those of a table.")
    return header


def _find_header(
    lines: Sequence[str], skip: int, delimiter: str
) -> tuple[tuple[int, int], Header | None]:
    """The best header with that delimiter, and how good it is."""
    rows = list(_head_rows(lines, skip, delimiter))
    longest = max((len(lines[row.line]) for row in rows), default=0)
    if not rows or longest > MOST_ROW_CHARS or max(len(row.fields) for row in rows) > MOST_COLUMNS:
        return (-1, 0), None
    candidates = [number for number in range(len(rows)) if _heads(rows, number)]
    timed = [number for number in candidates if _tells_time(rows[number])]
    wide = [number for number in candidates if len(rows[number].fields) > 1]
    for quality, numbers in ((3, [n for n in timed if n in wide]), (2, wide), (1, timed)):
        if numbers:
            header = _header(rows, numbers[0], delimiter)
            return (quality, header.width), header
    return _without_header(rows, delimiter)


def _without_header(rows: list[_Row], delimiter: str) -> tuple[tuple[int, int], Header]:
    first = next((row for row in rows if not row.comment), rows[0])
    if not all(_is_value(field) for field in first.fields if field):
        header = _header(rows, rows.index(first), delimiter)
        return (1 if header.width > 1 else 0, header.width), header
    width = _usual_width(rows)
    begin = next((row.line for row in rows if not row.comment and row.has_width(width)), 0)
    header = Header(delimiter, (Heading(""),) * width, begin, named=False)
    return (0, width if delimiter != "," else min(width, 2)), header


def _head_rows(lines: Sequence[str], skip: int, delimiter: str) -> Iterator[_Row]:
    """Rows of the head; the last line of a full head has no end, and is none."""
    last = len(lines) - 1 if len(lines) > 1 and lines[-1] else len(lines)
    number = skip
    while number < min(last, skip + _MOST_LINES):
        end = _row_end(lines, number, last)
        text = "\n".join(lines[number:end])
        bare = text.lstrip()
        comment = bare.startswith(COMMENTS)
        if bare.strip():
            parted, _ = part_rows([bare.lstrip("#%/ ") if comment else text], delimiter, 0)
            for fields in parted[:1]:
                yield _Row(number, end, tuple(field.strip() for field in fields), comment)
        number = end


def _row_end(lines: Sequence[str], number: int, last: int) -> int:
    """Behind the line in which a row ends: quotes may hold line ends."""
    quotes = 0
    for end in range(number, min(last, number + _MOST_UNIT_ROWS)):
        quotes += lines[end].count('"')
        if quotes % 2 == 0:
            return end + 1
    return number + 1


def _heads(rows: list[_Row], number: int) -> bool:
    """Whether a row is one of words, as wide as most rows behind it."""
    fields = [field for field in rows[number].fields if field]
    values = sum(_is_value(field) for field in fields)
    if not fields or 2 * values >= len(fields):
        return False
    width = len(rows[number].fields)
    behind = [row for row in rows[number + 1 :] if not row.comment][:_FOLLOWING]
    trimmed = width - (not rows[number].fields[-1])
    even = sum(row.has_width(width) or row.has_width(trimmed) for row in behind)
    return 2 * even >= len(behind)


def _tells_time(row: _Row) -> bool:
    return any(read_heading(field).is_time for field in row.fields)


def _header(rows: list[_Row], number: int, delimiter: str) -> Header:
    row = rows[number]
    units: tuple[str, ...] = ()
    end = row.end
    for below in rows[number + 1 : number + 1 + _MOST_UNIT_ROWS]:
        if (
            below.comment
            or any(_is_value(field) for field in below.fields)
            or not any(below.fields)
        ):
            break
        units, end = units or below.fields, below.end
    names = row.fields
    if not names[-1] and _usual_width(rows[number + 1 :]) == len(names) - 1:
        names = names[:-1]
    known = [units[i] if i < len(units) else "" for i in range(len(names))]
    headings = (
        read_heading(name, unit if unit.casefold() in UNIT_WORDS else "")
        for name, unit in zip(names, known, strict=True)
    )
    return Header(delimiter, tuple(headings), end)


def _usual_width(rows: list[_Row]) -> int:
    widths = Counter(len(row.fields) for row in rows if not row.comment)
    return max(widths, key=lambda width: (widths[width], width)) if widths else 1


def _is_value(field: str) -> bool:
    return _VALUE.fullmatch(field) is not None
