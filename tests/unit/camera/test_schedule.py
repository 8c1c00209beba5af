from hypothesis import given
from hypothesis import strategies as st

from ctlr.camera.schedule import Cutter, Schedule

START = 1_000_000_000
SECOND = 1_000_000


def _cutter(segment_us: int = 10 * SECOND, keep_from: int = START, first: int = 0) -> Cutter:
    return Cutter(Schedule(START, segment_us, keep_from), first)


def _place_all(cutter: Cutter, times: list[int]) -> list[int | None]:
    """Place frames of a camera that gives a keyframe whenever it is asked for one."""
    return [cutter.assign(at, keyframe=cutter.wants_keyframe(at)) for at in times]


def test_the_first_frame_kept_is_the_first_at_or_after_the_start() -> None:
    assert _place_all(_cutter(), [START - 1, START, START + 1]) == [None, 0, 0]


def test_a_frame_at_the_boundary_opens_the_next_segment() -> None:
    times = [START, START + 10 * SECOND - 1, START + 10 * SECOND, START + 20 * SECOND]
    assert _place_all(_cutter(), times) == [0, 0, 1, 2]


def test_a_stall_over_a_whole_segment_leaves_no_hole_in_the_numbers() -> None:
    assert _place_all(_cutter(), [START, START + 35 * SECOND]) == [0, 1]


def test_the_cut_waits_for_a_camera_that_gives_keyframes_when_it_likes() -> None:
    cutter = _cutter()
    cutter.assign(START, keyframe=True)
    after = START + 10 * SECOND
    assert cutter.wants_keyframe(after)
    assert cutter.assign(after, keyframe=False) == 0
    assert cutter.assign(after + 1, keyframe=True) == 1
    assert not cutter.wants_keyframe(after + 2)
    assert cutter.assign(after + 2, keyframe=True) == 1


def test_nothing_is_kept_before_the_first_keyframe() -> None:
    cutter = _cutter()
    assert cutter.assign(START, keyframe=False) is None
    assert cutter.assign(START + 1, keyframe=True) == 0


def test_after_a_lost_frame_the_next_kept_one_is_a_keyframe_of_the_same_segment() -> None:
    cutter = _cutter()
    cutter.assign(START, keyframe=True)
    cutter.frame_was_lost()
    assert cutter.wants_keyframe(START + 1)
    assert cutter.assign(START + 1, keyframe=False) is None
    assert cutter.assign(START + 2, keyframe=True) == 0
    assert not cutter.wants_keyframe(START + 3)


def test_a_recording_taken_up_again_keeps_its_cuts_and_goes_on_with_the_next_number() -> None:
    cutter = _cutter(keep_from=START + 25 * SECOND, first=3)
    times = [START + 24 * SECOND, START + 25 * SECOND, START + 30 * SECOND]
    assert _place_all(cutter, times) == [None, 3, 4]
    assert cutter.next_segment == 5


@given(
    gaps=st.lists(st.integers(1, 3 * SECOND), min_size=1, max_size=200),
    segment_us=st.integers(SECOND // 2, 5 * SECOND),
    lead=st.integers(0, 5 * SECOND),
)
def test_every_frame_from_the_start_on_is_in_exactly_one_segment(
    gaps: list[int], segment_us: int, lead: int
) -> None:
    times = [START - lead]
    for gap in gaps:
        times.append(times[-1] + gap)
    cutter = _cutter(segment_us)
    places = _place_all(cutter, times)

    assert [place is None for place in places] == [at < START for at in times]
    kept = [(at, place) for at, place in zip(times, places, strict=True) if place is not None]
    numbers = [place for _, place in kept]
    assert sorted(set(numbers)) == list(range(cutter.next_segment))
    assert numbers == sorted(numbers)
    for number in set(numbers):
        periods = {(at - START) // segment_us for at, place in kept if place == number}
        assert len(periods) == 1
