"""Which column of a table tells the time, and in which unit. Pure.

Columns are looked for by their headings, those with the best known names first. A clock is, in
this order:

1. a column with instants: dates with a time of day, numbers of the size of Unix time, or days since
   1900 with the time of day as their fraction, as spreadsheets have them;
2. a column with dates and one with times of day, together;
3. a column that counts from a start that the file does not tell: seconds since the sensor's own
   start, time since boot, a time of day.

A unit that is written in the heading is believed. Where none is, whether a number counts seconds,
milliseconds, microseconds or nanoseconds since 1970 follows from its size, as these differ by a
thousand and all instants between the years 2000 and 2200 by less than ten. Time since boot may
happen to have that size, too; that is only seen beside the session (``table_report``).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ctlr.postprocess.tables.header import Header
from ctlr.postprocess.tables.headings import Heading
from ctlr.postprocess.tables.instants import (
    DAY_MS,
    DateOrder,
    Instant,
    find_order,
    parse_instants,
    parse_times_of_day,
    read_instant,
)
from ctlr.postprocess.tables.numbers import Floats
from ctlr.postprocess.tables.rows import Rows

Unit = Literal["s", "ms", "us", "ns", "iso"]

ABSOLUTE = (
    "time", "timestamp", "ts_ms", "ts", "time_ms", "timestamp_ms", "time_us", "timestamp_us",
    "time_ns", "timestamp_ns", "unix_time", "epoch", "datetime", "date_time", "date",
)  # fmt: skip
"""Names of columns with instants, the best first; all others come behind them."""
ELAPSED = ("seconds_elapsed", "elapsed")
"""Names of columns with seconds since the sensor's own start."""

MS_PER: dict[Unit, float] = {"s": 1000.0, "ms": 1.0, "us": 1e-3, "ns": 1e-6, "iso": 1.0}
COUNTING: tuple[Unit, ...] = ("s", "ms", "us", "ns")
_FIRST_S, _LAST_S = 946_684_800, 7_258_118_400  # the years 2000 and 2200
_LEAST_READABLE = 0.5
_SAMPLE = 500
_JUMPED = 100.0  # so many times as much: a clock was set
_COMMON = 0.05
_SERIAL_1970, _SERIAL_2000, _SERIAL_2100 = 25_569, 36_526, 73_051
_SERIAL_STEP = 1 / 1440  # a minute; what counts seconds from row to row steps by less seldom


@dataclass(frozen=True, slots=True)
class ClockColumn:
    """``elapsed``: it counts from an unknown start; ``written``: its heading tells the unit.
    ``time_index`` is the column with the times of day where ``index`` has the dates.
    ``of_day``: times of day without a date. ``zoned``: dates name their zone; without one UTC is
    taken. ``order_known``: day and month are not told apart by guessing. ``taken_for_year``: the
    year that a counter would be in if it were Unix time. ``anchored``: when its start was is known.
    ``serial``: it counts days as spreadsheets do."""

    name: str
    index: int
    unit: Unit
    elapsed: bool = False
    zoned: bool = True
    written: bool = False
    time_index: int | None = None
    of_day: bool = False
    order: DateOrder = "day first"
    order_known: bool = True
    taken_for_year: int | None = None
    anchored: bool = False
    serial: bool = False

    @property
    def columns(self) -> tuple[int, ...]:
        """Columns whose numbers it needs."""
        return () if self.unit == "iso" and not self.serial else (self.index,)

    def times_ms(self, rows: Rows) -> Floats:
        """Each row's time; NaN where it cannot be read."""
        if self.serial:
            return (rows.numbers(self.index) - _SERIAL_1970) * DAY_MS
        if self.unit != "iso":
            return rows.numbers(self.index) * MS_PER[self.unit]
        if self.of_day:
            return parse_times_of_day(rows.texts(self.index))
        return parse_instants(_dates(rows, self.index, self.time_index), self.order)


def choose_clock(header: Header, rows: Rows) -> ClockColumn | None:
    """The best clock that at least half of some rows can be read by; None if there is none."""
    found = [clock for index in _candidates(header) if (clock := _read_clock(header, rows, index))]
    absolute = next((clock for clock in found if not clock.elapsed), None)
    return absolute or _pair_up(header, rows) or _best_counter(found)


def unix_unit(value: float) -> Unit | None:
    """The unit in which a number is an instant of our time; None where it is in none."""
    return next((u for u in COUNTING if is_instant(value * MS_PER[u])), None)


def is_instant(ms: float) -> bool:
    """Whether it lies between the years 2000 and 2200."""
    return _FIRST_S <= ms / 1000 < _LAST_S


def _candidates(header: Header) -> list[int]:
    """Columns that could be a clock, the best names first."""
    if not header.named:
        return list(range(header.width))
    times = [i for i, heading in enumerate(header.headings) if heading.is_time]
    return sorted(times, key=lambda index: _rank(header.headings[index]))


def _rank(heading: Heading) -> int:
    return ABSOLUTE.index(heading.name) if heading.name in ABSOLUTE else len(ABSOLUTE)


def _read_clock(header: Header, rows: Rows, index: int) -> ClockColumn | None:
    heading = header.headings[index]
    name = heading.name or f"column {index + 1}"
    numbers = rows.numbers(index)
    if _is_readable(numbers):
        return _counting_clock(header, heading, name, index, numbers)
    texts = [text for text in rows.texts(index) if text.strip()][:_SAMPLE]
    order, known = find_order(texts)
    instants = [instant for text in texts if (instant := read_instant(text, order))]
    if not instants or len(instants) < max(1, _LEAST_READABLE * min(_SAMPLE, len(rows))):
        return None
    return _dated_clock(name, index, instants, order, known)


def _counting_clock(
    header: Header, heading: Heading, name: str, index: int, numbers: Floats
) -> ClockColumn | None:
    middle = float(np.nanmedian(numbers))
    if heading.name in ELAPSED:
        return ClockColumn(name, index, heading.unit or "s", elapsed=True, written=True)
    latest = float(np.nanmax(numbers))
    middle = latest if header.named and _was_set(numbers, middle, latest) else middle
    if heading.unit:
        absolute = is_instant(middle * MS_PER[heading.unit])
        return ClockColumn(name, index, heading.unit, elapsed=not absolute, written=True)
    if header.named and _is_serial(numbers):
        return ClockColumn(name, index, "iso", zoned=False, serial=True)
    unit = unix_unit(middle)
    if unit and (header.named or _runs_on(numbers)):
        return ClockColumn(name, index, unit)
    believed = heading.name in ABSOLUTE or _runs_on(numbers)
    if not header.named or heading.longer_unit or not believed:
        return None
    return ClockColumn(name, index, "s", elapsed=True)


def _is_serial(numbers: Floats) -> bool:
    """Whether numbers count days since 1900 as a spreadsheet does: of this century, with the time of
    day as their fraction, and all of some rows within a day."""
    readable = numbers[np.isfinite(numbers)]
    if len(readable) < 2:
        return False
    first, last = float(readable.min()), float(readable.max())
    of_this_age = first >= _SERIAL_2000 and last < _SERIAL_2100 and last - first <= 1
    steps = np.abs(np.diff(readable))
    parted = float((readable % 1 > 0).mean())
    return of_this_age and parted > _LEAST_READABLE and float(np.median(steps)) < _SERIAL_STEP


def _was_set(numbers: Floats, middle: float, latest: float) -> bool:
    """Whether numbers are of a clock that counted from 1970 until it was set."""
    return latest > _JUMPED * abs(middle) and _COMMON * len(numbers) <= (numbers > latest / 2).sum()


def jumps_to_an_instant(clock: ClockColumn, before: float, numbers: Floats) -> bool:
    """Whether a counter goes on as Unix time behind a jump: it is a clock that had not been set."""
    middle = float(np.nanmedian(numbers)) if np.isfinite(numbers).any() else 0.0
    if middle <= _JUMPED * abs(before):
        return False
    unit = clock.unit if clock.written else unix_unit(middle)
    return unit is not None and is_instant(middle * MS_PER[unit])


def _dated_clock(
    name: str, index: int, instants: list[Instant], order: DateOrder, known: bool
) -> ClockColumn | None:
    first = instants[0]
    if not first.dated:
        return ClockColumn(name, index, "iso", elapsed=True, of_day=True)
    if not any(instant.timed for instant in instants):
        return None
    known = known or not any(instant.ambiguous for instant in instants)
    return ClockColumn(name, index, "iso", zoned=first.zoned, order=order, order_known=known)


def _pair_up(header: Header, rows: Rows) -> ClockColumn | None:
    """A column with dates and one with times of day, which together are a clock."""
    for dates in _candidates(header):
        texts = rows.texts(dates)[:_SAMPLE]
        order, known = find_order(texts)
        found = [read_instant(text, order) for text in texts]
        if not any(one and one.dated and not one.timed for one in found):
            continue
        for times in _candidates(header):
            together = _dates(rows, dates, times)[:_SAMPLE]
            read = [read_instant(text, order) for text in together]
            timed = [one for one in read if one and one.dated and one.timed]
            if times != dates and len(timed) >= max(1, _LEAST_READABLE * len(together)):
                name = f"{header.headings[dates].name}+{header.headings[times].name}"
                clock = _dated_clock(name, dates, timed, order, known)
                return clock and replace(clock, time_index=times)
    return None


def _best_counter(found: Iterable[ClockColumn]) -> ClockColumn | None:
    counters = [clock for clock in found if clock.elapsed]
    return max(
        counters,
        key=lambda clock: (clock.name in ELAPSED, clock.written, not clock.of_day),
        default=None,
    )


def _dates(rows: Rows, dates: int, times: int | None) -> list[str]:
    texts = rows.texts(dates)
    if times is None:
        return texts
    return [f"{day} {time}" for day, time in zip(texts, rows.texts(times), strict=True)]


def _is_readable(values: Floats) -> bool:
    return bool(np.isfinite(values).sum() >= max(1, _LEAST_READABLE * len(values)))


def _runs_on(numbers: Floats) -> bool:
    """Whether numbers grow from row to row, as a clock's do, but for some that don't."""
    steps = np.diff(numbers[np.isfinite(numbers)])
    ahead, back = int((steps > 0).sum()), int((steps < 0).sum())
    return not len(steps) or ahead > 4 * back or back > 4 * ahead
