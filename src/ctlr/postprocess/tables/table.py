"""One table, read once from beginning to end: what its rows and times are.

Nothing about a file is an error: what cannot be read is a finding (``NoTable``) like any other.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from ctlr.postprocess.tables.clock import ClockColumn, choose_clock, jumps_to_an_instant
from ctlr.postprocess.tables.gpx import SUFFIX, is_gpx, read_gpx
from ctlr.postprocess.tables.header import Header, NoTable, read_header
from ctlr.postprocess.tables.instants import DAY_MS
from ctlr.postprocess.tables.numbers import Floats
from ctlr.postprocess.tables.quantities import Quantity
from ctlr.postprocess.tables.row_times import RowTimes, RowTimesFound
from ctlr.postprocess.tables.rows import Rows, read_rows
from ctlr.postprocess.tables.samples import Samples
from ctlr.postprocess.tables.series import Series
from ctlr.postprocess.tables.text import LIMITS, Limits, Text

SUFFIXES = (".csv", ".tsv", SUFFIX)
Stretches = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows between two jumps of the clock: their times, and what they measure of the common
    motion, if they do."""

    times: RowTimesFound = field(default_factory=RowTimesFound)
    measured: Series | None = None


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What a file holds. Times are of its own clock; ``times`` and ``measured`` are of the longest
    of its ``stretches``. ``uneven`` rows have more or fewer fields than the header, ``nuls`` were
    passed over, ``unread_bytes`` lie behind what is read of a file at most; ``longer_unit`` is the
    unit of a time that is not read. Not ``named``: it has no header.
    ``clock_set_by_ms``: by how much its clock was set between two rows of the session."""

    rows: int = 0
    clock: ClockColumn | None = None
    times: RowTimesFound = field(default_factory=RowTimesFound)
    uneven: int = 0
    stray_quotes: bool = False
    nuls: int = 0
    unread_bytes: int = 0
    named: bool = True
    longer_unit: str | None = None
    no_table: NoTable | None = None
    quantity: Quantity | None = None
    measured: Series | None = None
    stretches: tuple[Stretch, ...] = ()
    clock_set_by_ms: float | None = None


def is_table(name: str) -> bool:
    """Whether a file says by its name that it is a table."""
    return name.casefold().endswith(SUFFIXES)


FindQuantity = Callable[[Header], Quantity | None]
"""What of a table with these columns is worth comparing."""


def read_table(path: Path, find_quantity: FindQuantity, limits: Limits = LIMITS) -> TableFacts:
    """Read a file whole; a disk that refuses is a finding too."""
    try:
        with open(path, "rb") as file:
            return read_open_table(file, path.name, find_quantity, limits)
    except OSError as error:
        text = f"It could not be read ({error.strerror})."
        return TableFacts(no_table=NoTable("unreadable", text))


def find_in_header(path: Path, find_quantity: FindQuantity) -> Quantity | None:
    """What of a table is worth comparing, by a look at its header only."""
    try:
        with open(path, "rb") as file:
            header = read_header(next(Text(file).blocks(), ""))
    except OSError:
        return None  # it is looked for in other files
    return None if isinstance(header, NoTable) else find_quantity(header)


class KeepRows(Protocol):
    """Who is shown a table while it is read."""

    def begin(self, header: Header) -> None: ...

    def forget_times(self) -> None:
        """What was read as times so far is none: the clock is another one."""

    def add(self, rows: Rows, times_ms: Floats | None, stretches: Stretches) -> None:
        """Rows with their times by the clock as it was read, and the number of each row's stretch,
        -1 where its time is not believed."""


def read_open_table(
    file: IO[bytes],
    name: str,
    find_quantity: FindQuantity,
    limits: Limits = LIMITS,
    keep: KeepRows | None = None,
) -> TableFacts:
    """Read a file from its beginning; its name tells what it is. Raises ``OSError``."""
    if is_gpx(name):
        track = read_gpx(file)
        if isinstance(track, NoTable):
            return TableFacts(no_table=track)
        file = track
    text = Text(file, limits)
    blocks = text.blocks()
    head = next(blocks, "")
    if text.nuls and not head:
        return TableFacts(no_table=NoTable("not_csv", "It holds nothing but zeros."))
    header = read_header(head)
    if isinstance(header, NoTable):
        return TableFacts(no_table=header)
    if keep:
        keep.begin(header)
    reading = _Reading(header, find_quantity(header), keep)
    data = chain(_without_lines(head, header.data_line), blocks)
    for rows in read_rows(data, header.delimiter, header.width, limits):
        reading.add(rows)
    return reading.facts(text)


class _DayTurns:
    """Times of day, going on behind midnight."""

    def __init__(self) -> None:
        self._previous_ms = np.nan
        self._days = 0

    def add(self, times_ms: Floats) -> Floats:
        readable = np.isfinite(times_ms)
        times = times_ms[readable]
        if not len(times):
            return times_ms
        first = times[0] if np.isnan(self._previous_ms) else self._previous_ms
        turns = np.cumsum(np.diff(np.concatenate(([first], times))) < -DAY_MS / 2)
        running = times_ms.copy()
        running[readable] = times + (self._days + turns) * DAY_MS
        self._previous_ms, self._days = float(times[-1]), self._days + int(turns[-1])
        return running


class _Reading:
    """Takes in a table's rows; the first ones decide which column is its clock."""

    def __init__(
        self, header: Header, quantity: Quantity | None, keep: KeepRows | None = None
    ) -> None:
        self._header = header
        self._keep = keep
        self._quantity = quantity
        self._clock: ClockColumn | None = None
        self._latest = 0.0
        self._rows = self._uneven = 0
        self._stray_quotes = False
        self._times = RowTimes()
        self._day_turns = _DayTurns()
        self._samples: dict[int, Samples] = {}

    def add(self, rows: Rows) -> None:
        if not len(rows):
            return
        if self._clock is None:
            self._take_clock(rows)
        elif self._clock.elapsed and self._clock.columns:
            self._read_numbers(self._clock, rows)
            numbers = rows.numbers(self._clock.index)
            if jumps_to_an_instant(self._clock, self._latest, numbers):
                self._take_clock(rows)
            self._latest = float(np.nanmax(numbers, initial=self._latest))
        self._rows += len(rows)
        self._uneven += rows.uneven
        self._stray_quotes |= rows.stray_quotes
        if self._clock:
            with np.errstate(over="ignore", invalid="ignore"):  # what is too large is no time
                self._add_times(self._clock, rows)
        elif self._keep:
            self._keep.add(rows, None, _none_believed(rows))

    def _take_clock(self, rows: Rows) -> None:
        """Read times as these rows say from here on; what was read before is not believed."""
        before = self._clock
        if self._keep:
            self._keep.forget_times()
        self._clock = choose_clock(self._header, rows)
        self._times = RowTimes(jumping=not (self._clock and self._clock.elapsed))
        self._samples = {}
        if before:
            self._times.add_before(far=self._rows)
        elif self._clock:
            self._times.add_before(unreadable=self._rows)

    def _add_times(self, clock: ClockColumn, rows: Rows) -> None:
        self._read_numbers(clock, rows)
        times_ms = clock.times_ms(rows)
        if clock.of_day:
            times_ms = self._day_turns.add(times_ms)
        stretches = _none_believed(rows)
        for stretch, chosen in self._times.add(times_ms):
            stretches[chosen] = stretch
            if self._quantity:
                samples = self._samples.setdefault(stretch, Samples())
                samples.add(times_ms[chosen] / 1000, self._quantity.values(rows)[chosen])
        if self._keep:
            self._keep.add(rows, times_ms, stretches)

    def _read_numbers(self, clock: ClockColumn, rows: Rows) -> None:
        rows.read_numbers((*clock.columns, *(self._quantity.columns if self._quantity else ())))

    def facts(self, text: Text) -> TableFacts:
        """What was read of all of the ``text``."""
        stretches = tuple(
            Stretch(times, self._samples[number].series() if number in self._samples else None)
            for number, times in enumerate(self._times.found())
        )
        longest = max(stretches, key=lambda stretch: stretch.times.rows)
        longer_units = (heading.longer_unit for heading in self._header.headings)
        return TableFacts(
            rows=self._rows,
            clock=self._clock,
            times=longest.times,
            uneven=self._uneven,
            stray_quotes=self._stray_quotes,
            nuls=text.nuls,
            unread_bytes=text.unread_bytes,
            named=self._header.named,
            longer_unit=next((unit for unit in longer_units if unit), None),
            quantity=self._quantity,
            measured=longest.measured,
            stretches=stretches,
        )


def _none_believed(rows: Rows) -> Stretches:
    return np.full(len(rows), -1, np.int8)


def _without_lines(head: str, count: int) -> Iterator[str]:
    """The first block without its first lines."""
    at = 0
    for _ in range(count):
        end = head.find("\n", at)
        if end < 0:
            return
        at = end + 1
    yield head[at:]
