"""Every kind of segment that a camera sends, joined, against ffprobe's and ffmpeg's word."""

import os
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from tests.component.postprocess.conftest import (
    KINDS,
    SEGMENT_S,
    hide_a_beginning,
    put_into,
)
from tests.component.postprocess.packets import decode_errors, packets, picture_hashes
from tests.unit.postprocess.rig import UUID, Rig

from ctlr.postprocess.run.changes import needs_processing

ALL = [*KINDS, "aac primed in each segment"]
AUDIO_ERROR_S = 0.001


def join(rig: Rig, segments: Path, *, without: tuple[int, ...] = ()) -> Path:
    shutil.copytree(segments, rig.node(), dirs_exist_ok=True)
    for number in without:
        (rig.node() / f"seg_{number:04d}.mp4").unlink()
    assert rig.process().exit_code == (3 if without else 0)
    return rig.folder / "cam-a.mp4"


@pytest.mark.parametrize("kind", ALL)
def test_packets_are_the_segments_packets(
    rig: Rig, segment_sets: dict[str, Path], kind: str
) -> None:
    joined = packets(join(rig, segment_sets[kind]))
    parts = [packets(path) for path in sorted(segment_sets[kind].iterdir())]
    for stream, found in joined.items():
        wanted = [packet for part in parts for packet in part[stream]]
        assert [p.md5 for p in found] == [p.md5 for p in wanted]
        assert [p.key for p in found] == [p.key for p in wanted]
        decoded = [p.decoded_s for p in found]
        assert all(a < b for a, b in pairwise(decoded))
    assert joined["video"][0].shown_s == 0
    assert rig.source()["method"] == "splice"


@pytest.mark.parametrize("kind", KINDS)
def test_times_are_those_of_the_uncut_film(
    rig: Rig, films: Path, segment_sets: dict[str, Path], kind: str
) -> None:
    joined = packets(join(rig, segment_sets[kind]))
    truth = packets(films / f"{KINDS[kind][0]}.mp4")
    start = truth["video"][0].shown_s
    for stream, tolerance_s in (("video", 1.5 / 90_000), ("audio", AUDIO_ERROR_S)):
        for mine, real in zip(joined.get(stream, []), truth.get(stream, []), strict=True):
            assert mine.shown_s == pytest.approx(real.shown_s - start, abs=tolerance_s)


@pytest.mark.parametrize("kind", ALL)
def test_it_plays_clean_and_shows_the_same_pictures(
    rig: Rig, segment_sets: dict[str, Path], kind: str
) -> None:
    joined = join(rig, segment_sets[kind])
    assert decode_errors(joined) == ""
    wanted = [h for path in sorted(segment_sets[kind].iterdir()) for h in picture_hashes(path)]
    assert picture_hashes(joined) == wanted


@pytest.mark.parametrize("kind", ALL)
def test_a_missing_segment_moves_nothing(
    rig: Rig, segment_sets: dict[str, Path], kind: str
) -> None:
    joined = packets(join(rig, segment_sets[kind], without=(1,)))["video"]
    frame = joined[SEGMENT_S * 30]
    assert frame.shown_s == pytest.approx(2 * SEGMENT_S, abs=0.07 if "variable" in kind else 1e-3)
    assert decode_errors(rig.folder / "cam-a.mp4") == ""


def test_a_damaged_frame_table_is_no_reason_to_lose_the_rest(
    rig: Rig, segment_sets: dict[str, Path]
) -> None:
    shutil.copytree(segment_sets["plain"], rig.node(), dirs_exist_ok=True)
    path = rig.node() / "seg_0001.mp4"
    path.write_bytes(path.read_bytes().replace(b"stsz", b"stsx"))
    assert rig.process().exit_code == 3
    assert rig.source()["gaps"][0]["reason"] == "damaged"
    assert decode_errors(rig.folder / "cam-a.mp4") == ""


def test_what_an_edit_list_hides_is_shown_at_its_own_time(
    rig: Rig, segment_sets: dict[str, Path]
) -> None:
    """It was recorded; a phone that trims a film does not touch its frames."""
    shutil.copytree(segment_sets["plain"], rig.node(), dirs_exist_ok=True)
    hide_a_beginning(rig.node() / "seg_0001.mp4")
    assert rig.process().exit_code == 0
    shown = [packet.shown_s for packet in packets(rig.folder / "cam-a.mp4")["video"]]
    assert shown == pytest.approx([n / 30 for n in range(240)], abs=1e-5)
    assert rig.source()["method"] == "splice"
    (problem,) = rig.source()["problems"]
    assert (problem["code"], problem["segment"]) == ("hidden_frames", "seg_0001.mp4")
    assert "0.333 s" in problem["text"]


@pytest.mark.parametrize("container", ["matroska", "mpegts"])
def test_what_cannot_be_spliced_is_remuxed(
    rig: Rig, segment_sets: dict[str, Path], container: str
) -> None:
    """A camera that calls anything .mp4: PyAV does it, and the manifest says so."""
    shutil.copytree(segment_sets["plain"], rig.node(), dirs_exist_ok=True)
    wanted = [h for path in sorted(rig.node().iterdir()) for h in picture_hashes(path)]
    for path in rig.node().iterdir():
        put_into(container, path)
    outcome = rig.process()
    assert outcome.exit_code == 0, outcome.summary
    source = rig.source()
    assert (source["method"], source["frames"]) == ("remux", 240)
    assert picture_hashes(rig.folder / "cam-a.mp4") == wanted
    shown = [packet.shown_s for packet in packets(rig.folder / "cam-a.mp4")["video"]]
    assert shown == pytest.approx([n / 30 for n in range(240)], abs=2e-3)
    assert source["duration_s"] == pytest.approx(8, abs=0.01)
    assert container in "".join(p["text"] for p in source["problems"])


def test_a_segment_in_another_container_gets_a_file_of_its_own(
    rig: Rig, segment_sets: dict[str, Path]
) -> None:
    shutil.copytree(segment_sets["plain"], rig.node(), dirs_exist_ok=True)
    put_into("matroska", rig.node() / "seg_0001.mp4")
    assert rig.process().exit_code == 0
    source = rig.source()
    files = [source, *source["parts"]]
    assert [file["method"] for file in files] == ["splice", "remux", "splice"]
    assert [file["frames"] for file in files] == [60, 60, 120]
    assert [part["starts_at_s"] for part in source["parts"]] == [2, 4]


def test_a_remuxed_video_is_not_made_again_of_fewer_segments(
    rig: Rig, segment_sets: dict[str, Path]
) -> None:
    """As a retention leaves them that was ended while it deleted."""
    shutil.copytree(segment_sets["plain"], rig.node(), dirs_exist_ok=True)
    for path in rig.node().iterdir():
        put_into("matroska", path)
    rig.process()
    video = (rig.folder / "cam-a.mp4").read_bytes()
    (rig.node() / "seg_0000.mp4").unlink()
    assert not needs_processing(rig.settings, UUID)
    rig.upload("late.csv")
    assert rig.process().revision == 2
    assert (rig.source()["method"], rig.source()["segments"]) == ("remux", 4)
    assert (rig.folder / "cam-a.mp4").read_bytes() == video


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_cut_segment_among_remuxed_ones_costs_its_end(
    rig: Rig, segment_sets: dict[str, Path], number: int
) -> None:
    shutil.copytree(segment_sets["plain"], rig.node(), dirs_exist_ok=True)
    shutil.copytree(segment_sets["plain"], rig.node("cam-b"), dirs_exist_ok=True)
    for path in rig.node().iterdir():
        put_into("matroska", path)
    segment = rig.node() / f"seg_{number:04d}.mp4"
    os.truncate(segment, segment.stat().st_size * 3 // 5)
    outcome = rig.process()
    assert outcome.exit_code == 3, outcome.summary
    assert rig.source("cam-b")["frames"] == 240
    assert rig.source()["method"] == "remux"
    assert 180 < rig.source()["frames"] < 240
    found = packets(rig.folder / "cam-a.mp4")["video"]
    assert len(found) == rig.source()["frames"]
    assert "segment_cut" in [p["code"] for p in rig.source()["problems"]]


@pytest.mark.parametrize("unfit", [[1], [0, 1, 2, 3]])
def test_a_segment_that_cannot_be_remuxed_holds_up_no_other(
    rig: Rig, segment_sets: dict[str, Path], unfit: list[int]
) -> None:
    """Encrypted, with nothing that says how."""
    shutil.copytree(segment_sets["plain"], rig.node(), dirs_exist_ok=True)
    shutil.copytree(segment_sets["plain"], rig.node("cam-b"), dirs_exist_ok=True)
    for number in unfit:
        path = rig.node() / f"seg_{number:04d}.mp4"
        path.write_bytes(path.read_bytes().replace(b"avc1", b"encv"))
    outcome = rig.process()
    assert outcome.exit_code == 3, outcome.summary
    assert rig.source("cam-b")["frames"] == 240
    problems = {p["segment"]: p for p in rig.source()["problems"] if p["segment"]}
    assert [p["code"] for p in problems.values()] == ["segment_damaged"] * len(unfit)
    if len(unfit) == 1:
        assert rig.source()["frames"] == 180
        assert rig.source()["gaps"][0]["segments"] == ["seg_0001.mp4"]
    else:
        assert "not one frame" in rig.source()["error"]
    assert not needs_processing(rig.settings, UUID)
