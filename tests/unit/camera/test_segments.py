import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.camera.segments import (
    estimate_frame_number,
    parse_unfinished_name,
    rows_for_video,
    unfinished_frames_name,
    unfinished_name,
)
from ctlr.kernel.atomic import is_temporary
from ctlr.layout.frame_times import FrameRow, format_rows, parse_rows
from ctlr.layout.raw import is_delivered_name

ROWS = [FrameRow(7, 1_000, 501_000), FrameRow(9, 34_333, 534_333)]


@given(st.integers(0, 10**9 - 1))
def test_unfinished_names_can_be_read_back_and_are_never_delivered(number: int) -> None:
    name = unfinished_name(number)
    assert parse_unfinished_name(name) == number
    for hidden in (name, unfinished_frames_name(number)):
        assert is_temporary(hidden)
        assert not is_delivered_name(hidden)


@pytest.mark.parametrize(
    "name", ["seg_0001.mp4", ".seg_0001.mp4", ".seg_001.mp4.part", ".seg_0001.frames.csv.part"]
)
def test_other_names_are_no_unfinished_segment(name: str) -> None:
    assert parse_unfinished_name(name) is None


def test_rows_as_text() -> None:
    assert format_rows(ROWS) == ("frame,pts_us,captured_at_us\n7,1000,501000\n9,34333,534333\n")


@given(st.integers(0, len(format_rows(ROWS))))
def test_rows_of_a_file_cut_off_anywhere_are_whole_rows(length: int) -> None:
    rows = parse_rows(format_rows(ROWS)[:length])
    assert rows == ROWS[: len(rows)]


def test_damaged_lines_are_no_rows() -> None:
    assert parse_rows("frame,pts_us,captured_at_us\n1,2\n\0\0,1,2\n-1,2,3\n1,2,3\n") == [(1, 2, 3)]


def test_a_recovered_video_gets_exactly_one_row_a_frame() -> None:
    known = [FrameRow(4, 100, 1100), FrameRow(6, 300, 1300), FrameRow(7, 400, 1400)]
    assert rows_for_video([100, 300, 350, 351], known, 1000, next_frame=0) == [
        (4, 100, 1100),
        (6, 300, 1300),
        (7, 350, 1350),
        (8, 351, 1351),
    ]


def test_a_recovered_video_without_any_row_counts_on() -> None:
    assert rows_for_video([5, 6], [], 1000, next_frame=30) == [(30, 5, 1005), (31, 6, 1006)]


@pytest.mark.parametrize(
    ("pts_us", "number"),
    [([0, 100, 200], 0), ([1000, 1101, 1199, 1500], 10), ([7], 0), ([5, 5], 0)],
)
def test_a_frame_number_that_nothing_tells_is_estimated(pts_us: list[int], number: int) -> None:
    assert estimate_frame_number(pts_us) == number
