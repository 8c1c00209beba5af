"""Where the picture stands still: by frame times, by the video's own times, over a boundary."""

from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.postprocess.video.test_placing import seg

from ctlr.postprocess.video.facts import CaptureTimes, Still
from ctlr.postprocess.video.stills import MOST_STILLS, PlacedStill, find_stills, stills_of
from ctlr.postprocess.video.timeline import Part, Placement

PERIOD_US = 33_333
T0_US = 1_776_313_714_000_000


def regular(count: int) -> list[int]:
    return [n * PERIOD_US for n in range(count)]


def test_a_regular_picture_never_stands_still() -> None:
    assert find_stills(regular(300)) == ()
    assert find_stills([]) == find_stills([5]) == find_stills([5, 9]) == ()


def test_a_late_frame_is_one_with_none_dropped() -> None:
    times = regular(300)
    times[100] += 18_000
    assert find_stills(times, range(300)) == (Still(99 * PERIOD_US, 51_333, 0),)


def test_frames_that_were_dropped_are_counted_in_it() -> None:
    """The picture stood still for 226 ms: what a session without any gap did not say."""
    kept = [n for n in range(300) if not 101 <= n <= 105]
    times = [n * PERIOD_US for n in kept]
    times[101] += 26_000
    assert find_stills(times, kept) == (Still(100 * PERIOD_US, 6 * PERIOD_US + 26_000, 5),)
    assert find_stills(times) == (Still(100 * PERIOD_US, 6 * PERIOD_US + 26_000, None),)


def placed(number: int, captured: CaptureTimes | None, at_ticks: int) -> Placement:
    return Placement(seg(number, captured=captured), at_ticks)


def captured(first_us: int, first: int, *stills: Still) -> CaptureTimes:
    last = first + 299
    return CaptureTimes(300, first_us, first_us + 299 * PERIOD_US, (first, last), stills)


def test_they_stand_in_the_video_and_in_time() -> None:
    one = captured(T0_US, 0, Still(99 * PERIOD_US, 51_333, 0))
    two = captured(T0_US + 10_150_000, 303)
    scale = seg(0).timescale
    part = Part((placed(0, one, 0), placed(1, two, 10 * scale)), Fraction(0), "splice")
    within = PlacedStill(3.299967, 51_333, T0_US + 99 * PERIOD_US, 0)
    between_us = 10_150_000 - 299 * PERIOD_US
    between = PlacedStill(9.966567, between_us, T0_US + 299 * PERIOD_US, 3)
    assert stills_of(part, set()) == (within, between)
    assert stills_of(part, {"seg_0000.mp4"}) == (within,), "a gap is a gap"


def test_the_longest_are_kept_in_the_order_of_time() -> None:
    lengths = [PERIOD_US if n % 5 else 70_000 + n for n in range(5 * 3 * MOST_STILLS)]
    found = find_stills(list(accumulate(lengths, initial=0)))
    one = CaptureTimes(len(lengths), T0_US, T0_US, None, found)
    long = seg(0, captured=one, duration_ticks=seg(0).timescale * 3600)
    stills = stills_of(Part((Placement(long, 0),), Fraction(0), "splice"), set())
    assert len(stills) == MOST_STILLS
    assert [still.offset_s for still in stills] == sorted(still.offset_s for still in stills)
    assert {still.length_us for still in stills} == set(sorted(lengths)[-MOST_STILLS:])


def test_what_lies_behind_a_cut_is_not_in_the_video() -> None:
    one = captured(T0_US, 0, Still(99 * PERIOD_US, 51_333, 0), Still(250 * PERIOD_US, 51_333, 0))
    cut = seg(0, captured=one, duration_ticks=seg(0).timescale * 5)
    stills = stills_of(Part((Placement(cut, 0),), Fraction(0), "splice"), set())
    assert [still.offset_s for still in stills] == [3.299967]


@given(late=st.dictionaries(st.integers(10, 280), st.integers(17_000, 32_000), max_size=20))
def test_every_frame_that_is_later_than_half_a_period_is_found(late: dict[int, int]) -> None:
    apart = {n: us for n, us in late.items() if n - 1 not in late}  # its predecessor was on time
    times = regular(300)
    for number, us in apart.items():
        times[number] += us
    found = {still.after_us: still.length_us for still in find_stills(times)}
    assert found == {(n - 1) * PERIOD_US: PERIOD_US + us for n, us in apart.items()}


@pytest.mark.parametrize(("claimed_s", "fps"), [(10, 30.0), (14, 30.0)])
def test_segments_that_claim_to_last_into_the_next_are_as_fast(claimed_s: int, fps: float) -> None:
    scale = seg(0).timescale
    facts = [seg(n, duration_ticks=claimed_s * scale, frames=300) for n in range(2)]
    whole = seg(2, duration_ticks=10 * scale, frames=300)
    part = Part(
        tuple(Placement(f, n * 10 * scale) for n, f in enumerate((*facts, whole))),
        Fraction(0),
        "splice",
    )
    assert float(part.frames / part.played_s) == fps
