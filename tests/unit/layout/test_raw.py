from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.layout.raw import (
    LoggingLayout,
    frames_name,
    is_delivered_name,
    parse_frames_name,
    parse_segment_name,
    segment_name,
)
from ctlr.layout.session import session_folder, session_folder_pattern

UUID = "abc12345-9d4a-4c6b-8f0e-1a2b3c4d5e6f"


@given(st.integers(0, 10**9 - 1))
def test_names_and_numbers_are_two_ways_of_one_thing(number: int) -> None:
    assert parse_segment_name(segment_name(number)) == number
    assert parse_frames_name(frames_name(number)) == number
    assert is_delivered_name(segment_name(number))
    assert is_delivered_name(frames_name(number))


@pytest.mark.parametrize(
    ("name", "number"),
    [("seg_0000.mp4", 0), ("seg_0001.mp4", 1), ("seg_9999.mp4", 9999), ("seg_10000.mp4", 10000)],
)
def test_segment_numbers(name: str, number: int) -> None:
    assert parse_segment_name(name) == number


@pytest.mark.parametrize(
    "name",
    [
        "seg_001.mp4",
        "seg_0001.MP4",
        "seg_0001.mp4.part",
        ".seg_0001.mp4.Xa3dEr",
        "_tmp_seg_0001.mp4",
        "seg_-001.mp4",
        "seg_\u0660\u0660\u0660\u0661.mp4",
        "seg_0001.mp4\n",
        "../seg_0001.mp4",
        "seg_0001.frames.csv",
    ],
)
def test_what_is_no_segment(name: str) -> None:
    assert parse_segment_name(name) is None


@pytest.mark.parametrize("name", ["clock.csv", "settings.json", "seg_0001.frames.csv", "A.csv"])
def test_sidecars_are_delivered(name: str) -> None:
    assert is_delivered_name(name)


@pytest.mark.parametrize(
    "name", [".hidden.csv", "_tmp_a.csv", "a/b.csv", "a b.csv", "x" * 65 + ".csv", "a.txt", ""]
)
def test_what_is_no_sidecar(name: str) -> None:
    assert not is_delivered_name(name)


@given(st.text(max_size=100))
def test_a_delivered_name_is_a_plain_name_in_the_folder(name: str) -> None:
    if is_delivered_name(name):
        assert Path("folder", name).parent == Path("folder")
        assert not name.startswith((".", "_"))
        assert name.isascii()


def test_session_folders() -> None:
    assert session_folder("{uuid}", UUID, None) == UUID
    assert session_folder("{date}_{short}", UUID, 1_776_124_800_000) == "2026-04-14_abc123"
    assert session_folder("{date}_{short}", UUID, 1_776_124_799_999) == "2026-04-13_abc123"
    assert session_folder("{date}_{short}", UUID, None) == "undated_abc123"
    told = "{date}_{time}_{label}"
    assert (
        session_folder(told, UUID, 1_776_124_799_999, "lap 1, dry") == "2026-04-13_2359_lap-1-dry"
    )
    assert session_folder(told, UUID, 1_776_124_800_000) == "2026-04-14_0000_abc123"
    assert session_folder(told, UUID, None, " ../.. \n") == "undated_0000_abc123"
    assert session_folder("{label}", UUID, None, "Fahrt über Öl: 日本/2") == "Fahrt-über-Öl-日本-2"
    long = session_folder("{label}", UUID, None, "ü" * 80)
    assert (long, len(long.encode())) == ("ü" * 30, 60)


@given(st.text(), st.integers(0, 2**42))
def test_a_folder_is_found_whatever_it_is_called(label: str, started_at_ms: int) -> None:
    for template in ("{date}_{time}_{label}", "{uuid}", "{date}_{short}", "x-{label}"):
        name = session_folder(template, UUID, started_at_ms, label)
        assert fnmatchcase(name, session_folder_pattern(template, UUID))
        assert "/" not in name
        assert not name.startswith(".")


def test_paths_below_the_logging_mount() -> None:
    layout = LoggingLayout(Path("/mnt/logging"))
    assert layout.node_session("cam-01", UUID) == Path(f"/mnt/logging/cam-01/{UUID}")
    assert layout.phone_session(UUID) == Path(f"/mnt/logging/phone/{UUID}")
    assert layout.can_raw() == Path("/mnt/logging/can/raw.csv")
