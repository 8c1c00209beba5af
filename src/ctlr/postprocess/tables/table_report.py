"""What is said of a table, given when its session was. Pure.

Times that count from an unknown start are placed: ``seconds_elapsed`` from the session's start
on, any other counter with its first row there, in the unit that makes the table about as long as
the session. That is a guess, and the entry says so.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from ctlr.postprocess.manifest.tables import RowGap, TableEntry, TableProblem
from ctlr.postprocess.tables.clock import ELAPSED, MS_PER, ClockColumn, Unit
from ctlr.postprocess.tables.row_times import LEAST_PAUSE_MS, RowPause, RowTimesFound
from ctlr.postprocess.tables.series import Series
from ctlr.postprocess.tables.table import TableFacts

COVER_MARGIN_MS = 5000.0
_QUARTER_HOUR_MS = 900_000
_FURTHEST_MS = 8.64e15
_COUNTERS: tuple[Unit, ...] = ("s", "ms", "us", "ns")


@dataclass(frozen=True, slots=True)
class SessionSpan:
    """When the session was, Unix milliseconds; None where that is not known."""

    started_ms: int | None = None
    stopped_ms: int | None = None

    @property
    def length_ms(self) -> int | None:
        if self.started_ms is None or self.stopped_ms is None:
            return None
        return self.stopped_ms - self.started_ms


def place(facts: TableFacts, span: SessionSpan) -> TableFacts:
    """The same table with Unix times; without any where these cannot be known."""
    clock, first_ms, last_ms = facts.clock, facts.times.first_ms, facts.times.last_ms
    if clock is None or not clock.elapsed or first_ms is None or last_ms is None:
        return facts
    unit = _likely_unit(last_ms - first_ms, span.length_ms) if clock.name not in ELAPSED else "s"
    scale = MS_PER[unit] / MS_PER["s"]
    times = _scaled(facts.times, scale)
    clock = replace(clock, unit=unit)
    if span.started_ms is None:
        times = replace(times, first_ms=None, last_ms=None, holes=())
        return replace(facts, clock=clock, times=times, measured=None)
    zero_ms = span.started_ms - (0.0 if clock.name in ELAPSED else first_ms * scale)
    return replace(
        facts,
        clock=clock,
        times=_shifted(times, zero_ms),
        measured=_placed_series(facts.measured, scale, zero_ms / 1000),
    )


def _likely_unit(long_ms: float, session_ms: int | None) -> Unit:
    """The unit in which a counter, read as seconds, covers about the session."""
    if not session_ms or long_ms <= 0 or session_ms <= 0:
        return "s"
    return min(
        _COUNTERS,
        key=lambda unit: abs(math.log(long_ms * MS_PER[unit] / MS_PER["s"] / session_ms)),
    )


def _scaled(times: RowTimesFound, scale: float) -> RowTimesFound:
    return replace(
        times,
        furthest_back_ms=times.furthest_back_ms * scale,
        first_ms=None if times.first_ms is None else times.first_ms * scale,
        last_ms=None if times.last_ms is None else times.last_ms * scale,
        rate_hz=None if times.rate_hz is None else times.rate_hz / scale,
        holes=tuple(
            RowPause(hole.at_ms * scale, hole.ms * scale)
            for hole in times.holes
            if hole.ms * scale > LEAST_PAUSE_MS
        ),
    )


def _shifted(times: RowTimesFound, zero_ms: float) -> RowTimesFound:
    return replace(
        times,
        first_ms=None if times.first_ms is None else times.first_ms + zero_ms,
        last_ms=None if times.last_ms is None else times.last_ms + zero_ms,
        holes=tuple(RowPause(hole.at_ms + zero_ms, hole.ms) for hole in times.holes),
    )


def _placed_series(series: Series | None, scale: float, zero_s: float) -> Series | None:
    return series and Series(series.times_s * scale + zero_s, series.values)


def table_entry(file: str, facts: TableFacts, span: SessionSpan, inputs: str) -> TableEntry:
    """A table's entry in the manifest. ``facts`` have been placed."""
    if facts.no_table:
        problem = TableProblem(code=facts.no_table.code, text=facts.no_table.text)
        return TableEntry(file=file, problems=(problem,), inputs=inputs)
    times, clock = facts.times, facts.clock
    first_at, last_at = _whole(times.first_ms), _whole(times.last_ms)
    known = first_at is not None and last_at is not None
    return TableEntry(
        file=file,
        rows=facts.rows,
        first_at=first_at if known else None,
        last_at=last_at if known else None,
        rate_hz=None if times.rate_hz is None else float(f"{times.rate_hz:.4g}"),
        clock=clock.name if clock else None,
        unit=clock.unit if clock else None,
        measures=_measures(facts),
        gaps=tuple(_gaps(times.holes)),
        problems=(*_reading_problems(facts), *_time_problems(facts), *_span_problems(times, span)),
        inputs=inputs,
    )


def _measures(facts: TableFacts) -> Literal["rotation", "speed"] | None:
    kind = facts.quantity.kind if facts.quantity else "signal"
    return None if kind == "signal" else kind


def _gaps(holes: Iterable[RowPause]) -> Iterator[RowGap]:
    for hole in holes:
        after_at, expected_ms = _whole(hole.at_ms), _whole(hole.ms)
        if after_at is not None and expected_ms is not None:
            yield RowGap(after_at=after_at, expected_ms=expected_ms)


def _whole(value: float | None) -> int | None:
    """Whole milliseconds; None for what no calendar knows."""
    return None if value is None or abs(value) > _FURTHEST_MS else round(value)


def _reading_problems(facts: TableFacts) -> Iterator[TableProblem]:
    if facts.unread_bytes:
        mib = facts.unread_bytes >> 20
        yield TableProblem(code="not_read_whole", text=f"Its last {mib} MiB were not looked at.")
    if not facts.rows:
        yield TableProblem(code="no_rows", text="It has a header and no rows.")
    if facts.uneven:
        text = (
            f"{facts.uneven} of {facts.rows} rows have more or fewer fields than the header. "
            "Times were read only where their place is certain. Decimal commas in a file parted "
            "by commas do that, or a file that was cut off."
        )
        yield TableProblem(code="uneven_rows", text=text, count=facts.uneven)
    if facts.stray_quotes:
        text = "It has quotes that part nothing; they were taken for ordinary characters."
        yield TableProblem(code="stray_quotes", text=text)


def _time_problems(facts: TableFacts) -> Iterator[TableProblem]:
    times, clock = facts.times, facts.clock
    if clock is None:
        if facts.rows:
            text = "No column with a known name holds times that can be read."
            yield TableProblem(code="no_time", text=text)
        return
    if times.unreadable:
        text = f"{times.unreadable} of {facts.rows} rows have no time that can be read."
        yield TableProblem(code="bad_times", text=text, count=times.unreadable)
    if times.far:
        text = f"{times.far} rows have times more than a month from the others; left out here."
        yield TableProblem(code="far_times", text=text, count=times.far)
    if times.back:
        text = (
            f"Times go back at {times.back} rows, by up to {_said(times.furthest_back_ms)}: "
            "the clock was set, or rows are out of order."
        )
        yield TableProblem(code="times_go_back", text=text, count=times.back)
    if times.more_holes:
        text = f"{times.more_holes} more gaps, none longer than those listed."
        yield TableProblem(code="more_gaps", text=text, count=times.more_holes)
    yield from _clock_problems(clock)


def _clock_problems(clock: ClockColumn) -> Iterator[TableProblem]:
    if clock.elapsed:
        text = f"{clock.name} counts from an unknown start; the session's start was taken for it."
        yield TableProblem(code="start_assumed", text=text)
    if not clock.zoned:
        text = f"{clock.name} names no time zone; UTC was taken."
        yield TableProblem(code="zone_assumed", text=text)


def _span_problems(times: RowTimesFound, span: SessionSpan) -> Iterator[TableProblem]:
    if times.first_ms is None or times.last_ms is None or span.started_ms is None:
        return
    stopped_ms = span.started_ms if span.stopped_ms is None else span.stopped_ms
    if times.first_ms > stopped_ms and span.stopped_ms is not None:
        yield _misses(
            times.first_ms - stopped_ms,
            times.first_ms - span.started_ms,
            "begins",
            "after the session's stop",
        )
    elif times.last_ms < span.started_ms:
        yield _misses(
            span.started_ms - times.last_ms,
            span.started_ms - times.first_ms,
            "ends",
            "before the session's start",
        )
    else:
        late_ms = times.first_ms - span.started_ms
        early_ms = 0.0 if span.stopped_ms is None else span.stopped_ms - times.last_ms
        said = (
            [f"begins {_said(late_ms)} after the session's start"]
            if late_ms > COVER_MARGIN_MS
            else []
        )
        said += [f"ends {_said(early_ms)} before its stop"] if early_ms > COVER_MARGIN_MS else []
        if said:
            yield TableProblem(code="covers_part", text=f"It {' and '.join(said)}.")


def _misses(by_ms: float, off_ms: float, does: str, when: str) -> TableProblem:
    """``off_ms`` is how far its beginning is from the session's."""
    text = f"It {does} {_said(by_ms)} {when}: another session's, or its clock was wrong."
    quarters = round(off_ms / _QUARTER_HOUR_MS)
    near = abs(off_ms - quarters * _QUARTER_HOUR_MS) <= COVER_MARGIN_MS
    if near and 0 < quarters <= 14 * 4:
        text += f" It is off by just {_said(quarters * _QUARTER_HOUR_MS)}: a time zone, perhaps."
    return TableProblem(code="misses_session", text=text)


def _said(ms: float) -> str:
    """A length of time as a person says it."""
    if ms < 120_000:
        return f"{ms / 1000:.1f} s" if ms >= 1000 else f"{ms:.0f} ms"
    if ms < 3 * 86_400_000:
        minutes = round(ms / 60_000)
        return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
    return f"{ms / 86_400_000:.0f} days"
