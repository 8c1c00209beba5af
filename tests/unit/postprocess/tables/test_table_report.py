from dataclasses import replace

import numpy as np
import pytest

from ctlr.postprocess.manifest.tables import TableEntry
from ctlr.postprocess.tables.clock import ClockColumn
from ctlr.postprocess.tables.placing import SessionSpan, place
from ctlr.postprocess.tables.row_times import RowPause, RowTimesFound
from ctlr.postprocess.tables.series import Series
from ctlr.postprocess.tables.table import TableFacts
from ctlr.postprocess.tables.table_report import table_entry

START_MS = 1_776_313_714_000
LONG_MS = 600_000
SPAN = SessionSpan(START_MS, START_MS + LONG_MS)
HOUR_MS = 3_600_000


def facts(first_ms: float = 0, last_ms: float = LONG_MS, name: str = "time") -> TableFacts:
    times = RowTimesFound(first_ms=START_MS + first_ms, last_ms=START_MS + last_ms, rate_hz=100.0)
    return TableFacts(rows=60_000, clock=ClockColumn(name, 0, "ns"), times=times)


def counter(name: str, first: float, last: float) -> TableFacts:
    """Of a clock that counts from ``first`` to ``last``, in whatever unit."""
    first_ms, last_ms = first * 1000, last * 1000  # as it is read: in seconds
    times = RowTimesFound(
        first_ms=first_ms,
        last_ms=last_ms,
        rate_hz=60_000_000 / (last_ms - first_ms),
        holes=(RowPause((first_ms + last_ms) / 2, (last_ms - first_ms) / 10),),
    )
    seconds = np.array([first, last])
    return TableFacts(
        rows=60_000,
        clock=ClockColumn(name, 0, "s", elapsed=True),
        times=times,
        measured=Series(seconds, seconds),
    )


def entry(found: TableFacts, span: SessionSpan = SPAN) -> TableEntry:
    return table_entry("x.csv", place(found, span), span, "")


def texts(found: TableEntry) -> dict[str, str]:
    return {problem.code: problem.text for problem in found.problems}


@pytest.mark.parametrize(
    ("first_ms", "last_ms", "code", "said"),
    [
        (0, LONG_MS, None, ""),
        (-60_000, LONG_MS + 60_000, None, ""),
        (4000, LONG_MS - 4000, None, ""),
        (12_300, LONG_MS, "covers_part", "It begins 12.3 s after the session's start."),
        (0, LONG_MS - 180_000, "covers_part", "It ends 3 min before its stop."),
        (6000, 100_000, "covers_part", "It begins 6.0 s after the session's start and ends 8 min before its stop."),
        (-9000, -1500, "misses_session", "It ends 1.5 s before the session's start: another session's, or its clock was wrong."),
        (LONG_MS + 500, 2 * LONG_MS, "misses_session", "It begins 500 ms after the session's stop"),
        (10 * HOUR_MS + 20, 10 * HOUR_MS + LONG_MS, "misses_session", "It is off by just 10 h 0 min: a time zone, perhaps."),
        (-9.5 * HOUR_MS, -9.5 * HOUR_MS + LONG_MS, "misses_session", "off by just 9 h 30 min"),
        (400 * 24 * HOUR_MS, 401 * 24 * HOUR_MS, "misses_session", "It begins 400 days after"),
    ],
)  # fmt: skip
def test_a_table_and_its_session(
    first_ms: float, last_ms: float, code: str | None, said: str
) -> None:
    found = texts(entry(facts(first_ms, last_ms)))
    assert list(found) == [code][: code is not None]
    assert said in found.get(code or "", "")


def test_a_session_that_nobody_knows_is_not_missed() -> None:
    assert texts(entry(facts(10**9, 10**10), SessionSpan())) == {}
    assert texts(entry(facts(10**9, 10**10), SessionSpan(START_MS, None))).keys() == {"covers_part"}


@pytest.mark.parametrize(
    ("name", "first", "last", "unit", "begins_ms"),
    [
        ("seconds_elapsed", 0.0, 600.0, "s", 0),
        ("seconds_elapsed", 5.0, 600.0, "s", 5000),
        ("elapsed", 2.0, 12.0, "s", 2000),
        ("time", 0.0, 600.0, "s", 0),
        ("time", 123.0, 723.0, "s", 0),
        ("time", 0, 590_000, "ms", 0),
        ("timestamp", 86_400e6, 86_400e6 + 610e6, "us", 0),
        ("timestamp", 86_400e9, 86_400e9 + 600e9, "ns", 0),
    ],
)
def test_a_counter_is_placed_where_the_session_is(
    name: str, first: float, last: float, unit: str, begins_ms: int
) -> None:
    scale = {"s": 1000.0, "ms": 1.0, "us": 1e-3, "ns": 1e-6}[unit]
    placed = place(counter(name, first, last), SPAN)
    found = table_entry("x.csv", placed, SPAN, "")
    length_ms = (last - first) * scale
    assert (found.clock, found.unit) == (name, unit)
    assert found.first_at == START_MS + begins_ms
    assert found.last_at == pytest.approx(found.first_at + length_ms, abs=1)
    assert found.rate_hz == pytest.approx(60_000_000 / length_ms, rel=1e-3)
    assert [gap.expected_ms for gap in found.gaps] == [round(length_ms / 10)]
    assert "start_assumed" in texts(found)
    assert placed.measured is not None
    assert placed.measured.span_s == pytest.approx(length_ms / 1000)
    assert placed.measured.times_s[0] == pytest.approx(found.first_at / 1000, abs=1e-3)


def test_a_counter_of_a_session_that_nobody_knows_has_no_times() -> None:
    found = entry(counter("seconds_elapsed", 0, 10), SessionSpan())
    assert (found.first_at, found.last_at, found.gaps) == (None, None, ())
    assert found.rate_hz == 6000
    assert place(counter("time", 0, 10), SessionSpan()).measured is None


def test_what_is_odd_is_counted() -> None:
    times = replace(
        facts().times, unreadable=3, far=4, back=5, furthest_back_ms=1500.0, more_holes=6
    )
    odd = replace(facts(), times=times, uneven=7, stray_quotes=True, unread_bytes=9 << 20)
    found = entry(odd)
    assert {problem.code: problem.count for problem in found.problems} == {
        "not_read_whole": None,
        "uneven_rows": 7,
        "stray_quotes": None,
        "bad_times": 3,
        "far_times": 4,
        "times_go_back": 5,
        "more_gaps": 6,
    }
    assert "up to 1.5 s" in texts(found)["times_go_back"]


def test_dates_without_a_zone_say_so() -> None:
    local = replace(facts(), clock=ClockColumn("date", 0, "iso", zoned=False))
    assert texts(entry(local)) == {"zone_assumed": "date names no time zone; UTC was taken."}
