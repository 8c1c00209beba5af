"""Chapters and labels of real films: ffprobe shows them, and every packet is as it was."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.component.postprocess.conftest import put_into
from tests.component.postprocess.packets import decode_errors, packets
from tests.unit.postprocess.rig import START_MS, UUID, Rig, session

from ctlr.sessions.model import Mark, SessionNode

TOLD = SessionNode("cam-a", started=True, start_at_ms=START_MS)
STOPPED_MS = START_MS + 8000
PLAIN = session(TOLD, stopped_at_ms=STOPPED_MS)
MARKED = session(
    TOLD,
    stopped_at_ms=STOPPED_MS,
    marks=(Mark(START_MS + 1500, "Gate"), Mark(START_MS + 5250)),
)
FILE = "cam-a.mp4"


def chapters(path: Path) -> list[tuple[float, str]]:
    command = ["ffprobe", "-v", "error", "-show_chapters", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert not done.stderr
    found = json.loads(done.stdout)["chapters"]
    return [(float(c["start_time"]), c["tags"]["title"]) for c in found]


@pytest.mark.parametrize("kind", ["plain", "fragmented running on", "b-frames and aac"])
def test_chapters_change_no_packet(rig: Rig, segment_sets: dict[str, Path], kind: str) -> None:
    shutil.copytree(segment_sets[kind], rig.node(), dirs_exist_ok=True)
    rig.process(PLAIN)
    without = packets(rig.folder / FILE)
    assert chapters(rig.folder / FILE) == []
    rig.process(MARKED)
    assert chapters(rig.folder / FILE) == [(1.5, "Gate"), (5.25, "Mark 2")]
    assert packets(rig.folder / FILE) == without
    assert decode_errors(rig.folder / FILE) == ""


def put_all_into_matroska(rig: Rig) -> None:
    for path in rig.node().iterdir():
        put_into("matroska", path)


def test_chapters_of_a_remuxed_video(rig: Rig, segment_sets: dict[str, Path]) -> None:
    """One in another container can't be spliced; its chapters are the same."""
    shutil.copytree(segment_sets["plain"], rig.node(), dirs_exist_ok=True)
    put_all_into_matroska(rig)
    rig.process(PLAIN)
    assert rig.source()["method"] == "remux"
    without = packets(rig.folder / FILE)["video"]
    rig.process(MARKED)
    assert chapters(rig.folder / FILE) == [(1.5, "Gate"), (5.25, "Mark 2")]
    assert packets(rig.folder / FILE)["video"] == without


@pytest.mark.parametrize("method", ["splice", "remux"])
def test_a_joined_video_says_what_it_is_and_when_it_was_taken(
    rig: Rig, segment_sets: dict[str, Path], method: str
) -> None:
    shutil.copytree(segment_sets["plain"], rig.node(), dirs_exist_ok=True)
    if method == "remux":
        put_all_into_matroska(rig)
    rig.process(PLAIN)
    assert rig.source()["method"] == method
    command = ["ffprobe", "-v", "error", "-show_format", "-of", "json", str(rig.folder / FILE)]
    done = subprocess.run(command, capture_output=True, check=True)
    tags = json.loads(done.stdout)["format"]["tags"]
    assert tags["title"] == f"cam-a, session {UUID}"
    assert tags["creation_time"] == "2026-04-16T04:28:34.000000Z"


@pytest.mark.parametrize("kind", ["plain", "fragmented running on", "b-frames and aac"])
@pytest.mark.parametrize("method", ["splice", "remux"])
def test_a_real_video_ends_at_the_stop(
    rig: Rig, segment_sets: dict[str, Path], kind: str, method: str
) -> None:
    """Eight seconds of film, of which the session has five, in either way of joining."""
    shutil.copytree(segment_sets[kind], rig.node(), dirs_exist_ok=True)
    if method == "remux":
        put_all_into_matroska(rig)
    rig.process(PLAIN)
    whole = packets(rig.folder / FILE)["video"]
    stopped = session(TOLD, stopped_at_ms=START_MS + 5000)
    assert rig.process(stopped).exit_code == 0
    source = rig.source()
    assert source["method"] == method
    assert source["duration_s"] == pytest.approx(5, abs=0.1)
    assert [p["code"] for p in source["problems"] if p["harms"]] == []
    assert "after_stop" in [p["code"] for p in source["problems"]]
    assert source["after_stop"] == ["seg_0003.mp4"]
    assert "the end of seg_0002.mp4" in next(
        p["text"] for p in source["problems"] if p["code"] == "after_stop"
    )
    kept = packets(rig.folder / FILE)["video"]
    assert len(kept) == source["frames"]
    assert kept == whole[: len(kept)]
    assert decode_errors(rig.folder / FILE) == ""
