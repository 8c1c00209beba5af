"""Offsets over a session: between samples, outside of them, and where a clock was set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.sessions.model import ClockSample

T0 = 1_776_313_714_000


def track(*samples: tuple[float, float, float]) -> ClockTrack:
    """Samples as (seconds, offset in ms, uncertainty in ms)."""
    return ClockTrack([ClockSample(T0 + round(s * 1000), o, u) for s, o, u in samples])


def us(seconds: float, offset_ms: float = 0.0) -> float:
    """What a clock with that offset shows."""
    return T0 * 1000 + seconds * 1e6 + offset_ms * 1000


def test_one_sample_holds_everywhere_and_gets_less_certain() -> None:
    clock = track((0, 2.5, 0.5))
    assert clock.offset_at(us(-60)) == clock.offset_at(us(3600)) == 2500
    assert clock.uncertainty_at(us(0, 2.5)) == 500
    assert clock.uncertainty_at(us(10, 2.5)) == pytest.approx(500 + 1000)  # 100 ppm of 10 s
    assert clock.uncertainty_at(us(-10, 2.5)) == pytest.approx(500 + 1000)
    assert clock.drift is None
    assert clock.set_at_ms is None


def test_the_offset_runs_straight_between_samples() -> None:
    clock = track((0, 1.0, 0.2), (10, 2.0, 0.4), (20, 3.0, 0.2))
    assert clock.drift is not None
    assert clock.offset_at(us(5, 1.5)) == pytest.approx(1500)
    assert clock.offset_at(us(15, 2.5)) == pytest.approx(2500)
    assert clock.uncertainty_at(us(5, 1.5)) == pytest.approx(400 + 50)  # 10 ppm of 5 s
    assert clock.drift.ppm == pytest.approx(100)


def test_a_shifted_clock_is_looked_up_by_its_own_time() -> None:
    clock = track((0, 3_600_000, 0.2), (10, 3_600_001, 0.2))
    assert clock.offset_at(us(5, 3_600_000)) == pytest.approx(3_600_000_500)
    assert clock.own_time_of(us(5)) == pytest.approx(us(5, 3_600_000.5), abs=1)


def test_a_slewed_clock_is_less_certain_only_where_it_was_slewed() -> None:
    clock = track((0, 0, 0.5), (10, 0, 0.5), (20, 42, 0.5), (30, 42, 0.5))
    assert clock.set_at_ms is None
    assert clock.uncertainty_at(us(5)) == pytest.approx(550)
    assert clock.uncertainty_at(us(15, 21)) == pytest.approx(550 + 40_000)  # 42 - 0.5 - 0.5 - 1
    assert clock.uncertainty_at(us(25, 42)) == pytest.approx(550)


@pytest.mark.parametrize("to_ms", [2000, -2000])
def test_a_clock_that_was_set_says_when(to_ms: float) -> None:
    clock = track((0, 0, 0.5), (10, 0, 0.5), (20, to_ms, 0.5), (30, to_ms, 0.5))
    assert clock.set_at_ms == T0 + 20_000
    assert clock.drift is None


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(0.01, 5)), min_size=1, max_size=6),
    st.floats(-20, 80),
    st.floats(0, 40),
    st.floats(0, 1),
)
def test_the_worst_uncertainty_is_nowhere_exceeded(
    samples: list[tuple[float, float]], first_s: float, length_s: float, share: float
) -> None:
    clock = track(*((10 * n, offset, width) for n, (offset, width) in enumerate(samples)))
    first, last = us(first_s), us(first_s + length_s)
    inside = first + share * (last - first)
    assert clock.uncertainty_at(inside) <= clock.worst_uncertainty(first, last) + 1e-6


def test_times_are_corrected_together_as_they_are_one_by_one() -> None:
    """Also where the offset bends between them, as that of a slewed clock does."""
    offsets = (0.0, 0.0, 50.0, -20.0, -20.0)
    track = ClockTrack([ClockSample(n * 10_000, ms, 0.5) for n, ms in enumerate(offsets)])
    rising = list(range(-5_000_000, 55_000_000, 333_333))
    for times in (rising, rising[::-1], rising[:1], rising[17:18] * 3, [0, 10_000_000, 50_000_000]):
        one_by_one = [time - track.offset_at(time) for time in times]
        assert track.corrected(times) == pytest.approx(one_by_one, abs=1e-3)
