"""A table of phone, watch or CAN bus: its columns, and when each row is, on the session's clock."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ctlr.postprocess.manifest.tables import TableEntry
from ctlr.postprocess.tables.archives import split_member
from ctlr.postprocess.tables.placing import SessionSpan
from ctlr.postprocess.tables.timed import TimedTable, read_timed_table
from ctlr.reader.cameras import nearest
from ctlr.reader.clocks import Floats, SourceClock


@dataclass(frozen=True, slots=True, eq=False)
class Row(Mapping[str, float | str]):
    """A row of a table. ``row["x"]`` is a number, or the text that stands there; by the heading as
    it is written, or without case, unit and spaces."""

    table: "Table"
    number: int
    t_s: float | None
    uncertainty_s: float

    def __getitem__(self, name: str) -> float | str:
        value = float(self.table[name][self.number])
        return self.table.texts(name)[self.number] if math.isnan(value) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self.table.names)

    def __len__(self) -> int:
        return len(self.table.names)


class Table:
    """``path`` is below the session's folder, ``told`` what the manifest says of it. It is read
    when something of it is asked for; ``NoTableError`` says why it cannot be."""

    def __init__(
        self,
        path: str,
        folder: Path,
        told: TableEntry,
        span: SessionSpan,
        clocks: Mapping[str, SourceClock],
    ) -> None:
        self.path = path
        self.told = told
        self._folder = folder
        self._span = span
        self._clocks = clocks
        self._known: dict[int, list[str]] = {}

    def __repr__(self) -> str:
        return f"<Table {self.path}: {self.told.rows} rows>"

    @cached_property
    def _read(self) -> TimedTable:
        file, member = split_member(self.path)
        return read_timed_table(self._folder / file, member, self._span)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' headings."""
        return self._read.names

    def __len__(self) -> int:
        return len(self._read)

    def __getitem__(self, name: str) -> Floats:
        """A column's numbers; NaN where there is none. Raises ``KeyError``."""
        return self.numbers_at(self._read.index(name))

    def numbers_at(self, number: int) -> Floats:
        """As ``table[name]``, of a column by its number: headings may be empty, or twice there."""
        return self._read.numbers(number)

    def texts(self, name: str) -> Sequence[str]:
        """A column's fields as they are written. Raises ``KeyError``."""
        return self.texts_at(self._read.index(name))

    def texts_at(self, number: int) -> list[str]:
        if number not in self._known:
            self._known[number] = self._read.texts(number)
        return self._known[number]

    @cached_property
    def t_s(self) -> Floats:
        """When each row is; NaN where it has no time."""
        return self._on_each_clock(SourceClock.to_session)

    @cached_property
    def uncertainty_s(self) -> Floats:
        return self._on_each_clock(SourceClock.uncertainty_s)

    def nearest(self, t_s: float | None) -> Row:
        """The row nearest to an instant. Raises ``LookupError`` where no row has a time."""
        return self._row(nearest(self.t_s, t_s, f"no row of {self.path}"))

    def around(self, t_s: float, within_s: float) -> list[Row]:
        """The rows within so many seconds of an instant."""
        chosen = np.flatnonzero(np.abs(self.t_s - t_s) <= within_s)
        return [self._row(int(number)) for number in chosen]

    def times_of(self, own_ms: Sequence[int]) -> list[float]:
        """``t_s`` of instants by the clock that it was written by."""
        clock = next(iter(self._clocks.values()))
        return [float(at) for at in clock.to_session(np.array(own_ms, np.float64) * 1000)]

    def _row(self, number: int) -> Row:
        at_s, uncertainty_s = float(self.t_s[number]), float(self.uncertainty_s[number])
        return Row(self, number, None if math.isnan(at_s) else at_s, uncertainty_s)

    def _on_each_clock(self, ask: Callable[[SourceClock, Floats], Floats]) -> Floats:
        own_us = self._read.times_ms * 1000
        if len(self._clocks) == 1:
            return ask(next(iter(self._clocks.values())), own_us)
        found = np.full(len(own_us), np.nan)
        buses = np.array(self.texts("bus"))
        for bus, clock in self._clocks.items():
            of_bus = buses == bus
            found[of_bus] = ask(clock, own_us[of_bus])
        return found
