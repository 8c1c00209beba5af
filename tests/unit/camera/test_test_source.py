from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.camera.virtual_time import VirtualClock

from ctlr.camera.sources import Frame, PictureSettings, SourceError, Take, load_source
from ctlr.camera.sources.grid import FrameGrid
from ctlr.camera.sources.test import MovingPicture, open_source
from ctlr.camera.test_picture import Stamp, luma_of

START = 1_776_313_714_000_000
SECOND = 1_000_000
SMALL = PictureSettings(width=256, height=64, fps=10, bitrate_kbps=500)


def _record(clock: VirtualClock, keep_from_us: int = START) -> tuple[list[Frame], int]:
    source = open_source(SMALL, Take(START, keep_from_us), clock)
    frames = list(source.frames(lambda at_us: at_us >= keep_from_us))
    return [frame for frame in frames if frame.captured_at_us >= keep_from_us], source.dropped


def test_it_streams_before_the_start_and_its_first_frame_is_at_the_start() -> None:
    clock = VirtualClock(START - 3 * SECOND, stop_at_us=START + SECOND)
    source = open_source(SMALL, Take(START, START), clock)
    frames = list(source.frames(lambda _: False))
    assert frames[0].captured_at_us < START
    times = {frame.number: frame.captured_at_us for frame in frames}
    assert times[0] == START
    assert times[9] == START + 900_000
    assert source.dropped == 0


def test_a_frame_has_the_time_at_which_it_was_really_taken() -> None:
    clock = VirtualClock(START - SECOND, lambda _: 700, stop_at_us=START + SECOND)
    frames, dropped = _record(clock)
    assert [frame.captured_at_us for frame in frames[:2]] == [START + 700, START + 100_700]
    assert [frame.number for frame in frames] == list(range(10))
    assert dropped == 0


def test_a_stalled_machine_drops_frames_and_counts_them() -> None:
    stall = {START + 300_000: 450_000}
    clock = VirtualClock(START - SECOND, lambda at: stall.get(at, 0), stop_at_us=START + SECOND)
    frames, dropped = _record(clock)
    assert [frame.number for frame in frames] == [0, 1, 2, 7, 8, 9]
    assert frames[3].captured_at_us == START + 750_000
    assert dropped == 4


def test_a_stall_before_the_start_drops_nothing_that_was_wanted() -> None:
    stall = {START - 500_000: 400_000}
    clock = VirtualClock(START - SECOND, lambda at: stall.get(at, 0), stop_at_us=START + SECOND)
    assert _record(clock)[1] == 0


def test_a_recording_taken_up_again_keeps_counting_from_its_origin() -> None:
    later = START + 60 * SECOND
    clock = VirtualClock(later - SECOND, stop_at_us=later + SECOND)
    frames, dropped = _record(clock, keep_from_us=later)
    assert frames[0].number == 600
    assert frames[0].captured_at_us == later
    assert dropped == 0


def test_a_keyframe_comes_when_it_is_wanted() -> None:
    clock = VirtualClock(START, stop_at_us=START + SECOND)
    source = open_source(SMALL, Take(START, START), clock)
    wanted = {START + 300_000, START + 400_000}
    frames = list(source.frames(lambda at_us: at_us in wanted))
    assert [frame.number for frame in frames if frame.keyframe] == [0, 3, 4]


def test_the_picture_moves_everywhere_but_in_the_blocks() -> None:
    picture = MovingPicture(640, 480)
    stamp = Stamp(START, 0)
    first = luma_of(picture.draw(0, stamp)).copy()
    second = luma_of(picture.draw(1, stamp)).copy()
    assert np.array_equal(first[:8, :512], second[:8, :512])
    rows_that_changed = (first[16:] != second[16:]).any(axis=1)
    assert rows_that_changed.all()


@pytest.mark.parametrize(("width", "height"), [(254, 64), (640, 10)])
def test_a_picture_without_room_for_the_blocks_is_refused(width: int, height: int) -> None:
    with pytest.raises(SourceError, match=f"{width}x{height}"):
        open_source(PictureSettings(width, height, 10, 500), Take(0, 0), VirtualClock(0))


def test_an_unknown_source_is_named_with_those_there_are() -> None:
    with pytest.raises(SourceError, match=r"'betamax'.*test"):
        load_source("betamax")


@given(
    fps=st.sampled_from([0.5, 10.0, 24.0, 29.97, 30.0, 59.94, 120.0]), at=st.integers(-10, 10**7)
)
def test_grid(fps: float, at: int) -> None:
    grid = FrameGrid(START, fps)
    at_us = START + at
    slot = grid.next_slot(at_us)
    assert grid.due_us(slot - 1) < at_us <= grid.due_us(slot)
    assert grid.slot_at(grid.due_us(slot)) == slot


def test_the_grid_does_not_drift() -> None:
    day_of_frames = 24 * 3600 * 30
    assert FrameGrid(START, 30).due_us(day_of_frames) == START + 24 * 3600 * SECOND
    exact = Fraction(day_of_frames * SECOND) / Fraction(29.97).limit_denominator(1001)
    assert 0 <= FrameGrid(START, 29.97).due_us(day_of_frames) - START - exact < 1
