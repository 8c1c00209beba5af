"""When an experiment of phyphox was, and what of a table that moves."""

import numpy as np
import pytest

from ctlr.postprocess.tables.anchors import parse_events, unix_ms
from ctlr.postprocess.tables.clock import ClockColumn
from ctlr.postprocess.tables.placing import SessionSpan, place
from ctlr.postprocess.tables.row_times import RowPause, RowTimesFound
from ctlr.postprocess.tables.series import Series
from ctlr.postprocess.tables.table import TableFacts

HEAD = '"event","experiment time","system time","system time text"\n'
STARTS = [(0.0, 1_776_162_514_250.0), (5000.0, 1_776_162_600_000.0)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_starts_are_read(delimiter: str) -> None:
    text = HEAD + (
        '"START",0.0E0,1.776162514250E9,"x"\n"PAUSE",5.0E0,1.776162519250E9,"x"\n'
        '"START",5.0E0,1.7761626E9,"x"\n"START",6,0.0,"a clock that was not set"\n"START"\n'
    )
    if delimiter != ",":
        text = text.replace(",", delimiter).replace(".", ",")
    assert list(parse_events(text.encode())) == STARTS


def test_the_date_is_finer_than_a_number_of_ten_digits() -> None:
    row = '"START",0.0E0,1.776162514E9,"{}"\n'
    for text, unix in (
        ("2026-04-14 12:28:34.250 UTC+02:00", 1_776_162_514_250.0),
        ("2026-04-14 10:28:34.250 UTC", 1_776_162_514_250.0),
        ("2026-04-14 12:28:34.250", 1_776_162_514_000.0),  # of which zone, it does not say
        ("2020-04-14 10:28:34.250 UTC", 1_776_162_514_000.0),
    ):
        assert list(parse_events((HEAD + row.format(text)).encode())) == [(0.0, unix)]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0", b"time,x\n1,2\n", HEAD.encode()])
def test_what_tells_nothing(content: bytes) -> None:
    assert list(parse_events(content)) == []


def test_a_pause_lies_between_starts() -> None:
    assert unix_ms(4999, STARTS) == 1_776_162_514_250 + 4999
    assert unix_ms(5000, STARTS) == 1_776_162_600_000
    assert unix_ms(-10, STARTS) == 1_776_162_514_240


def test_a_table_stands_where_its_experiment_was() -> None:
    times = RowTimesFound(
        rows=100, first_ms=100.0, last_ms=9000.0, rate_hz=10.0, holes=(RowPause(4900.0, 1000.0),)
    )
    clock = ClockColumn("time", 0, "s", elapsed=True, written=True)
    measured = Series(np.array([0.1, 9.0]), np.array([1.0, 2.0]))
    span = SessionSpan(1_776_162_514_000, 1_776_162_700_000)
    placed = place(TableFacts(100, clock, times, measured=measured), span, STARTS)
    assert (placed.times.first_ms, placed.times.last_ms) == (1_776_162_514_350, 1_776_162_604_000)
    assert placed.times.holes == (RowPause(1_776_162_519_150, 81_750),)
    assert placed.measured is not None
    assert placed.measured.times_s.tolist() == [1_776_162_514.35, 1_776_162_604.0]
    assert placed.clock is not None
    assert placed.clock.anchored
    unwritten = TableFacts(100, ClockColumn("time", 0, "s", elapsed=True), times)
    assert place(unwritten, span, STARTS).times.first_ms == 1_776_162_514_000
