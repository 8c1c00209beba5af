"""Names of segments that others came in the place of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.layout.raw import (
    KeptName,
    frames_name,
    frames_name_of,
    is_delivered_name,
    kept_name,
    parse_kept_name,
    parse_segment_name,
    plain_name,
    segment_name,
)

counts = st.integers(1, 999_999)


@given(st.integers(0, 10**9 - 1), counts, counts, st.booleans())
def test_names_and_what_they_say(number: int, take: int, version: int, frames: bool) -> None:
    plain = frames_name(number) if frames else segment_name(number)
    name = kept_name(plain, take, version)
    assert parse_kept_name(name) == KeptName(plain, take, version)
    assert plain_name(name) == plain_name(plain) == plain
    assert parse_segment_name(name) is None
    assert not is_delivered_name(name)


def test_frame_times_stand_beside_their_segment() -> None:
    assert frames_name_of("seg_0003.mp4") == "seg_0003.frames.csv"
    assert frames_name_of("seg_0003.take2-3.mp4") == "seg_0003.take2-3.frames.csv"


@pytest.mark.parametrize(
    "name",
    [
        "seg_0000.mp4",
        "seg_0000.take0.mp4",
        "seg_0000.take1-0.mp4",
        "clip.take1.mp4",
        ".seg_0000.take1.mp4",
        "seg_0000.take1.json",
    ],
)
def test_other_names_are_none_of_them(name: str) -> None:
    assert parse_kept_name(name) is None
