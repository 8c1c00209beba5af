"""A whole table in memory with a time for each row, as the manifest tells of that table.

``table`` reads it, ``placing`` puts its times beside the session's. The same is done here for
each row: a counter is moved to where its first row stands, rows before a clock that was set are
put before those behind, and rows of other stretches have no time.
"""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np

from ctlr.postprocess.tables.anchors import Anchors, unix_times
from ctlr.postprocess.tables.archives import ArchiveError, find_anchors, open_member
from ctlr.postprocess.tables.clock import MS_PER
from ctlr.postprocess.tables.header import Header
from ctlr.postprocess.tables.numbers import Floats
from ctlr.postprocess.tables.placing import SessionSpan, place
from ctlr.postprocess.tables.rows import Rows
from ctlr.postprocess.tables.table import Stretches, TableFacts, read_open_table


class NoTableError(ValueError):
    """A file holds no table, or cannot be read; the text says why."""


@dataclass(slots=True)
class _Kept:
    """Everything of a table while it is read."""

    header: Header | None = None
    rows: list[Rows] = field(default_factory=list)
    times_ms: list[Floats] = field(default_factory=list)
    stretches: list[Stretches] = field(default_factory=list)

    def begin(self, header: Header) -> None:
        self.header = header

    def forget_times(self) -> None:
        for stretches in self.stretches:
            stretches[:] = -1

    def add(self, rows: Rows, times_ms: Floats | None, stretches: Stretches) -> None:
        self.rows.append(rows)
        self.times_ms.append(np.full(len(rows), np.nan) if times_ms is None else times_ms.copy())
        self.stretches.append(stretches)


class TimedTable:
    """``facts`` have been placed; ``names`` are the columns' headings as they are written."""

    def __init__(
        self, kept: _Kept, facts: TableFacts, span: SessionSpan, anchors: Anchors = ()
    ) -> None:
        assert kept.header is not None
        self._kept = kept
        self._read = facts
        self._anchors = anchors
        self.facts = place(facts, span, anchors)
        self.names = tuple(heading.text for heading in kept.header.headings)
        self._as_compared = kept.header.columns

    def __len__(self) -> int:
        return sum(map(len, self._kept.rows))

    @cached_property
    def times_ms(self) -> Floats:
        """Unix milliseconds by the clock that the table was written by; NaN where a row has none."""
        times = _joined(self._kept.times_ms)
        believed = self._stretches >= 0
        found = np.full(len(times), np.nan)
        if self.facts.times.first_ms is None or self._read.times.first_ms is None:
            return found
        if self.facts.clock and self.facts.clock.anchored:
            found[believed] = unix_times(times[believed], self._anchors)
        elif self.facts.clock and self.facts.clock.elapsed:
            counted = self._read.clock.unit if self._read.clock else "s"
            scale = MS_PER[self.facts.clock.unit] / MS_PER[counted]
            by_ms = self.facts.times.first_ms - self._read.times.first_ms * scale
            found[believed] = times[believed] * scale + by_ms
        else:
            self._choose_stretch(times, found)
        return found

    @property
    def _stretches(self) -> Stretches:
        none = np.empty(0, np.int8)
        return np.concatenate([none, *self._kept.stretches])

    def _choose_stretch(self, times: Floats, found: Floats) -> None:
        """The rows of the session's stretch, and those right before a clock was set."""
        stretches, read = self._stretches, self._read.stretches
        last_ms = self.facts.times.last_ms
        chosen = next((n for n, one in enumerate(read) if one.times.last_ms == last_ms), None)
        if chosen is None:
            return
        found[stretches == chosen] = times[stretches == chosen]
        if self.facts.clock_set_by_ms is not None:
            before = stretches == chosen - 1
            found[before] = times[before] + self.facts.clock_set_by_ms

    def index(self, name: str) -> int:
        """The column of that heading, as it is written or as headings are compared (without case,
        unit and spaces). Raises ``KeyError``."""
        for names in (self.names, self._as_compared):
            if name in names:
                return names.index(name)
        raise KeyError(f"{name} is none of the columns {', '.join(self.names)}")

    def numbers(self, index: int) -> Floats:
        """A column's numbers; NaN where there is none."""
        return _joined([rows.numbers(index) for rows in self._kept.rows])

    def texts(self, index: int) -> list[str]:
        """A column's fields as they are written."""
        return list(chain.from_iterable(rows.texts(index) for rows in self._kept.rows))


def _joined(parts: list[Floats]) -> Floats:
    return np.concatenate([np.empty(0), *parts])


def read_timed_table(path: Path, member: str | None, span: SessionSpan) -> TimedTable:
    """A table that is a file, or a member of an archive. Raises ``NoTableError``."""
    kept = _Kept()
    try:
        with open_member(path, member) as file:
            facts = read_open_table(file, member or path.name, lambda _: None, keep=kept)
    except (OSError, KeyError, ArchiveError) as error:
        raise NoTableError(f"{path.name} cannot be read ({error})") from error
    if facts.no_table:
        raise NoTableError(f"{path.name} holds no table: {facts.no_table.text}")
    return TimedTable(kept, facts, span, find_anchors(path, member))
