"""A take in words: its card, the list, its detail."""

from typing import Any

import pytest
from tests.unit.page.facts import NOW, UUID

from ctlr.api import shapes
from ctlr.page.view import sessions
from ctlr.page.view.take import hole_text, holes, take
from ctlr.postprocess.manifest.shapes import (
    FileEntry,
    GapEntry,
    Manifest,
    ProblemEntry,
    VideoSource,
)
from ctlr.postprocess.manifest.sync import SyncSection


def video(**values: Any) -> VideoSource:
    usual = {
        "file": "cam-01.mp4", "segments": 3, "size_mb": 2.5, "bytes": 2_621_440, "frames": 300,
        "dropped": 0, "duration_s": 10.0, "codec": "h264", "width": 1280, "height": 720,
        "fps": 30.0, "inputs": "x",
    }  # fmt: skip
    return VideoSource(**{**usual, **values})


def manifest(**values: Any) -> Manifest:
    usual = {
        "uuid": UUID, "folder": UUID, "started_at": NOW, "stopped_at": NOW + 10_000,
        "processed_at": "2026-04-16T04:28:34Z", "sources": {"cam-01": video()},
        "sync": SyncSection(verdict="pass", text="All 2 cameras were in step."),
    }  # fmt: skip
    return Manifest(**{**usual, **values})


def detail(**values: Any) -> shapes.SessionDetail:
    usual = {
        "uuid": UUID, "folder": UUID, "created_at": NOW, "started_at": NOW,
        "stopped_at": NOW + 724_000, "state": "done", "cameras": ["cam-01"], "processed_at": None,
        "complete": True, "missing": [], "verified_at": NOW, "lacks": [], "label": None,
        "notes": None, "verdict": None, "binned_at": None, "bin_scope": None, "sources": {},
        "jobs": [], "why": None, "problems": [], "marks": [], "sync": None, "clock": None,
        "tables": {}, "truth": [],
    }  # fmt: skip
    return shapes.SessionDetail.model_validate({**usual, **values})


GAP = GapEntry(after_segment="seg_0002.mp4", expected_ms=18_700, reason="pause")
SHORT = GapEntry(after_segment=None, expected_ms=200, reason="missing, cut", estimated=True)


def figures(found: Any) -> dict[str, tuple[str, str]]:
    return {figure.name: (figure.text, figure.level) for figure in found.figures}


def test_a_whole_take() -> None:
    found = take(detail(), manifest())
    assert (found.verdict, found.level) == ("Complete and verified", "ok")
    assert figures(found) == {
        "Length": ("12:04", ""),
        "Worst gap": ("none", ""),
        "Step": ("All 2 cameras were in step.", ""),
        "Dropped frames": ("none", ""),
    }


def test_a_take_that_is_not_whole() -> None:
    source = video(gaps=(SHORT, GAP), dropped=1200)
    lack = {"source": "cam-01", "text": "cam-01: 2 gaps", "still_on": None, "files": None}
    found = take(detail(complete=False, lacks=[lack]), manifest(sources={"cam-01": source}))
    assert (found.verdict, found.level) == ("Not complete", "warn")
    assert figures(found)["Worst gap"] == (
        "cam-01: 18.7 s after seg_0002.mp4: the camera did not record for a while",
        "warn",
    )
    assert figures(found)["Dropped frames"] == ("cam-01 1,200", "warn")
    assert found.lacks == ("cam-01: 2 gaps.",)


def test_out_of_step_and_not_known_are_told_apart() -> None:
    for verdict, level in (("fail", "bad"), ("unknown", "warn")):
        sync = SyncSection.model_validate({"verdict": verdict, "text": "It is so."})
        assert figures(take(detail(), manifest(sync=sync)))["Step"] == ("It is so.", level)


def test_a_take_that_is_not_made_yet_claims_nothing() -> None:
    found = take(detail(complete=None, verified_at=None, why="It waits for cam-01."), None)
    assert (found.verdict, found.level) == ("It waits for cam-01", "")
    assert figures(found) == {"Length": ("12:04", "")}


def test_gaps_have_their_reasons_in_words() -> None:
    expected = "about 0.2 s at the start: the segment never arrived, the segment ends early"
    assert hole_text(SHORT) == expected
    found = holes(manifest(sources={"cam-01": video(gaps=(SHORT, GAP))}))
    assert [hole.camera for hole in found] == ["cam-01", "cam-01"]
    assert found[0].text.startswith("18.7 s")
    new = GapEntry(after_segment=None, expected_ms=1, reason="a new one")
    assert hole_text(new).endswith("a new one")


@pytest.mark.parametrize(
    ("values", "state", "level"),
    [
        ({}, "complete, verified", "ok"),
        ({"verified_at": None}, "complete", "ok"),
        ({"complete": False}, "not complete", "warn"),
        ({"complete": None, "state": "collecting"}, "coming in", ""),
        ({"complete": None, "state": "failed"}, "could not be joined", "bad"),
        ({"complete": None, "state": "recording"}, "recording", "rec"),
    ],
    ids=str,
)
def test_a_row_of_the_list(values: dict[str, Any], state: str, level: str) -> None:
    found = sessions.row(detail(**values))
    assert (found.state, found.level) == (state, level)
    assert found.name == "Take 3f2b8c1e"
    assert sessions.row(detail(label="lap 1", verdict="bad")).verdict == "bad take"


def test_the_detail_holds_everything_of_the_manifest() -> None:
    files = (FileEntry(path="cam-01.mp4", bytes=2_621_440, xxh128="0", inputs="x"),)
    problem = ProblemEntry(code="c", text="Two frames were late.")
    source = video(gaps=(GAP,), problems=(problem,))
    job = {
        "uuid": UUID, "state": "failed", "attempts": 2, "done_bytes": 0, "total_bytes": 0,
        "eta_s": None, "error": "the drive is full", "waiting_for": [],
    }  # fmt: skip
    found = sessions.detail(
        detail(jobs=[job], marks=[{"at_ms": NOW, "label": None}]),
        manifest(files=files, sources={"cam-01": source}),
    )
    assert [(file.path, file.size) for file in found.files] == [
        ("cam-01.mp4", "2.5 MB"),
        ("manifest.json", ""),
    ]
    assert found.problems == ((None, "cam-01: Two frames were late."),)
    assert found.jobs[0].can_retry
    assert found.jobs[0].text == "Failed. The drive is full."
    assert found.marks == ((NOW, ""),)
    assert found.sources[0][1] == "300 frames in 3 segments, 1280\u00d7720, 30 a second, 2.5 MB"


def test_the_next_page_begins_where_this_one_ends() -> None:
    rows = sessions.rows([detail(), detail(started_at=NOW - 5)])
    assert sessions.next_page(rows, 2) == NOW - 5
    assert sessions.next_page(rows, 3) is None
