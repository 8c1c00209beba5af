"""Lags that were put in are found, and none where there is none. The seeds are fixed: the same
records every time. ``bench/truth.py`` has many more."""

from dataclasses import replace

import numpy as np
import pytest

from ctlr.postprocess.alignment.check import ROTATION, SPEED
from ctlr.postprocess.alignment.lag import find_lag
from ctlr.postprocess.tables.numbers import Floats
from ctlr.postprocess.tables.series import Series
from ctlr.simulator.motion import Motion

START_S = 1_776_313_714.0


def turning(seed: int, at: Floats, noise: float = 0.012, lag_s: float = 0.0) -> Series:
    motion, chance = Motion(seed), np.random.default_rng(seed + 99)
    axes = (motion.yaw_rate(at), motion.pitch_rate(at), motion.roll_rate(at))
    size = np.sqrt(sum((axis + chance.normal(0, noise, len(at))) ** 2 for axis in axes))
    return Series(at - lag_s, np.asarray(size))


def speed(seed: int, at: Floats, noise: float = 0.0, lag_s: float = 0.0) -> Series:
    values = Motion(seed).speed_m_s(at)
    return Series(at - lag_s, values + np.random.default_rng(seed).normal(0, noise, len(at)))


def times(seconds: float, rate_hz: float, after_s: float = 0.0) -> Floats:
    return START_S + after_s + np.arange(0, seconds, 1 / rate_hz)


LAGS = [0.0, 0.013, -7.77, 100.0]


@pytest.mark.parametrize("lag_s", LAGS)
@pytest.mark.parametrize("seed", range(2))
def test_a_watch_that_runs_behind(seed: int, lag_s: float) -> None:
    phone = turning(seed, times(90, 100))
    watch = turning(seed, times(80, 50, after_s=5), lag_s=lag_s)
    lag = find_lag(phone, watch, ROTATION)
    assert lag.confidence == "high"
    assert lag.lag_s is not None
    assert lag.uncertainty_s is not None
    assert abs(lag.lag_s - lag_s) < 0.01
    assert abs(lag.lag_s - lag_s) <= lag.uncertainty_s < 0.05
    assert lag.overlap_s == pytest.approx(80, abs=1)


@pytest.mark.parametrize("lag_s", LAGS)
@pytest.mark.parametrize("seed", range(2))
def test_a_gps_that_runs_behind(seed: int, lag_s: float) -> None:
    can = speed(seed, times(400, 50, after_s=-60))
    kmh = Series(can.times_s, np.round(can.values * 3.6, 2))
    gps = speed(seed, times(300, 1), noise=0.15, lag_s=lag_s)
    lag = find_lag(kmh, gps, SPEED)
    assert lag.confidence == "high"
    assert lag.lag_s is not None
    assert lag.uncertainty_s is not None
    assert abs(lag.lag_s - lag_s) < 0.1
    assert abs(lag.lag_s - lag_s) <= lag.uncertainty_s < 0.2


def test_the_other_way_round_is_the_other_sign() -> None:
    first, second = turning(1, times(60, 100)), turning(1, times(60, 50), lag_s=2.5)
    there, back = find_lag(first, second, ROTATION), find_lag(second, first, ROTATION)
    assert there.lag_s == pytest.approx(2.5, abs=0.01)
    assert back.lag_s == pytest.approx(-2.5, abs=0.01)


def test_holes_disorder_and_outliers_do_no_harm() -> None:
    at = times(120, 100)
    at = at[(at < START_S + 30) | (at > START_S + 41)]
    phone = turning(2, at)
    phone.values[[100, 5000]] = [1e9, np.nan]
    order = np.random.default_rng(1).permutation(len(at))
    mixed = Series(phone.times_s[order], phone.values[order])
    lag = find_lag(mixed, turning(2, times(120, 50), lag_s=0.5), ROTATION)
    assert lag.confidence == "high"
    assert lag.lag_s == pytest.approx(0.5, abs=0.01)


def test_of_hours_the_middle_is_compared() -> None:
    at = times(6600, 5)
    phone, watch = turning(3, at), turning(3, at, lag_s=-1.5)
    lag = find_lag(phone, watch, ROTATION)
    assert lag.confidence == "high"
    assert lag.lag_s == pytest.approx(-1.5, abs=0.01)
    assert lag.overlap_s < 5300


@pytest.mark.parametrize("seconds", [30, 120])
@pytest.mark.parametrize("seed", range(4))
def test_two_rides_have_no_lag(seed: int, seconds: float) -> None:
    at = times(seconds, 50)
    assert find_lag(turning(seed, at), turning(seed + 50, at), ROTATION).confidence == "unknown"
    slow = times(seconds, 2)
    assert find_lag(speed(seed, slow), speed(seed + 50, slow), SPEED).confidence == "unknown"


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_no_lag(seed: int) -> None:
    at, chance = times(60, 100), np.random.default_rng(seed)
    noise = chance.normal(0, 0.1, (4, len(at)))
    still = [Series(at, np.abs(row)) for row in noise[:2]]
    assert find_lag(still[0], still[1], ROTATION).confidence == "unknown"
    walks = [Series(at, np.cumsum(row)) for row in noise[2:]]
    assert find_lag(walks[0], walks[1], SPEED).confidence == "unknown"


def test_one_jolt_is_like_another() -> None:
    at, chance = times(60, 100), np.random.default_rng(4)

    def jolt(when_s: float) -> Series:
        bump = 2 * np.exp(-(((at - START_S - when_s) / 0.2) ** 2))
        return Series(at, bump + np.abs(chance.normal(0, 0.02, len(at))))

    assert find_lag(jolt(20), jolt(35), ROTATION).confidence == "unknown"


def test_a_steady_walk_resembles_itself_a_step_later() -> None:
    at, chance = times(60, 100), np.random.default_rng(5)
    steps = 1 + 0.5 * np.sin(2 * np.pi * 1.8 * at) + chance.normal(0, 0.1, (2, len(at)))
    lag = find_lag(Series(at, steps[0]), Series(at, steps[1]), ROTATION)
    assert (lag.confidence, lag.lag_s) == ("unknown", None)
    assert lag.because is not None


@pytest.mark.parametrize(
    ("first", "second", "because"),
    [
        (times(9, 50), times(60, 50), "they have less than 10 s in common"),
        (times(0, 50), times(60, 50), "they have less than 10 s in common"),
        (times(60, 50), times(0.02, 50), "they have less than 10 s in common"),
        (times(6000, 5), times(6000, 5, after_s=1e6), None),
    ],
)
def test_too_little_in_common(first: Floats, second: Floats, because: str | None) -> None:
    lag = find_lag(turning(1, first), turning(1, second), ROTATION)
    assert lag.confidence == "unknown"
    assert because is None or lag.because == because


def test_parts_that_contradict_each_other_lower_the_confidence() -> None:
    at = times(120, 50)
    moved = turning(6, at)
    late = moved.times_s > START_S + 60
    set_back = replace(moved, times_s=moved.times_s - 3.0 * late)
    lag = find_lag(turning(6, times(120, 100)), set_back, ROTATION)
    assert lag.confidence in {"low", "unknown"}


def test_nothing_moves() -> None:
    at = times(60, 50)
    resting = Series(at, np.full(len(at), 3.0))
    lag = find_lag(turning(1, at), resting, ROTATION)
    assert (lag.confidence, lag.because) == ("unknown", "there was hardly any motion")
    assert find_lag(resting, turning(1, at), ROTATION).because == "there was hardly any motion"
