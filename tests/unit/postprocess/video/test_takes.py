"""Which segments were recorded in one go, and where a camera that began again stands in time."""

from dataclasses import replace
from fractions import Fraction
from itertools import permutations

import pytest
from tests.unit.postprocess.video.test_placing import SECOND, captured, gaps, seconds, seg

from ctlr.layout.raw import kept_name, segment_name
from ctlr.postprocess.video.facts import CaptureTimes, Readability, SegmentFacts
from ctlr.postprocess.video.placing import place
from ctlr.postprocess.video.span import Span
from ctlr.postprocess.video.takes import sort_series

BEGIN_S = 1000
SPAN = Span(begin_us=BEGIN_S * 10**6, told_us=BEGIN_S * 10**6, length_s=Fraction(60))


def until(stop_s: float, stopped_s: float | None = None, **more: object) -> Span:
    """A session that was stopped then, and a camera that confirmed it at once, or later."""
    stop = Fraction(round(stop_s * 1000), 1000)
    stopped = stop if stopped_s is None else Fraction(round(stopped_s * 1000), 1000)
    return replace(SPAN, length_s=stop, stopped_s=stopped, **more)  # type: ignore[arg-type]


def of(
    take: int, number: int, version: int = 1, at_s: float | None = None, **more: object
) -> SegmentFacts:
    """A segment of a take, on the disk since ``at_s`` seconds after the session began."""
    mtime_ns = round((BEGIN_S + at_s) * 1e9) if at_s is not None else 1
    name = kept_name(segment_name(number), take, version)
    facts = seg(number, name=name, take=take, version=version, mtime_ns=mtime_ns)
    return replace(facts, **more)  # type: ignore[arg-type]


def sorted_names(*found: SegmentFacts, begun_s: int | None = None) -> list[str]:
    """The series, each as ``take.number`` of its segments in order."""
    begun = {} if begun_s is None else {2: Fraction(BEGIN_S + begun_s)}
    series, _ = sort_series(found, begun)
    return [" ".join(f"{f.take}.{f.number}" for f in one.segments) for one in series]


def test_one_take_is_one_series() -> None:
    assert sorted_names(*(of(1, n) for n in (2, 0, 1, 5))) == ["1.0 1.1 1.2 1.5"]


def test_a_take_that_counts_from_the_beginning_again_is_another() -> None:
    first, second = [of(1, n) for n in range(4)], [of(2, n) for n in range(2)]
    assert sorted_names(*second, *first) == ["1.0 1.1 1.2 1.3", "2.0 2.1"]
    from_one = [of(1, n) for n in (1, 2, 3)], [of(2, n) for n in (1, 2)]
    assert sorted_names(*from_one[0], *from_one[1]) == ["1.1 1.2 1.3", "2.1 2.2"]


def test_a_camera_of_ours_counts_on_and_goes_on() -> None:
    """It was told to begin again and knows what it has made."""
    found = [of(1, n, at_s=10 + 10 * n) for n in range(3)]
    again = [of(2, n, at_s=20 + 10 * n) for n in range(3, 9)]
    assert sorted_names(*found, *again, begun_s=40) == [
        "1.0 1.1 1.2 2.3 2.4 2.5 2.6 2.7 2.8",
    ]


@pytest.mark.parametrize("arrived_s", [31, 45, 58])
def test_what_came_late_of_the_take_before_belongs_there(arrived_s: int) -> None:
    """It lay on the card when the camera lost its power, and came once that was back."""
    found = [of(1, 0, at_s=10), of(1, 1, at_s=20), of(2, 2, at_s=arrived_s)]
    again = [of(2, 0, at_s=50), of(2, 1, at_s=60)]
    assert sorted_names(*found, *again, begun_s=40) == ["1.0 1.1 2.2", "2.0 2.1"]


def test_a_lost_segment_of_the_new_take_makes_none_of_the_old_one() -> None:
    found = [of(1, 0, at_s=10), of(1, 1, at_s=20)]
    again = [of(2, 0, at_s=50), of(2, 2, at_s=70), of(2, 3, at_s=80)]
    assert sorted_names(*found, *again, begun_s=40) == ["1.0 1.1", "2.0 2.2 2.3"]


def test_late_and_new_files_of_one_name() -> None:
    found = [of(1, 0, at_s=10), of(1, 1, at_s=20), of(2, 2, 1, at_s=41)]
    again = [of(2, 0, at_s=50), of(2, 1, at_s=60), of(2, 2, 2, at_s=70)]
    assert sorted_names(*found, *again, begun_s=40) == ["1.0 1.1 2.2", "2.0 2.1 2.2"]


def test_restarts_that_nobody_saw() -> None:
    first = [of(1, n, 1, at_s=10 + 10 * n) for n in range(4)]
    second = [of(1, n, 2, at_s=70 + 10 * n) for n in range(2)]
    assert sorted_names(*first, *second) == ["1.0 1.1 1.2 1.3", "1.0 1.1"]
    longer = [of(1, n, 2 if n < 4 else 1, at_s=70 + 10 * n) for n in range(6)]
    assert sorted_names(*first, *longer) == ["1.0 1.1 1.2 1.3", "1.0 1.1 1.2 1.3 1.4 1.5"]


def test_a_restart_stands_where_it_was_told_to_begin() -> None:
    span = until(52, begun_s={2: Fraction(32)})
    found = [*(of(1, n) for n in range(2)), *(of(2, n) for n in range(2))]
    timeline = place(found, span=span)
    assert seconds(timeline) == [0, 10, 32, 42]
    assert gaps(timeline) == [("seg_0001.take1.mp4", 12_000, "restarted")]
    assert not timeline.problems


def test_timestamps_that_run_on_within_each_take() -> None:
    span = until(62, begun_s={2: Fraction(32)})
    found = [of(take, n, first_ticks=n * 10 * SECOND) for take in (1, 2) for n in range(3)]
    found = [facts for facts in found if (facts.take, facts.number) not in {(1, 2), (2, 0)}]
    timeline = place(found, span=span)
    assert seconds(timeline) == [0, 10, 42, 52]
    assert gaps(timeline) == [("seg_0001.take1.mp4", 22_000, "restarted, missing")]


def test_a_restart_at_no_known_time_is_no_guess() -> None:
    found = [*(of(1, n) for n in range(2)), *(of(2, n) for n in range(2))]
    timeline = place(found, span=until(60))
    assert seconds(timeline) == [0, 10, 20, 30]
    assert [(p.code, p.harms) for p in timeline.problems] == [("restart_unseen", True)]
    assert gaps(timeline)[0] == ("seg_0001.take1.mp4", 0, "restarted")
    assert gaps(timeline)[1] == ("seg_0001.take2.mp4", 20_000, "short")


def test_frame_times_place_a_swapped_card() -> None:
    first = [replace(captured(n, n * 10), name=f"seg_{n:04d}.take1.mp4") for n in range(2)]
    second = [replace(captured(n, 35 + n * 10), version=2) for n in range(2)]
    for found in permutations([*first, *second]):
        timeline = place(found)
        assert seconds(timeline) == [0, 10, 35, 45]
        assert gaps(timeline) == [("seg_0001.take1.mp4", 15_000, "restarted")]
        assert not timeline.problems


def shows(first_s: float) -> CaptureTimes:
    first_us = round((1000 + first_s) * 1e6)
    return CaptureTimes(300, first_us, first_us + 9_966_700)


def test_a_segment_sent_again_takes_the_place_of_the_first() -> None:
    found = [captured(n, n * 10) for n in range(4)]
    again = replace(captured(2, 20), name="seg_0002.mp4", version=2, mtime_ns=9)
    found[2] = replace(found[2], name="seg_0002.take1.mp4")
    timeline = place([*found, again])
    assert [p.facts.name for p in timeline.parts[0].segments][2] == "seg_0002.mp4"
    assert [(p.code, p.segment, p.harms) for p in timeline.problems] == [
        ("sent_again", "seg_0002.take1.mp4", False)
    ]
    assert not timeline.gaps


def test_one_sent_again_in_place_of_a_damaged_one() -> None:
    broken = SegmentFacts("seg_0002.take1.mp4", 2, 10, 1, Readability.DAMAGED, "why")
    found = [seg(0), seg(1), broken, seg(3), seg(2, version=2, mtime_ns=9)]
    timeline = place(found)
    assert seconds(timeline) == [0, 10, 20, 30]
    assert not timeline.gaps
    assert [p.harms for p in timeline.problems if p.code == "sent_again"] == [False]


def test_one_sent_again_in_place_of_a_cut_one() -> None:
    """As after a transfer that broke off and left what it had under the segment's name."""
    cut = seg(2, name="seg_0002.take1.mp4", readability=Readability.CUT, duration_ticks=3 * SECOND)
    found = [seg(0), seg(1), cut, seg(3), seg(2, version=2, mtime_ns=9)]
    timeline = place(found)
    assert seconds(timeline) == [0, 10, 20, 30]
    assert timeline.parts[0].segments[2].facts.name == "seg_0002.mp4"
    assert not timeline.gaps
    assert [(p.code, p.harms) for p in timeline.problems] == [("sent_again", False)]


def test_the_first_segment_sent_again_by_a_camera_that_goes_on_is_no_restart() -> None:
    """It was told nothing, and counted on afterwards: nothing of its video is moved or left out."""
    first = [seg(0, name="seg_0000.take1.mp4", mtime_ns=1), seg(1, mtime_ns=2)]
    again = seg(0, version=2, size=9, mtime_ns=3)
    timeline = place([*first, again, seg(2, mtime_ns=4), seg(3, mtime_ns=5)])
    assert seconds(timeline) == [0, 10, 20, 30]
    assert timeline.parts[0].segments[0].facts.name == "seg_0000.take1.mp4"
    assert not timeline.gaps
    assert [(p.code, p.segment, p.harms) for p in timeline.problems] == [
        ("duplicate_number", "seg_0000.mp4", True)
    ]


def test_another_file_of_a_number_is_left_out_and_said() -> None:
    found = [*(seg(n) for n in range(4)), seg(2, name="x", version=2, size=9, mtime_ns=9)]
    timeline = place(found)
    assert seconds(timeline) == [0, 10, 20, 30]
    assert [(p.code, p.segment, p.harms) for p in timeline.problems] == [
        ("duplicate_number", "x", True)
    ]


def plain(count: int, length_s: float = 10) -> list[SegmentFacts]:
    return [seg(n, duration_ticks=round(length_s * SECOND)) for n in range(count)]


class TestAgainstTheStop:
    """Cameras without frame times: how long they recorded is what is known."""

    @pytest.mark.parametrize("short_s", [-0.4, 0, 0.19])
    def test_about_as_long_as_the_session_is_whole(self, short_s: float) -> None:
        timeline = place(plain(3), span=until(30 + short_s))
        assert not timeline.gaps
        assert not timeline.problems

    @pytest.mark.parametrize(
        ("confirmed", "reason"), [(True, "short"), (False, "ended early (it is off)")]
    )
    def test_what_it_falls_short_is_a_gap(self, confirmed: bool, reason: str) -> None:
        span = until(60, error="it is off")
        span = span if confirmed else replace(span, stopped_s=None)
        timeline = place(plain(3), span=span)
        assert gaps(timeline) == [("seg_0002.mp4", 30_000, reason)]
        assert not timeline.gaps[0].estimated

    def test_one_that_joined_late_stands_late(self) -> None:
        span = until(60, begun_s={1: Fraction(25)}, told_us=(BEGIN_S + 25) * 10**6)
        timeline = place(plain(4, 8.75), span=span)
        assert gaps(timeline) == [(None, 25_000, "joined late")]
        assert seconds(timeline)[0] == 25

    def test_hours_allow_for_the_drift_of_two_clocks(self) -> None:
        assert not place(plain(3600), span=until(36_003)).gaps
        assert place(plain(3600), span=until(36_010)).gaps

    def test_what_was_recorded_after_the_stop_is_left_out(self) -> None:
        timeline = place(plain(6), span=until(24, 60.1))
        assert timeline.after_stop == ("seg_0003.mp4", "seg_0004.mp4", "seg_0005.mp4")
        name, ticks = timeline.cut or ("", 0)
        assert (name, round(ticks / SECOND, 1)) == ("seg_0002.mp4", 4)
        assert not timeline.gaps
        assert [(p.code, p.harms) for p in timeline.problems] == [("after_stop", False)]

    def test_a_hole_that_the_stop_falls_into_ends_there(self) -> None:
        span = until(24, 60, begun_s={2: Fraction(50)})
        timeline = place([*(of(1, n) for n in range(2)), of(2, 0)], span=span)
        assert timeline.after_stop == ("seg_0000.take2.mp4",)
        assert gaps(timeline) == [("seg_0001.take1.mp4", 4000, "short")]

    def test_by_the_frames_own_times(self) -> None:
        begin_us = 1_000_000_000
        span = Span(begin_us=begin_us, told_us=begin_us, end_us=begin_us + 24_000_000)
        timeline = place([captured(n, n * 10) for n in range(6)], span=span)
        assert timeline.after_stop == ("seg_0003.mp4", "seg_0004.mp4", "seg_0005.mp4")
        assert timeline.cut == ("seg_0002.mp4", 4 * SECOND)
        doubtful = replace(span, doubt_us=2_000_000)
        cut = place([captured(n, n * 10) for n in range(6)], span=doubtful).cut
        assert cut == ("seg_0002.mp4", 6 * SECOND)

    def test_one_that_began_late_and_recorded_on_is_found_out(self) -> None:
        """It confirmed the stop at 60 s; its video is 2 s shorter than that."""
        timeline = place(plain(6, 9.667), span=until(24, 60))
        assert gaps(timeline) == [("seg_0002.mp4", 1998, "short")]

    def test_one_that_confirmed_no_stop_proves_nothing(self) -> None:
        timeline = place(plain(3), span=replace(until(30), stopped_s=None))
        assert not timeline.gaps
        assert [(p.code, p.harms) for p in timeline.problems] == [("end_unproven", True)]


class TestSentAgainAfterEverything:
    """A beginning that comes last of all: its camera was told nothing, and the stop leaves no room."""

    @pytest.mark.parametrize("numbers", [[0], [0, 1], [0, 1, 2, 3]])
    @pytest.mark.parametrize("base", [0, 1])
    def test_it_is_joined_once_and_named(self, numbers: list[int], base: int) -> None:
        found = [replace(of(1, n + base), mtime_ns=n) for n in range(4)]
        again = [seg(n + base, version=2, size=9, mtime_ns=90 + n) for n in numbers]
        timeline = place([*found, *again], span=until(40))
        joined = [placed.facts.name for placed in timeline.parts[0].segments]
        assert joined == [facts.name for facts in found]
        assert seconds(timeline) == [0, 10, 20, 30]
        assert not timeline.gaps
        assert not timeline.after_stop
        assert [(p.code, p.segment, p.harms) for p in timeline.problems] == [
            ("duplicate_number", facts.name, True) for facts in again
        ]

    def test_by_frame_times_it_shows_the_same(self) -> None:
        found = [captured(n, n * 10) for n in range(4)]
        found[0] = replace(found[0], name="seg_0000.take1.mp4")
        again = replace(captured(0, 0), version=2, size=9, mtime_ns=9)
        timeline = place([*found, again])
        assert seconds(timeline) == [0, 10, 20, 30]
        assert not timeline.gaps
        assert [(p.code, p.segment, p.harms) for p in timeline.problems] == [
            ("sent_again", "seg_0000.take1.mp4", False)
        ]

    def test_where_there_is_room_before_the_stop_it_is_a_restart_that_nobody_saw(self) -> None:
        found = [of(1, n, at_s=10 + 10 * n) for n in range(3)]
        timeline = place([*found, of(1, 0, 2, at_s=60)], span=until(45))
        assert seconds(timeline) == [0, 10, 20, 30]
        assert "restart_unseen" in [problem.code for problem in timeline.problems]

    def test_a_take_that_was_told_to_begin_needs_no_room(self) -> None:
        span = until(41, begun_s={2: Fraction(40)})
        timeline = place(
            [*(of(1, n) for n in range(4)), of(2, 0, duration_ticks=SECOND, frames=30)], span=span
        )
        assert seconds(timeline) == [0, 10, 20, 30, 40]
        assert [(gap.reason, gap.expected_ms) for gap in timeline.gaps] == [("restarted", 0)]
        assert not timeline.problems

    def test_missing_segments_leave_no_room(self) -> None:
        found = [replace(of(1, n), mtime_ns=n) for n in (0, 1, 3)]
        timeline = place([*found, seg(0, version=2, size=9, mtime_ns=90)], span=until(40))
        assert seconds(timeline) == [0, 10, 30]
        assert [gap.reason for gap in timeline.gaps] == ["missing"]
        assert [problem.code for problem in timeline.problems] == ["duplicate_number"]


class TestWhereACameraCountsFrom:
    """Others count on from session to session, and begin again when their counter is full."""

    @pytest.mark.parametrize("base", [2, 37, 5000])
    @pytest.mark.parametrize("restarted", [False, True])
    def test_numbers_that_begin_anywhere_hide_no_segment(
        self, base: int, *, restarted: bool
    ) -> None:
        begun = {2: Fraction(50)} if restarted else {}
        found = [of(1, n + base, at_s=10 + 10 * n) for n in range(4)]
        if restarted:
            found += [of(2, n + base, at_s=60 + 10 * n) for n in range(2)]
        timeline = place(found, span=until(70 if restarted else 40, begun_s=begun))
        assert seconds(timeline) == [0, 10, 20, 30, 50, 60][: len(found)]
        assert [gap.reason for gap in timeline.gaps] == ["restarted"] * restarted
        assert not timeline.problems
        assert not timeline.after_stop

    def test_where_there_was_time_for_them_the_first_ones_are_missing(self) -> None:
        timeline = place([replace(seg(n), mtime_ns=n) for n in range(2, 6)], span=until(60))
        assert seconds(timeline) == [20, 30, 40, 50]
        assert gaps(timeline) == [(None, 20_000, "missing")]

    def test_by_frame_times_nothing_is_missing_before(self) -> None:
        found = [captured(n + 37, n * 10) for n in range(3)]
        told_us = found[0].captured.first_us if found[0].captured else None
        timeline = place(found, span=Span(told_us=told_us, begin_us=told_us))
        assert seconds(timeline) == [0, 10, 20]
        assert not timeline.gaps

    @pytest.mark.parametrize("full", [99, 999, 9999])
    def test_a_counter_that_ran_full_goes_on(self, full: int) -> None:
        numbers = [full - 1, full, 0, 1]
        found = [replace(seg(n), mtime_ns=at) for at, n in enumerate(numbers)]
        timeline = place(found, span=until(40))
        names = [placed.facts.name for placed in timeline.parts[0].segments]
        assert names == [segment_name(n) for n in numbers]
        assert seconds(timeline) == [0, 10, 20, 30]
        assert not timeline.gaps
        assert not timeline.problems

    def test_a_hole_in_the_numbers_pushes_nothing_behind_the_stop(self) -> None:
        timeline = place([replace(seg(n), mtime_ns=n) for n in (0, 1, 500, 501)], span=until(60))
        assert seconds(timeline) == [0, 10, 40, 50]
        assert [(gap.expected_ms, gap.reason) for gap in timeline.gaps] == [(20_000, "missing")]
        assert not timeline.after_stop


@pytest.mark.parametrize("readability", [Readability.CUT, Readability.DAMAGED])
@pytest.mark.parametrize("span", [None, until(40)])
def test_a_first_segment_that_broke_off_and_came_again_last_of_all(
    readability: Readability, span: Span | None
) -> None:
    """As rsync's ``--partial`` leaves it under its name."""
    ticks = 3 * SECOND if readability is Readability.CUT else 0
    name = "seg_0000.take1.mp4"
    broken = seg(0, name=name, readability=readability, duration_ticks=ticks, mtime_ns=1)
    rest = [replace(seg(n), mtime_ns=5 + n) for n in range(1, 4)]
    timeline = place([broken, *rest, seg(0, version=2, mtime_ns=99)], span=span)
    assert seconds(timeline) == [0, 10, 20, 30]
    assert timeline.parts[0].segments[0].facts.name == "seg_0000.mp4"
    assert not timeline.gaps
    assert [(p.code, p.segment, p.harms) for p in timeline.problems] == [
        ("sent_again", name, False)
    ]
