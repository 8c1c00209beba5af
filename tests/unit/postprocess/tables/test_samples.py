import numpy as np
import pytest

from ctlr.postprocess.tables.samples import CELL_S, Samples

START_S = 1_776_313_714.0


def test_few_samples_are_kept_as_they_are() -> None:
    samples = Samples()
    at = np.asarray(START_S + np.arange(10) * 1.0)
    samples.add(at[:4], np.arange(4.0))
    samples.add(at[4:], np.arange(4.0, 10.0))
    series = samples.series()
    assert series is not None
    assert series.times_s == pytest.approx(at, abs=1e-6)
    assert series.values.tolist() == list(range(10))


def test_dense_samples_are_averaged() -> None:
    samples = Samples()
    at = np.asarray(START_S + np.arange(1000) * 0.001)
    samples.add(at, np.asarray(at - START_S))
    series = samples.series()
    assert series is not None
    assert len(series.values) == pytest.approx(1 / CELL_S, abs=1)
    assert series.values == pytest.approx(series.times_s - START_S, abs=1e-6)


def test_what_is_no_number_is_left_out() -> None:
    samples = Samples()
    samples.add(np.asarray(START_S + np.arange(3.0)), np.array([1.0, np.nan, np.inf]))
    samples.add(np.array([np.nan]), np.array([1.0]))
    series = samples.series()
    assert series is not None
    assert series.values.tolist() == [1]
    assert Samples().series() is None


@pytest.mark.parametrize("jumping", [False, True])
def test_however_many_rows_memory_stays(jumping: bool) -> None:
    most = 5000
    samples = Samples(most)
    chance = np.random.default_rng(1)
    for block in range(30):
        at = np.asarray(START_S + block * 20 + np.arange(400) * 0.05)
        if jumping:
            at = np.asarray(START_S + chance.uniform(0, 1e4, 400))
        samples.add(at, np.sin(at / 50))
    series = samples.series()
    assert series is not None
    assert 0.2 * most < len(series.values) <= most
    assert series.values == pytest.approx(np.sin(series.times_s / 50), abs=0.01)
