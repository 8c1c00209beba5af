"""What kind of table a file is, from its first bytes: delimiter and names of the columns. Pure.

The delimiter is the one of comma, semicolon and tab that parts the first row into most fields.
Names are compared without case, surrounding spaces and a unit in brackets, so ``"Time (s)"`` is
``time``.
"""

import re
from dataclasses import dataclass

from ctlr.postprocess.tables.rows import Rows, split_rows

HEAD_BYTES = 64 << 10
DELIMITERS = b",;\t"
MOST_COLUMNS = 4096

_UNIT = re.compile(r"\s*[(\[].*[)\]]$")
_PARTS = re.compile(r"[,;\s]+")
_NUMBER = re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?", re.IGNORECASE)
_CONTROL = bytes([*range(9), *range(14, 32), 127])
_MOST_CONTROL_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Header:
    """``width`` columns and what they are called (normalised, in order)."""

    delimiter: int
    columns: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.columns)

    def index(self, name: str) -> int | None:
        """The first column of that name."""
        return self.columns.index(name) if name in self.columns else None


@dataclass(frozen=True, slots=True)
class NoTable:
    """Why nothing can be read from a file."""

    code: str
    text: str


def read_header(head: bytes) -> Header | NoTable:
    """From the first ``HEAD_BYTES`` of a file, in UTF-8."""
    if not head.strip(b"\r\n\t ;,"):
        return NoTable("empty", "It is empty.")
    if _is_binary(head):
        return NoTable("not_csv", "It is no text, so no table was read from it.")
    best = max((_first_row(head, delimiter) for delimiter in DELIMITERS), key=_width)
    if not len(best[1]) or _width(best) > MOST_COLUMNS:
        return NoTable("not_csv", f"No row of it ends within {HEAD_BYTES >> 10} KiB.")
    rows, delimiter = best[1], best[0]
    width = _width(best)
    names = [rows.column(column, width).text(0) for column in range(width)]
    if all(_NUMBER.fullmatch(part) for name in names for part in _PARTS.split(name) if part):
        return NoTable("no_header", "It has no header, so what its columns are is not known.")
    return Header(delimiter, tuple(normalise(name) for name in names))


def normalise(name: str) -> str:
    """A column's name as it is compared."""
    bare = _UNIT.sub("", name.lstrip("#").strip().casefold())
    return re.sub(r"[\s-]+", "_", bare)


def _is_binary(head: bytes) -> bool:
    controls = len(head) - len(head.translate(None, _CONTROL))
    return b"\0" in head or controls > _MOST_CONTROL_SHARE * len(head)


def _first_row(head: bytes, delimiter: int) -> tuple[int, Rows]:
    rows = split_rows(head, delimiter)
    if not len(rows) and len(head) < HEAD_BYTES:
        rows = split_rows(head + b"\n", delimiter)
    return delimiter, rows


def _width(found: tuple[int, Rows]) -> int:
    return int(found[1].widths[0]) if len(found[1]) else 0
