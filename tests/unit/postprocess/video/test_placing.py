"""Where segments are placed, and what is said of the holes between them."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ctlr.postprocess.video.facts import CaptureTimes, Readability, SegmentFacts
from ctlr.postprocess.video.placing import place
from ctlr.postprocess.video.span import Span
from ctlr.postprocess.video.timeline import Timeline

SECOND = 90_000


Make = Callable[[int], SegmentFacts]


def seg(number: int, **changes: object) -> SegmentFacts:
    """A whole 10 s segment of 300 frames, timestamps from 0."""
    facts = SegmentFacts(
        name=f"seg_{number:04d}.mp4",
        number=number,
        size=1000,
        mtime_ns=1,
        readability=Readability.WHOLE,
        signature=b"a",
        timescale=SECOND,
        duration_ticks=10 * SECOND,
        frames=300,
    )
    return replace(facts, **changes)  # type: ignore[arg-type]


def bad(number: int, how: Readability) -> SegmentFacts:
    return SegmentFacts(f"seg_{number:04d}.mp4", number, 0, 1, how, "why")


def running(number: int, **changes: object) -> SegmentFacts:
    return seg(number, **{"first_ticks": number * 10 * SECOND, **changes})


def captured(number: int, first_s: float, rows: int = 300, span_s: float = 9.9667) -> SegmentFacts:
    first_us = round((1000 + first_s) * 1e6)
    return seg(number, captured=CaptureTimes(rows, first_us, first_us + round(span_s * 1e6)))


def seconds(timeline: Timeline, part: int = 0) -> list[float]:
    return [p.at_ticks / SECOND for p in timeline.parts[part].segments]


def gaps(timeline: Timeline) -> list[tuple[str | None, int, str]]:
    return [(g.after_segment, g.expected_ms, g.reason) for g in timeline.gaps]


def test_a_segment_of_sound_alone_between_pictures_is_a_loss() -> None:
    found = [seg(0, width=640), seg(1, signature=b"sound"), seg(2, width=640)]
    told = [(p.code, p.segment, p.harms) for p in place(found).problems if p.harms]
    assert told == [("no_picture", "seg_0001.mp4", True)]
    assert not [p for p in place([seg(0), seg(1)]).problems if p.harms]  # a microphone


def test_frames_that_all_have_one_time_are_a_loss() -> None:
    found = [seg(0), seg(1, duration_ticks=0), seg(2)]
    told = [(p.code, p.segment) for p in place(found).problems if p.harms]
    assert told == [("no_times", "seg_0001.mp4")]


@pytest.mark.parametrize("make", [seg, running])
def test_whole_segments_follow_each_other(make: Make) -> None:
    timeline = place([make(n) for n in range(4)])
    assert seconds(timeline) == [0, 10, 20, 30]
    assert not timeline.gaps
    assert not timeline.problems


@pytest.mark.parametrize("make", [seg, running])
@pytest.mark.parametrize("lost", [1, 2, 4])
def test_a_missing_middle_leaves_its_hole(make: Make, lost: int) -> None:
    timeline = place([make(n) for n in range(6) if n != lost])
    assert seconds(timeline) == [n * 10 for n in range(6) if n != lost]
    assert gaps(timeline) == [(f"seg_{lost - 1:04d}.mp4", 10_000, "missing")]
    assert timeline.gaps[0].segments == (f"seg_{lost:04d}.mp4",)
    assert timeline.gaps[0].estimated == (make is seg)


@pytest.mark.parametrize("how", [Readability.EMPTY, Readability.DAMAGED])
def test_an_unusable_segment_leaves_its_hole(how: Readability) -> None:
    timeline = place([seg(0), bad(1, how), seg(2), seg(3)])
    assert seconds(timeline) == [0, 20, 30]
    assert gaps(timeline) == [("seg_0000.mp4", 10_000, how.value)]
    assert [p.code for p in timeline.problems] == [f"segment_{how}"]


def test_neighbouring_losses_are_one_gap_with_all_reasons() -> None:
    timeline = place([seg(0), bad(1, Readability.EMPTY), seg(4), seg(5)])
    assert gaps(timeline) == [("seg_0000.mp4", 30_000, "empty, missing")]
    assert timeline.gaps[0].segments == ("seg_0001.mp4", "seg_0002.mp4", "seg_0003.mp4")


def test_the_rest_of_a_cut_segment_is_a_hole() -> None:
    cut = seg(1, readability=Readability.CUT, duration_ticks=4 * SECOND, frames=120)
    timeline = place([seg(0), cut, seg(2), seg(3)])
    assert seconds(timeline) == [0, 10, 20, 30]
    assert gaps(timeline) == [("seg_0001.mp4", 6000, "cut")]


def test_a_sidecar_tells_how_long_the_last_cut_segment_was() -> None:
    cut = replace(
        captured(2, 20, rows=90, span_s=2.9667),
        readability=Readability.CUT,
        duration_ticks=SECOND,
        frames=30,
    )
    timeline = place([captured(0, 0), captured(1, 10), cut])
    assert gaps(timeline) == [("seg_0002.mp4", 2000, "cut")]


class TestFirstMissing:
    def test_from_running_timestamps(self) -> None:
        timeline = place([running(n) for n in (1, 2, 3)])
        assert seconds(timeline) == [10, 20, 30]
        assert gaps(timeline) == [(None, 10_000, "missing")]

    def test_counting_from_one_is_a_habit_not_a_loss(self) -> None:
        assert not place([seg(n) for n in (1, 2, 3)]).gaps
        running_from_one = [seg(n, first_ticks=(n - 1) * 10 * SECOND) for n in (1, 2, 3)]
        assert not place(running_from_one).gaps

    def test_from_the_number_of_segments_that_the_node_made(self) -> None:
        assert not place([seg(n) for n in (1, 2, 3)], segments_total=3).gaps
        assert gaps(place([seg(n) for n in (2, 3)], segments_total=3)) == [
            (None, 10_000, "missing")
        ]

    def test_from_the_start_of_the_session(self) -> None:
        facts = [captured(n, n * 10) for n in (1, 2)]
        assert gaps(place(facts, span=Span(told_us=1_000_000_000))) == [(None, 10_000, "missing")]

    def test_a_camera_clock_that_counts_from_boot_is_no_hole(self) -> None:
        facts = [seg(n, first_ticks=(7000 + n * 10) * SECOND) for n in range(3)]
        timeline = place(facts)
        assert seconds(timeline) == [0, 10, 20]
        assert not timeline.gaps


def test_last_missing_by_the_number_of_segments_made() -> None:
    timeline = place([seg(n) for n in range(3)], segments_total=5)
    assert gaps(timeline) == [("seg_0002.mp4", 20_000, "missing")]


def test_nothing_usable_is_all_gap() -> None:
    timeline = place([bad(0, Readability.EMPTY), bad(1, Readability.DAMAGED)])
    assert timeline.parts == ()
    assert [g.reason for g in timeline.gaps] == ["empty, damaged"]


def test_capture_times_place_segments_that_restart_at_zero() -> None:
    timeline = place([captured(0, 0), captured(1, 10.5), captured(3, 31)])
    assert seconds(timeline) == [0, 10.5, 31]
    assert gaps(timeline) == [
        ("seg_0000.mp4", 500, "pause"),
        ("seg_0001.mp4", 10_500, "missing"),
    ]


@pytest.mark.parametrize("jump_s", [-3600, -20, 90_000])
def test_a_clock_that_was_set_moves_nothing(jump_s: int) -> None:
    timeline = place(
        [captured(0, 0), captured(1, 10), captured(2, 20 + jump_s), captured(3, 30 + jump_s)]
    )
    assert seconds(timeline) == [0, 10, 20, 30]
    assert [p.code for p in timeline.problems] == ["clock_jump"]


def test_rounded_starts_do_not_move_what_follows_exactly() -> None:
    facts = [
        seg(n, first_ticks=n * 10 * SECOND + (40 if n % 2 else -30), first_slack_ticks=91)
        for n in range(5)
    ]
    assert seconds(place(facts)) == [0, 10, 20, 30, 40]


def test_other_parameters_start_a_new_part() -> None:
    timeline = place([seg(0), seg(1), seg(2, signature=b"b"), seg(3, signature=b"b")])
    assert [len(part.segments) for part in timeline.parts] == [2, 2]
    assert timeline.parts[1].starts_at == 20
    assert seconds(timeline, 1) == [0, 10]
    assert [(p.code, p.harms) for p in timeline.problems] == [("parameters_changed", False)]


def test_a_hole_too_long_for_one_sample_starts_a_new_part() -> None:
    fine = [
        running(n, timescale=1_000_000, first_ticks=n * 10**7, duration_ticks=10**7)
        for n in (0, 1, 400)
    ]
    timeline = place(fine)
    assert [len(part.segments) for part in timeline.parts] == [2, 1]
    assert timeline.parts[1].starts_at == 4000


def test_ten_thousand_segments_are_in_order() -> None:
    facts = [seg(n) for n in (10_001, 9_998, 10_000, 9_999)]
    timeline = place([seg(n) for n in range(9_998)] + facts)
    numbers = [p.facts.number for p in timeline.parts[0].segments]
    assert numbers == list(range(10_002))
    assert seconds(timeline)[-1] == 100_010


def test_a_wild_number_does_not_fill_the_memory() -> None:
    timeline = place([seg(0), seg(1), seg(999_999_999)])
    assert len(timeline.gaps) == 1
    assert len(timeline.gaps[0].segments) < 1000


def test_duplicates_and_odd_segments_are_reported() -> None:
    timeline = place(
        [
            seg(0),
            seg(1, name="seg_00001.mp4"),
            seg(1),
            seg(2, starts_with_keyframe=False),
            seg(3, captured=CaptureTimes(299, 1, 2)),
            seg(4, obstacle="it is encrypted"),
        ]
    )
    assert [p.code for p in timeline.problems] == [
        "duplicate_number",
        "no_keyframe",
        "frame_times_differ",
        "remuxed",
    ]
    assert [p.facts.name for p in timeline.parts[0].segments][1] == "seg_0001.mp4"
    assert timeline.parts[0].method == "remux"
    assert timeline.parts[0].why_remux == "seg_0004.mp4: it is encrypted"


BEGIN_US = 1_000_000_000
"""The instant that ``captured`` counts from."""


class TestSpan:
    def test_late_and_its_hole(self) -> None:
        span = Span(told_us=BEGIN_US + 4_000_000, begin_us=BEGIN_US)
        timeline = place([captured(n, 4 + n * 10) for n in range(3)], span=span)
        assert seconds(timeline) == [4, 14, 24]
        assert gaps(timeline) == [(None, 4000, "joined late")]
        assert not timeline.gaps[0].estimated

    def test_late_though_told_in_time(self) -> None:
        span = Span(told_us=BEGIN_US, begin_us=BEGIN_US)
        timeline = place([captured(n, 2.5 + n * 10) for n in range(3)], span=span)
        assert gaps(timeline) == [(None, 2500, "began late")]

    @pytest.mark.parametrize("late_s", [0.0, 0.09, 0.1, -3])
    def test_a_moment_is_no_hole(self, late_s: float) -> None:
        span = Span(told_us=BEGIN_US, begin_us=BEGIN_US)
        timeline = place([captured(n, late_s + n * 10) for n in range(3)], span=span)
        assert seconds(timeline) == [0, 10, 20]
        assert not timeline.gaps

    def test_what_the_clock_leaves_open_is_no_hole(self) -> None:
        facts = [captured(n, 0.4 + n * 10) for n in range(3)]
        doubtful = Span(told_us=BEGIN_US, begin_us=BEGIN_US, doubt_us=400_000)
        assert not place(facts, span=doubtful).gaps
        assert place(facts, span=replace(doubtful, doubt_us=300_000)).gaps

    def test_slow_cameras_may_be_a_frame_and_a_half_late(self) -> None:
        span = Span(told_us=BEGIN_US, begin_us=BEGIN_US)
        slow = [captured(n, 0.7 + n * 10, rows=20) for n in range(2)]
        slow = [replace(facts, frames=20) for facts in slow]
        assert not place(slow, span=span).gaps

    def test_the_first_missing_is_measured(self) -> None:
        span = Span(told_us=BEGIN_US, begin_us=BEGIN_US)
        timeline = place([captured(n, 0.25 + n * 10) for n in (1, 2)], span=span)
        assert gaps(timeline) == [(None, 10_250, "missing")]
        joined = Span(told_us=BEGIN_US + 3_000_000, begin_us=BEGIN_US)
        timeline = place([captured(n, 3 + n * 10) for n in (1, 2)], span=joined)
        assert gaps(timeline) == [(None, 13_000, "joined late, missing")]
        assert seconds(timeline) == [13, 23]

    @pytest.mark.parametrize(("first_s", "late"), [(22, True), (619, True), (621, False)])
    def test_what_began_after_the_stop_is_late_by_a_clock_that_was_measured(
        self, first_s: float, *, late: bool
    ) -> None:
        """It joined late, was away at the stop, and recorded on until it heard of it: not one of
        its frames is of the session."""
        span = Span(
            told_us=BEGIN_US + 13_000_000,
            begin_us=BEGIN_US,
            end_us=BEGIN_US + 20_000_000,
            measured=True,
        )
        facts = [captured(n, first_s + n * 10) for n in range(2)]
        timeline = place(facts, span=span)
        assert gaps(timeline) == ([(None, 20_000, "joined late")] if late else [])
        assert timeline.after_stop == (("seg_0000.mp4", "seg_0001.mp4") if late else ())
        assert bool(timeline.parts) is not late
        assert not place(facts, span=replace(span, measured=False)).gaps

    def test_times_of_another_day_place_nothing(self) -> None:
        span = Span(told_us=BEGIN_US, begin_us=BEGIN_US, end_us=BEGIN_US + 20_000_000)
        for first_s in (86_400, -86_400):
            facts = [captured(n, first_s + n * 10) for n in range(2)]
            timeline = place(facts, span=span)
            assert seconds(timeline) == [0, 10]
            assert not timeline.gaps

    def test_early_end(self) -> None:
        span = Span(begin_us=BEGIN_US, end_us=BEGIN_US + 50_000_000, error="its card is full")
        timeline = place([captured(n, n * 10) for n in range(3)], span=span)
        assert gaps(timeline) == [("seg_0002.mp4", 20_000, "ended early (its card is full)")]
        in_time = replace(span, end_us=BEGIN_US + 30_200_000)
        assert not place([captured(n, n * 10) for n in range(3)], span=in_time).gaps
        short = replace(span, end_us=BEGIN_US + 30_250_000)
        assert gaps(place([captured(n, n * 10) for n in range(3)], span=short)) == [
            ("seg_0002.mp4", 250, "ended early (its card is full)")
        ]

    def test_the_last_missing_is_measured(self) -> None:
        span = Span(begin_us=BEGIN_US, end_us=BEGIN_US + 37_000_000)
        facts = [captured(n, n * 10) for n in range(3)]
        timeline = place(facts, segments_total=4, span=span)
        assert gaps(timeline) == [("seg_0002.mp4", 7000, "missing")]
        late_stop = replace(span, end_us=BEGIN_US + 60_000_000)
        timeline = place(facts, segments_total=4, span=late_stop)
        assert gaps(timeline) == [("seg_0002.mp4", 30_000, "missing, ended early")]

    @pytest.mark.parametrize("make", [captured, lambda n, s: running(n, first_ticks=s * SECOND)])
    def test_a_restart_leaves_its_hole(self, make: Callable[[int, int], SegmentFacts]) -> None:
        """The node went on with the next free number 12 s after the last frame that it saved."""
        timeline = place([make(0, 0), make(1, 10), make(2, 32), make(3, 42)])
        assert seconds(timeline) == [0, 10, 32, 42]
        assert gaps(timeline) == [("seg_0001.mp4", 12_000, "pause")]
