"""One verdict from all checks, and what to see to in words."""

from dataclasses import replace
from typing import Any

import pytest

from ctlr.postprocess.manifest.shapes import FailedSource, GapEntry, Manifest, VideoSource
from ctlr.postprocess.manifest.sync import SyncSection
from ctlr.rehearsal.rehearsal import choose_earlier
from ctlr.rehearsal.seen import Look, Seen, View
from ctlr.rehearsal.verdict import Verdict, judge
from ctlr.sessions.copies import SessionCopy
from ctlr.sessions.model import REHEARSAL, Session, SessionEvent, SessionNode, SessionState

NAMES = ("cam-01", "cam-02")
SESSION = Session("u", SessionState.DONE, nodes=tuple(SessionNode(n, started=True) for n in NAMES))
WELL = Look(0.45, 0.0, 0.01, 8.0)
EARLIER = "session 3f2b8c1e (morning)"


def video(name: str, **changes: Any) -> VideoSource:
    values: dict[str, Any] = {
        "file": f"{name}.mp4",
        "segments": 1,
        "size_mb": 3.0,
        "bytes": 3 << 20,
        "frames": 150,
        "dropped": 0,
        "duration_s": 5.0,
        "codec": "h264",
        "width": 1280,
        "height": 720,
        "fps": 30.0,
        "inputs": "",
    }
    return VideoSource(**values | changes)


def manifest(**sources: Any) -> Manifest:
    videos: dict[str, Any] = {name: video(name) for name in NAMES}
    return Manifest(
        uuid="u",
        folder="u",
        started_at=0,
        stopped_at=5000,
        processed_at="2026-04-14T10:00:00Z",
        sources=videos | {name.replace("_", "-"): found for name, found in sources.items()},
        sync=SyncSection(verdict="pass", text="In step within 4 ms."),
    )


def seen(**changes: Any) -> dict[str, Seen]:
    well = Seen(WELL, WELL, View("same", likeness=0.9))
    return {"cam-01": well, "cam-02": replace(well, **changes)}


def of(verdict: Verdict, name: str, camera: str | None = None) -> str:
    return next(c.result for c in verdict.checks if (c.name, c.camera) == (name, camera))


def test_all_is_well() -> None:
    verdict = judge(SESSION, manifest(), seen(), EARLIER)
    assert verdict.result == "pass"
    assert verdict.text == "All is well: 2 cameras recorded without a lost frame."
    assert {check.result for check in verdict.checks} == {"pass"}
    assert len(verdict.checks) == 1 + 5 * 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"look": replace(WELL, brightness=0.02)}, "cam-02 sees next to nothing"),
        ({"look": replace(WELL, dark=0.8)}, "is its cap on"),
        ({"look": replace(WELL, bright=0.5)}, "cam-02 is dazzled"),
        (
            {"look": replace(WELL, sharpness=2.0)},
            f"cam-02 is blurred: 25 % of the detail of {EARLIER}",
        ),
        (
            {"view": View("moved", 0.12, -0.004, 0.8)},
            f"cam-02 has moved: what it sees lies 12 % further right than in {EARLIER}.",
        ),
        ({"view": View("moved", -0.05, 0.1, 0.8)}, "lies 5 % further left and 10 % lower than"),
    ],
    ids=str,
)
def test_one_picture_that_is_not_well_fails_all(changes: dict[str, Any], words: str) -> None:
    verdict = judge(SESSION, manifest(), seen(**changes), EARLIER)
    assert verdict.result == "fail"
    assert words in verdict.text
    assert "cam-01" not in verdict.text


def test_what_cannot_be_told_fails_nothing() -> None:
    elsewhere = judge(SESSION, manifest(), seen(view=View("unlike")), EARLIER)
    assert (elsewhere.result, of(elsewhere, "view", "cam-02")) == ("pass", "unknown")
    assert of(elsewhere, "sharpness", "cam-02") == "unknown"
    first = judge(SESSION, manifest(), {name: Seen(WELL) for name in NAMES}, None)
    assert (first.result, of(first, "view", "cam-01")) == ("pass", "unknown")
    unseen = judge(SESSION, manifest(), {}, None)
    assert (unseen.result, of(unseen, "brightness", "cam-01")) == ("pass", "unknown")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (FailedSource(error="nothing came"), "cam-02 has recorded nothing"),
        (video("cam-02", dropped=3), "cam-02 has lost 3 frames."),
        (
            video("cam-02", gaps=(GapEntry(after_segment=None, expected_ms=400, reason="late"),)),
            "cam-02 has lost some frames.",
        ),
    ],
)
def test_what_is_missing_fails_it(source: Any, words: str) -> None:
    verdict = judge(SESSION, manifest(cam_02=source), seen(), EARLIER)
    assert verdict.result == "fail"
    assert words in verdict.text


def test_cameras_out_of_step_fail_it() -> None:
    apart = SyncSection(verdict="fail", text="cam-01 and cam-02 were 40 ms apart.")
    verdict = judge(SESSION, manifest().model_copy(update={"sync": apart}), seen(), EARLIER)
    assert (verdict.result, verdict.text) == ("fail", "cam-01 and cam-02 were 40 ms apart.")


def test_the_earlier_session_is_the_last_good_one() -> None:
    whole = SessionCopy(revision=1, complete=True)
    done = replace(SESSION, folder="f", nodes=())
    rehearsed = replace(done, uuid="r", events=(SessionEvent(0, REHEARSAL, ""),))
    bad, good = replace(done, uuid="b", verdict="bad"), replace(done, uuid="g", verdict="good")
    nobody = replace(done, uuid="n")
    assert choose_earlier([(rehearsed, whole), (bad, whole), (nobody, whole)]) == nobody
    assert choose_earlier([(nobody, None), (good, None)]) == good
    assert choose_earlier([(replace(good, folder=None), whole)]) is None
