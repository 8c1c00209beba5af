"""Where a table's times stand, given when its session was. Pure.

- Times that count from an unknown start begin where the session does: ``seconds_elapsed`` is
  added to its start, of any other counter the first row is put there. A unit that no heading
  tells is the one that makes the table about as long as the session. Where the export says when its
  experiment was started (``anchors``), that is believed.
- Time since boot may have the size of Unix time (20 days in nanoseconds are an instant of 2024 in
  microseconds). Such a number is a counter where as an instant it is days from the session, and
  as a counter about as long as the session is.
- Of stretches between jumps of the clock the session's is taken. A clock that was set while the
  table was written left a stretch right before it, at the same pace: those rows are put where
  they must have been, as far as the session reaches.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from ctlr.postprocess.tables.anchors import Anchors, unix_ms, unix_times
from ctlr.postprocess.tables.clock import COUNTING, ELAPSED, MS_PER, ClockColumn, Unit
from ctlr.postprocess.tables.row_times import LEAST_PAUSE_MS, MOST_HOLES, RowPause, RowTimesFound
from ctlr.postprocess.tables.series import Series
from ctlr.postprocess.tables.table import Stretch, TableFacts

COVER_MARGIN_MS = 5000.0
_DAY_MS = 86_400_000.0
_AWAY_MS, _YEAR_MS = 2 * _DAY_MS, 365 * _DAY_MS
_ABOUT, _NOT_AT_ALL, _MUCH_LONGER = 2.0, 10.0, 20.0
_SAME_PACE = 2.0


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


def place(facts: TableFacts, span: SessionSpan, anchors: Anchors = ()) -> TableFacts:
    """The same table with Unix times; without any where these cannot be known. ``anchors`` are those
    of the experiment that it is of."""
    clock = facts.clock
    if clock is None or facts.times.first_ms is None:
        return facts
    if anchors and clock.elapsed and clock.written:
        return _place_by(anchors, facts, clock)
    unit = _boot_unit(clock, facts.times, span)
    if unit:
        year = datetime.fromtimestamp(facts.times.first_ms / 1000, UTC).year
        facts = _in_unit(facts, unit)
        clock = replace(clock, unit=unit, elapsed=True, taken_for_year=year)
        return _place_counter(replace(facts, clock=clock), clock, span)
    if not clock.elapsed:
        return _choose_stretch(facts, span)
    if not clock.written and clock.unit != "iso":
        unit = _likely_unit(facts.times, span.length_ms)
        facts, clock = _in_unit(facts, unit), replace(clock, unit=unit)
    return _place_counter(replace(facts, clock=clock), clock, span)


def _boot_unit(clock: ClockColumn, times: RowTimesFound, span: SessionSpan) -> Unit | None:
    """The unit in which what looks like instants counts from the device's start; None where it
    does not."""
    session_ms, long_ms = span.length_ms, _length_ms(times)
    doubtful = not (clock.elapsed or clock.written or clock.unit == "iso")
    if not doubtful or not session_ms or session_ms <= 0 or long_ms <= 0:
        return None
    away_ms = _away_ms(times, span)
    smaller = COUNTING[COUNTING.index(clock.unit) + 1 :]
    if away_ms <= _AWAY_MS or not smaller:
        return None
    ratios = {u: _ratio(long_ms * MS_PER[u] / MS_PER[clock.unit], session_ms) for u in smaller}
    best = min(smaller, key=lambda unit: ratios[unit])
    as_instants = _ratio(long_ms, session_ms)
    fits = ratios[best] <= _ABOUT and as_instants >= _NOT_AT_ALL
    years_off = away_ms > _YEAR_MS and long_ms > _MUCH_LONGER * session_ms
    return best if fits or (years_off and ratios[best] < as_instants) else None


def _ratio(length: float, other: float) -> float:
    """How many times the one is the other, whichever is longer."""
    return max(length / other, other / length)


def _length_ms(times: RowTimesFound) -> float:
    return (
        0.0 if times.first_ms is None or times.last_ms is None else times.last_ms - times.first_ms
    )


def _away_ms(times: RowTimesFound, span: SessionSpan) -> float:
    """How far a table is from the session; 0 where they meet, or where that is not known."""
    if times.first_ms is None or times.last_ms is None or span.started_ms is None:
        return 0.0
    stopped_ms = span.started_ms if span.stopped_ms is None else span.stopped_ms
    return max(span.started_ms - times.last_ms, times.first_ms - stopped_ms, 0.0)


# --- counters


def _likely_unit(times: RowTimesFound, session_ms: int | None) -> Unit:
    """The unit in which a counter, read as seconds, covers about the session."""
    long_ms = _length_ms(times)
    if not session_ms or long_ms <= 0 or session_ms <= 0:
        return "s"
    return min(
        COUNTING,
        key=lambda unit: abs(math.log(long_ms * MS_PER[unit] / MS_PER["s"] / session_ms)),
    )


def _place_counter(facts: TableFacts, clock: ClockColumn, span: SessionSpan) -> TableFacts:
    times, first_ms = facts.times, facts.times.first_ms
    if span.started_ms is None or first_ms is None:
        times = replace(times, first_ms=None, last_ms=None, holes=())
        return replace(facts, times=times, measured=None)
    from_zero = clock.name in ELAPSED and first_ms <= (span.length_ms or math.inf)
    by_ms = span.started_ms - (0.0 if from_zero else first_ms)
    return replace(facts, times=_shift(times, by_ms), measured=_shift_series(facts.measured, by_ms))


def _place_by(anchors: Anchors, facts: TableFacts, clock: ClockColumn) -> TableFacts:
    """Times that count from the start of an experiment of which is known when it was."""
    times, measured = facts.times, facts.measured
    if times.first_ms is None or times.last_ms is None:
        return facts
    holes = (
        RowPause(unix_ms(hole.at_ms, anchors), _between(hole.at_ms, hole.at_ms + hole.ms, anchors))
        for hole in times.holes
    )
    placed = replace(
        times,
        first_ms=unix_ms(times.first_ms, anchors),
        last_ms=unix_ms(times.last_ms, anchors),
        holes=tuple(holes),
    )
    if measured:
        measured = Series(unix_times(measured.times_s * 1000, anchors) / 1000, measured.values)
    return replace(facts, clock=replace(clock, anchored=True), times=placed, measured=measured)


def _between(first_ms: float, last_ms: float, anchors: Anchors) -> float:
    return unix_ms(last_ms, anchors) - unix_ms(first_ms, anchors)


def _in_unit(facts: TableFacts, unit: Unit) -> TableFacts:
    """A table read in its clock's unit as if it had been read in another one."""
    scale = MS_PER[unit] / MS_PER[facts.clock.unit if facts.clock else "s"]
    measured = facts.measured and Series(facts.measured.times_s * scale, facts.measured.values)
    return replace(facts, times=_scale(facts.times, scale), measured=measured)


def _scale(times: RowTimesFound, scale: float) -> RowTimesFound:
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


def _shift(times: RowTimesFound, by_ms: float) -> RowTimesFound:
    return replace(
        times,
        first_ms=None if times.first_ms is None else times.first_ms + by_ms,
        last_ms=None if times.last_ms is None else times.last_ms + by_ms,
        holes=tuple(RowPause(hole.at_ms + by_ms, hole.ms) for hole in times.holes),
    )


def _shift_series(series: Series | None, by_ms: float) -> Series | None:
    return series and Series(series.times_s + by_ms / 1000, series.values)


# --- stretches


def _choose_stretch(facts: TableFacts, span: SessionSpan) -> TableFacts:
    known = [number for number, one in enumerate(facts.stretches) if one.times.first_ms is not None]
    if not known:
        return facts
    meets = {n: _away_ms(facts.stretches[n].times, span) <= _DAY_MS for n in known}
    chosen = max(known, key=lambda n: (meets[n], facts.stretches[n].times.rows))
    joined = facts.stretches[chosen]
    before = _before(facts.stretches[:chosen], joined, span) if meets[chosen] else None
    if before is None:
        return replace(facts, times=joined.times, measured=joined.measured)
    shifted, set_by_ms = before
    joined = _join(shifted, joined)
    return replace(facts, times=joined.times, measured=joined.measured, clock_set_by_ms=set_by_ms)


def _before(
    earlier: Sequence[Stretch], chosen: Stretch, span: SessionSpan
) -> tuple[Stretch, float] | None:
    """The stretch right before the session's, where it must have been by the true clock, and by
    how much the clock was set; None if it does not belong to the session."""
    if not earlier or span.started_ms is None:
        return None
    times, then = earlier[-1].times, chosen.times
    if times.last_ms is None or times.first_ms is None or then.first_ms is None:
        return None
    if not times.rate_hz or not then.rate_hz or _ratio(times.rate_hz, then.rate_hz) > _SAME_PACE:
        return None
    by_ms = then.first_ms - 1000 / then.rate_hz - times.last_ms
    if times.first_ms + by_ms < span.started_ms - COVER_MARGIN_MS:
        return None
    return Stretch(_shift(times, by_ms), _shift_series(earlier[-1].measured, by_ms)), by_ms


def _join(one: Stretch, other: Stretch) -> Stretch:
    """Two stretches as one, the first of which is the earlier one."""
    holes = sorted((*one.times.holes, *other.times.holes), key=lambda hole: -hole.ms)
    times = replace(
        other.times,
        rows=one.times.rows + other.times.rows,
        far=other.times.far - one.times.rows,
        back=one.times.back + other.times.back,
        furthest_back_ms=max(one.times.furthest_back_ms, other.times.furthest_back_ms),
        first_ms=one.times.first_ms,
        holes=tuple(sorted(holes[:MOST_HOLES], key=lambda hole: hole.at_ms)),
        more_holes=one.times.more_holes + other.times.more_holes + len(holes[MOST_HOLES:]),
    )
    series = [part for part in (one.measured, other.measured) if part]
    if not series:
        return Stretch(times)
    measured = Series(
        np.concatenate([part.times_s for part in series]),
        np.concatenate([part.values for part in series]),
    )
    return Stretch(times, measured)
