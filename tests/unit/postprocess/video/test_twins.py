"""Two cameras that are one: their files are the same, and that is no good step."""

import json
import shutil
from pathlib import Path

import pytest
from tests.unit.postprocess.rig import START_MS, UUID, Rig

from ctlr.postprocess.run.planning import plan_session
from ctlr.sessions.model import ClockSample, Session, SessionNode, SessionState

CLOCK = tuple(ClockSample(START_MS + s * 1000, 0.0, 0.2) for s in range(6))
FACTS = Session(
    UUID,
    SessionState.COLLECTING,
    start_at_ms=START_MS,
    stopped_at_ms=START_MS + 4000,
    nodes=tuple(
        SessionNode(name, started=True, start_at_ms=START_MS, segments_total=4, complete=True)
        for name in ("cam-a", "cam-b")
    ),
    clocks={"cam-a": CLOCK, "cam-b": CLOCK},
)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    rig = Rig(tmp_path)
    rig.record("cam-a")
    rig.capture("cam-a")
    return rig


def process(rig: Rig) -> dict[str, object]:
    rig.process(FACTS)
    made: dict[str, object] = json.loads((rig.folder / "manifest.json").read_text())
    return made


def test_one_camera_under_two_names_is_said_and_not_certified(rig: Rig) -> None:
    shutil.copytree(rig.node("cam-a"), rig.node("cam-b"), dirs_exist_ok=True)
    manifest = json.loads(json.dumps(process(rig)))
    assert manifest["complete"] is False
    (problem,) = [p for p in manifest["problems"] if p["code"] == "same_pictures"]
    assert problem["text"].startswith(
        "cam-a and cam-b delivered the same file for 4 segments (seg_0000.mp4, seg_0001.mp4"
    )
    assert manifest["sync"]["verdict"] == "unknown"
    assert "cam-a: it delivered the same pictures as cam-b" in manifest["sync"]["text"]
    assert {name: video["frames"] for name, video in manifest["sources"].items()} == {
        "cam-a": 120,
        "cam-b": 120,
    }, "what there is is joined all the same"


def test_a_single_file_of_another_camera_is_found(rig: Rig) -> None:
    rig.record("cam-b")
    rig.capture("cam-b")
    shutil.copy(rig.node("cam-a") / "seg_0002.mp4", rig.node("cam-b") / "seg_0002.mp4")
    (twins,) = plan_session(rig.settings, UUID, FACTS).twins
    assert (twins.cameras, twins.segments) == (("cam-a", "cam-b"), ("seg_0002.mp4",))


def test_cameras_that_are_two_are_certified(rig: Rig) -> None:
    """Their files are as long as each other's, byte for byte, and differ in a few."""
    rig.record("cam-b")
    rig.capture("cam-b")
    one, other = (rig.node(name) / "seg_0000.mp4" for name in ("cam-a", "cam-b"))
    assert one.stat().st_size == other.stat().st_size
    manifest = process(rig)
    assert manifest["complete"] is True
    assert plan_session(rig.settings, UUID, FACTS).twins == ()


def test_a_file_that_cannot_be_read_is_no_twin(rig: Rig) -> None:
    rig.record("cam-b", numbers=range(1))
    (rig.node("cam-b") / "seg_0001.mp4").symlink_to(rig.logging / "nowhere")
    assert plan_session(rig.settings, UUID, FACTS).twins == ()
