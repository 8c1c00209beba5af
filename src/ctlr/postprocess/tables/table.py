"""One table, read once from beginning to end: what its rows and times are.

Nothing about a file is an error: what cannot be read is a finding (``NoTable``) like any other.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from math import inf
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ctlr.postprocess.tables.blocks import MOST_BYTES, read_rows, read_text
from ctlr.postprocess.tables.clock import ClockColumn, choose_clock
from ctlr.postprocess.tables.header import HEAD_BYTES, Header, NoTable, read_header
from ctlr.postprocess.tables.quantities import Quantity
from ctlr.postprocess.tables.row_times import RowTimes, RowTimesFound
from ctlr.postprocess.tables.rows import Rows
from ctlr.postprocess.tables.samples import Samples
from ctlr.postprocess.tables.series import Series

SUFFIXES = (".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What a file holds. Times are of its own clock; ``uneven`` rows have more or fewer fields
    than the header, ``unread_bytes`` lie behind what is read of a file at most. ``measured`` is
    what it measures of the common motion, if it does."""

    rows: int = 0
    clock: ClockColumn | None = None
    times: RowTimesFound = field(default_factory=RowTimesFound)
    uneven: int = 0
    stray_quotes: bool = False
    unread_bytes: int = 0
    no_table: NoTable | None = None
    quantity: Quantity | None = None
    measured: Series | None = None


def is_table(name: str) -> bool:
    """Whether a file says by its name that it is a table."""
    return name.casefold().endswith(SUFFIXES)


FindQuantity = Callable[[Header], Quantity | None]
"""What of a table with these columns is worth comparing."""


def read_table(path: Path, find_quantity: FindQuantity) -> TableFacts:
    """Read a file whole; a disk that refuses is a finding too."""
    try:
        with open(path, "rb", buffering=0) as file:
            return _read(file, find_quantity, path.stat().st_size)
    except OSError as error:
        text = f"It could not be read ({error.strerror})."
        return TableFacts(no_table=NoTable("unreadable", text))


def find_in_header(path: Path, find_quantity: FindQuantity) -> Quantity | None:
    """What of a table is worth comparing, by a look at its header only."""
    try:
        with open(path, "rb") as file:
            header = read_header(file.read(HEAD_BYTES))
    except OSError:
        return None  # it is looked for in other files
    return None if isinstance(header, NoTable) else find_quantity(header)


class _Reading:
    """Takes in a table's rows; the first ones decide which column is its clock."""

    def __init__(self, header: Header, quantity: Quantity | None) -> None:
        self._header = header
        self._quantity = quantity
        self._clock: ClockColumn | None = None
        self._rows = self._uneven = 0
        self._stray_quotes = False
        self._times = RowTimes()
        self._samples = Samples()

    def add(self, rows: Rows) -> None:
        width = self._header.width
        if self._clock is None:
            self._clock = choose_clock(self._header, rows)
            self._times = RowTimes(inf) if self._clock and self._clock.elapsed else RowTimes()
        self._rows += len(rows)
        self._uneven += rows.uneven(width)
        self._stray_quotes |= rows.stray_quotes
        if self._clock:
            with np.errstate(over="ignore", invalid="ignore"):  # what is too large is no time
                self._add_times(self._clock, rows)

    def _add_times(self, clock: ClockColumn, rows: Rows) -> None:
        times_ms = clock.times_ms(rows, self._header.width)
        near = self._times.add(times_ms)
        if self._quantity:
            values = self._quantity.values(rows, self._header.width)
            self._samples.add(times_ms[near] / 1000, values[near])

    def facts(self, unread_bytes: int) -> TableFacts:
        return TableFacts(
            rows=self._rows,
            clock=self._clock,
            times=self._times.found(),
            uneven=self._uneven,
            stray_quotes=self._stray_quotes,
            unread_bytes=unread_bytes,
            quantity=self._quantity,
            measured=self._samples.series(),
        )


def _read(file: BinaryIO, find_quantity: FindQuantity, size: int) -> TableFacts:
    text = read_text(file)
    first = next(text, b"")
    header = read_header(first[:HEAD_BYTES])
    if isinstance(header, NoTable):
        return TableFacts(no_table=header)
    reading = _Reading(header, find_quantity(header))
    blocks = read_rows(chain((first,), text), header.delimiter)
    header_rows = 1
    for rows in blocks:
        reading.add(rows.from_row(header_rows))
        header_rows -= min(header_rows, len(rows))
    return reading.facts(max(0, size - MOST_BYTES))
