"""What is said of a table in the manifest. Pure.

Its times have been placed beside the session's (``placing``). What had to be assumed for that is
said, and so is everything odd, in one sentence each.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

from ctlr.postprocess.manifest.tables import RowGap, TableEntry, TableProblem
from ctlr.postprocess.tables.clock import ClockColumn
from ctlr.postprocess.tables.placing import COVER_MARGIN_MS, SessionSpan
from ctlr.postprocess.tables.row_times import FAR_MS, RowPause, RowTimesFound
from ctlr.postprocess.tables.table import TableFacts

_QUARTER_HOUR_MS = 900_000
_FURTHEST_MS = 8.64e15


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
    if facts.nuls:
        text = (
            f"It holds {facts.nuls} zero bytes, as a power cut leaves them; they were passed over."
        )
        yield TableProblem(code="zero_bytes", text=text)
    if not facts.named:
        text = "It has no header, so what its columns are is not known."
        if facts.clock:
            text += f" {_begin(facts.clock.name)} was taken for its clock."
        yield TableProblem(code="no_header", text=text)


def _time_problems(facts: TableFacts) -> Iterator[TableProblem]:
    times, clock = facts.times, facts.clock
    if clock is None:
        if facts.rows:
            text = "No column with a known name holds times that can be read."
            if facts.longer_unit:
                text += f" One counts in another unit ({facts.longer_unit}), which is not read."
            yield TableProblem(code="no_time", text=text)
        return
    if times.unreadable:
        text = f"{times.unreadable} of {facts.rows} rows have no time that can be read."
        yield TableProblem(code="bad_times", text=text, count=times.unreadable)
    if times.far:
        text = (
            f"{times.far} rows have times more than {_said(FAR_MS)} from the others, as a clock has "
            "that was not set yet; left out here."
        )
        yield TableProblem(code="far_times", text=text, count=times.far)
    if facts.clock_set_by_ms is not None:
        way = "forward" if facts.clock_set_by_ms > 0 else "back"
        text = (
            f"Its clock was set {way} by {_said(abs(facts.clock_set_by_ms))} between two rows; the "
            "rows before were put right before the others, at the usual distance of rows."
        )
        yield TableProblem(code="clock_set", text=text)
    yield from _order_problems(times)
    if times.more_holes:
        text = f"{times.more_holes} more gaps, none longer than those listed."
        yield TableProblem(code="more_gaps", text=text, count=times.more_holes)
    yield from _clock_problems(clock)


def _order_problems(times: RowTimesFound) -> Iterator[TableProblem]:
    if times.is_reversed:
        text = "Its rows run from the latest to the earliest."
        yield TableProblem(code="times_go_back", text=text, count=times.back)
    elif times.back:
        text = (
            f"Times go back at {times.back} rows, by up to {_said(times.furthest_back_ms)}: "
            "the clock was set, or rows are out of order."
        )
        yield TableProblem(code="times_go_back", text=text, count=times.back)


def _clock_problems(clock: ClockColumn) -> Iterator[TableProblem]:
    if clock.elapsed and not clock.anchored:
        how = "is a time of day without a date" if clock.of_day else "counts from an unknown start"
        if clock.taken_for_year:
            how += f" (as Unix time it would be in {clock.taken_for_year})"
        text = f"{clock.name} {how}; the session's start was taken for it."
        yield TableProblem(code="start_assumed", text=text)
    if not clock.order_known:
        text = (
            f"Day and month of {clock.name} could be the other way round; {clock.order} was taken."
        )
        yield TableProblem(code="date_order_assumed", text=text)
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


def _begin(text: str) -> str:
    return text[:1].upper() + text[1:]


def _said(ms: float) -> str:
    """A length of time as a person says it."""
    if ms < 120_000:
        return f"{ms / 1000:.1f} s" if ms >= 1000 else f"{ms:.0f} ms"
    if ms < 3 * 86_400_000:
        minutes = round(ms / 60_000)
        return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
    return f"{ms / 86_400_000:.0f} days"
