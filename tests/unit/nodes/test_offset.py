"""The interval of the estimate holds the true offset, whatever the network does."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.nodes.offset import (
    COARSE_STAMP_MS,
    ClockOffset,
    Exchange,
    OffsetEstimator,
    fit_drift,
)

MS = st.floats(0, 500, allow_nan=False)


def make_exchange(
    at_s: float, true_ms: float, out_ms: float, back_ms: float, *, coarse: bool
) -> Exchange:
    """A call at ``at_s`` to a node whose clock is ahead by ``true_ms``."""
    sent = 1_776_313_714_000 + at_s * 1000
    stamp = sent + out_ms + true_ms
    if coarse:
        stamp = float(int(stamp))
    return Exchange(
        at_s, sent, stamp, stamp, sent + out_ms + back_ms, COARSE_STAMP_MS if coarse else 0.0
    )


def test_nothing_is_known_before_the_first_exchange() -> None:
    assert OffsetEstimator().estimate(0) is None


@given(
    true_ms=st.floats(-100_000, 100_000),
    delays=st.lists(st.tuples(MS, MS), min_size=1, max_size=40),
    drift_ppm=st.floats(-90, 90),
    coarse=st.booleans(),
)
def test_the_interval_always_holds_the_truth(
    true_ms: float, delays: list[tuple[float, float]], drift_ppm: float, coarse: bool
) -> None:
    estimator = OffsetEstimator()
    for number, (out_ms, back_ms) in enumerate(delays):
        at_s = number * 2.0
        drifted = true_ms + drift_ppm * at_s / 1000
        estimator.add(make_exchange(at_s, drifted, out_ms, back_ms, coarse=coarse))
    now_s = (len(delays) - 1) * 2.0
    estimate = estimator.estimate(now_s)
    assert estimate is not None
    error_ms = abs(estimate.offset_ms - (true_ms + drift_ppm * now_s / 1000))
    assert error_ms <= estimate.uncertainty_ms + 0.001  # floats of Unix time end at 0.2 us


def test_many_coarse_stamps_say_more_than_one() -> None:
    estimator, chance = OffsetEstimator(), random.Random(1)
    for number in range(20):
        at_s = number * 0.1 + chance.random() / 1000
        estimator.add(make_exchange(at_s, 12.3, 0.2, 0.2, coarse=True))
    estimate = estimator.estimate(2.0)
    assert estimate is not None
    assert estimate.uncertainty_ms < 0.5
    assert estimate.offset_ms == pytest.approx(12.3, abs=0.5)


def test_a_clock_that_was_set_makes_the_past_worthless() -> None:
    estimator = OffsetEstimator()
    for number in range(10):
        estimator.add(make_exchange(number, 5.0, 1, 1, coarse=False))
    estimator.add(make_exchange(11, 3_600_005.0, 1, 1, coarse=False))
    estimate = estimator.estimate(11)
    assert estimate is not None
    assert estimate.offset_ms == pytest.approx(3_600_005.0, abs=1.01)


def test_our_own_clock_set_back_during_a_call_is_not_believed() -> None:
    estimator = OffsetEstimator()
    estimator.add(Exchange(0, 1000.0, 1500.0, 1500.0, 400.0))
    assert estimator.estimate(0) is None


def test_one_narrow_reading_outlives_any_number_of_slow_ones() -> None:
    """An installed node stamps its status half a second after it was asked."""
    estimator = OffsetEstimator()
    estimator.add(make_exchange(0, 3000.4, 1, 1, coarse=True))
    for number in range(1, 1800):
        at_s = number * 2.0
        estimator.add(make_exchange(at_s, 3000.4, 501, 1, coarse=True))
        estimate = estimator.estimate(at_s)
        assert estimate is not None
        assert abs(estimate.offset_ms - 3000.4) <= estimate.uncertainty_ms
        assert estimate.uncertainty_ms <= 2 + 0.1 * at_s  # 100 ppm
        assert estimate.uncertainty_ms < 200  # the slow ones alone would leave 251


def test_what_a_reading_said_ages_by_100_ppm() -> None:
    estimator = OffsetEstimator()
    estimator.add(make_exchange(100, 5.0, 2, 2, coarse=False))
    ages = [estimator.estimate(100.0 + age_s) for age_s in (0, 10, 1000)]
    assert [age and round(age.uncertainty_ms, 3) for age in ages] == [2.0, 3.0, 102.0]


def known(offset_ms: float, uncertainty_ms: float = 0.05) -> ClockOffset:
    return ClockOffset(offset_ms, uncertainty_ms)


def test_drift_is_the_slope() -> None:
    samples = [(float(at), known(3.0 + at * 0.02)) for at in range(0, 600, 10)]  # 20 us a second
    drift = fit_drift(samples)
    assert drift is not None
    assert drift.ppm == pytest.approx(20.0)
    assert drift.uncertainty_ppm < 1
    assert fit_drift([(0.0, known(1.0)), (1.0, known(2.0))]) is None
    assert fit_drift([(1.0, known(1.0))] * 5) is None


def test_no_drift_is_told_from_readings_that_cannot_tell() -> None:
    """Vague in the beginning, well known at the end: the middle of the first says nothing."""
    samples = [(0.0, known(252, 254)), (10.0, known(252, 254)), (16.0, known(0, 4))]
    assert fit_drift(samples) is None


def test_readings_weigh_by_how_well_they_are_known() -> None:
    good = [(float(at), known(at * 0.02, 0.1)) for at in range(0, 600, 10)]
    vague = [(float(at), known(at * 0.02 + 250, 254)) for at in range(300, 600, 10)]
    drift = fit_drift(sorted([*good, *vague], key=lambda sample: sample[0]))
    assert drift is not None
    assert drift.ppm == pytest.approx(20.0, abs=0.1)


@given(
    ppm=st.floats(-100, 100),
    errors=st.lists(st.tuples(st.floats(-1, 1), st.floats(0.01, 50)), min_size=3, max_size=40),
)
def test_the_true_drift_lies_within_its_uncertainty(
    ppm: float, errors: list[tuple[float, float]]
) -> None:
    samples = [
        (at * 10.0, known(at * ppm / 100 + share * width, width))
        for at, (share, width) in enumerate(errors)
    ]
    drift = fit_drift(samples)
    assert drift is None or abs(drift.ppm - ppm) <= drift.uncertainty_ppm + 1e-6
