"""The rows of a table, a block of text at a time.

A row ends at LF, blank ones and comments (``#``, ``//``, ``%``, and not as wide as the table)
don't count. What stands between
quotes belongs to the field, line breaks and delimiters too (RFC 4180): the standard library's
``csv`` parts them. Where a field over several lines would cost rows that are whole without it,
its quote is a stray one, and all quotes of the block are ordinary characters.

Most rows are numbers, have no quotes and all the same width. ``numpy.loadtxt`` reads columns out
of such a block without parting it first; it refuses what is not a number, and then the fields are
parted and read one by one.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np

from ctlr.postprocess.tables.numbers import Floats, as_finite, parse_numbers
from ctlr.postprocess.tables.text import LIMITS, Limits

_LINE_END = ord("\n")
COMMENTS = ("#", "//", "%")


class Rows:
    """Some rows of a table ``width`` columns wide, in the order of the file."""

    def __init__(self, text: str, delimiter: str, width: int, *, quoting: bool = True) -> None:
        self._delimiter = delimiter
        self._width = width
        self._quoting = quoting
        self._text = _without_gaps(text, delimiter, width)
        self._known: dict[int, Floats] = {}

    def __len__(self) -> int:
        return len(self._parted[0]) if self._plain_rows is None else self._plain_rows

    @property
    def stray_quotes(self) -> bool:
        """Whether there were quotes that quote nothing."""
        return self._plain_rows is None and self._parted[1]

    @property
    def uneven(self) -> int:
        """How many rows have more or fewer fields than the table is wide."""
        if self._plain_rows is not None:
            return 0
        if self._all_even:
            return 0
        return sum(not self._is_even(record) for record in self._parted[0])

    def texts(self, column: int) -> list[str]:
        """A column's fields as they are written.

        Of a row that is too short its last field may be cut off, in one that is too long nothing
        is where it belongs: such fields are empty.
        """
        records = self._parted[0]
        if self._all_even:
            return [record[column] for record in records]
        return [record[column] if self._is_sure(record, column) else "" for record in records]

    def read_numbers(self, columns: Sequence[int]) -> None:
        """Read several columns at once, which is faster than one by one."""
        missing = [column for column in dict.fromkeys(columns) if column not in self._known]
        if missing and self._plain_rows:
            self._load(missing)

    def numbers(self, column: int) -> Floats:
        """A column's numbers; NaN where there is none."""
        self.read_numbers((column,))
        if column not in self._known:
            self._known[column] = parse_numbers(self.texts(column))
        return self._known[column]

    @cached_property
    def _plain_rows(self) -> int | None:
        """How many rows there are, if all have the same width and no quotes; None otherwise."""
        if '"' in self._text or not self._delimiter.isascii():
            return None
        parts = np.frombuffer(self._text.encode(), np.uint8)
        delimiter = ord(self._delimiter)
        marks = parts[(parts == _LINE_END) | (parts == delimiter)]
        for width in (self._width, self._width + 1):
            table = marks[: len(marks) // width * width].reshape(-1, width)
            if table.size != len(marks):
                continue
            if (table[:, -1] == _LINE_END).all() and (table[:, :-1] == delimiter).all():
                more = width > self._width and f"{self._delimiter}\n"
                if not more or self._text.count(more) == len(table):
                    return len(table)
        return None

    @cached_property
    def _all_even(self) -> bool:
        """Whether no row that was parted needs a second look."""
        return set(map(len, self._parted[0])) <= {self._width}

    @cached_property
    def _parted(self) -> tuple[list[list[str]], bool]:
        lines = self._text.split("\n")[:-1]
        return part_rows(lines, self._delimiter, self._width, quoting=self._quoting)

    def _load(self, columns: list[int]) -> None:
        text = self._text
        if self._delimiter != ",":  # a comma in a number is a decimal comma
            text = text.replace(",", ".")
        try:
            found = np.loadtxt(
                io.StringIO(text),
                delimiter=self._delimiter,
                usecols=columns,
                comments=None,
                ndmin=2,
            )
        except ValueError:
            return
        if len(found) == self._plain_rows:
            for column, values in zip(columns, found.T, strict=True):
                self._known[column] = as_finite(np.ascontiguousarray(values))

    def _is_even(self, record: list[str]) -> bool:
        return _is_even(record, self._width)

    def _is_sure(self, record: list[str], column: int) -> bool:
        if len(record) == self._width or self._is_even(record):
            return True
        return len(record) < self._width and column < len(record) - 1


def _without_gaps(text: str, delimiter: str, width: int) -> str:
    """A text without blank lines and comments; every line has an end."""
    if any(mark in text for mark in COMMENTS):
        lines = text.split("\n")
        text = "\n".join(line for line in lines if not _is_comment(line, delimiter, width))
    while "\n\n" in text:
        text = text.replace("\n\n", "\n")
    text = text.removeprefix("\n")
    return text if text.endswith("\n") or not text else f"{text}\n"


def _is_comment(line: str, delimiter: str, width: int) -> bool:
    """What is as wide as the table is a row, whatever it begins with."""
    return line.lstrip().startswith(COMMENTS) and line.count(delimiter) != width - 1


def part_rows(
    lines: Sequence[str], delimiter: str, width: int, *, quoting: bool = True
) -> tuple[list[list[str]], bool]:
    """The fields of each row, and whether there were quotes that quote nothing."""
    if not any('"' in line for line in lines):
        return list(_records(lines, delimiter)), False
    if not quoting:
        return list(_unquoted(lines, delimiter)), True
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, skipinitialspace=True)
    try:
        quoted = [record for record in reader if record]
    except csv.Error:  # a field longer than any: its quote is never closed
        return list(_unquoted(lines, delimiter)), True
    if reader.line_num > len(quoted):
        unquoted = list(_unquoted(lines, delimiter))
        if _count_uneven(unquoted, width) <= _count_uneven(quoted, width):
            return unquoted, True
    return quoted, False


def read_rows(
    blocks: Iterable[str], delimiter: str, width: int, limits: Limits = LIMITS
) -> Iterator[Rows]:
    """All rows; the last one may lack its end. Raises ``OSError``."""
    rest = ""
    for block in blocks:
        data = rest + block
        cut, quoting = _last_end(data), True
        if len(data) - cut > limits.row_chars:  # a quote that is never closed, or no line at all
            cut, quoting = data.rfind("\n") + 1, False
        rest = data[cut:]
        if len(rest) > limits.row_chars:
            rest = ""
        yield Rows(data[:cut], delimiter, width, quoting=quoting)
    if rest:
        yield Rows(rest, delimiter, width)


def _records(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """Rows without any quoting; one with a field that is longer than any is empty."""
    reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield []


def _unquoted(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    for record in _records(lines, delimiter):
        yield [field.strip(' \t"') for field in record]


def _count_uneven(records: list[list[str]], width: int) -> int:
    return sum(not _is_even(record, width) for record in records)


def _is_even(record: list[str], width: int) -> bool:
    """A delimiter at the end of a row may be one too many."""
    return len(record) == width or (len(record) == width + 1 and not record[-1])


def _last_end(data: str) -> int:
    """Behind the last line end that does not stand between quotes."""
    cut = data.rfind("\n") + 1
    quotes = data.count('"', 0, cut)
    while cut and quotes % 2:
        before = data.rfind("\n", 0, cut - 1) + 1
        quotes -= data.count('"', before, cut)
        cut = before
    return cut
