import math

import numpy as np
import pytest

from ctlr.postprocess.tables.numbers import Floats
from ctlr.postprocess.tables.row_times import MOST_HOLES, RowTimes, RowTimesFound

START_MS = 1_776_313_714_000.0


def stretches(times_ms: Floats, block: int = 97) -> tuple[RowTimesFound, ...]:
    taking = RowTimes()
    for at in range(0, len(times_ms), block):
        list(taking.add(times_ms[at : at + block]))
    return taking.found()


def found(times_ms: Floats, block: int = 97) -> RowTimesFound:
    """Of the longest stretch."""
    return max(stretches(times_ms, block), key=lambda times: times.rows)


def steady(rows: int, period_ms: float = 10.0) -> Floats:
    return np.asarray(START_MS + np.arange(rows) * period_ms)


@pytest.mark.parametrize("block", [1, 97, 5000])
@pytest.mark.parametrize("period_ms", [1000 / 400, 10, 20, 1000, 5000])
def test_a_steady_sensor(period_ms: float, block: int) -> None:
    times = found(steady(1000, period_ms), block)
    assert times.rate_hz == pytest.approx(1000 / period_ms)
    assert (times.first_ms, times.last_ms) == (START_MS, START_MS + 999 * period_ms)
    assert (times.holes, times.back, times.far, times.unreadable) == ((), 0, 0, 0)


def test_jitter_is_no_gap() -> None:
    jitter = np.random.default_rng(1).uniform(-4, 4, 5000)
    times = found(steady(5000) + jitter)
    assert times.rate_hz == pytest.approx(100, rel=0.001)
    assert times.holes == ()


def test_rows_that_come_in_bunches() -> None:
    stamps = np.floor(steady(3000) / 1000) * 1000
    times = found(stamps)
    assert times.rate_hz == pytest.approx(100, rel=0.05)
    assert (times.holes, times.back) == ((), 0)


@pytest.mark.parametrize("block", [64, 5000])
def test_gaps_are_where_they_are(block: int) -> None:
    at = steady(3000)
    at = at[
        ((at < START_MS + 5000) | (at >= START_MS + 7500))
        & ((at < START_MS + 20_000) | (at > START_MS + 20_200))
    ]
    times = found(at, block)
    assert [(hole.at_ms - START_MS, hole.ms) for hole in times.holes] == [(4990, 2510)]
    assert times.rate_hz == pytest.approx(100, rel=0.02)


def test_only_the_longest_gaps_are_kept() -> None:
    steps = np.full(2000, 10.0)
    steps[::10] = np.arange(200) + 1000
    times = found(START_MS + np.cumsum(steps))
    assert len(times.holes) == MOST_HOLES
    assert times.more_holes == 199 - MOST_HOLES
    assert min(hole.ms for hole in times.holes) == 1150
    assert [hole.at_ms for hole in times.holes] == sorted(hole.at_ms for hole in times.holes)
    assert times.rate_hz == pytest.approx(100, rel=0.01)


def test_times_that_go_back_are_counted() -> None:
    at = steady(1000)
    at[500:] -= 2000
    at[700] -= 500
    times = found(at)
    assert (times.back, times.furthest_back_ms) == (2, 1990)
    assert times.last_ms == START_MS + 7990
    assert times.rate_hz == pytest.approx(100, rel=0.06)


def test_a_clock_that_was_not_set_yet() -> None:
    at = steady(1000)
    at[[3, 400, 999]] = [0, 5e15, -1e9]
    times = found(at)
    assert times.far == 3
    assert (times.first_ms, times.last_ms) == (START_MS, START_MS + 9980)
    assert times.holes == ()


def test_rows_without_times() -> None:
    at = steady(100)
    at[10:20] = math.nan
    times = found(at)
    assert (times.unreadable, times.last_ms) == (10, START_MS + 990)
    assert found(np.full(5, math.nan)) == RowTimesFound(unreadable=5)
    assert found(np.zeros(0)) == RowTimesFound()
    assert found(steady(1)) == RowTimesFound(rows=1, first_ms=START_MS, last_ms=START_MS)
    assert found(np.full(5, START_MS)).rate_hz is None
