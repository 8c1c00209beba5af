"""The manifest's shapes: the committed schema, older manifests, what tools of today rely on."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from tests.unit.postprocess.mp4 import Film
from tests.unit.postprocess.rig import START_MS, UUID, Rig, session

from ctlr.postprocess.manifest import document as manifests
from ctlr.postprocess.manifest.can import CanSource
from ctlr.postprocess.manifest.document import json_schema
from ctlr.postprocess.manifest.shapes import FailedSource, FilesSource, VideoSource
from ctlr.sessions.model import SessionNode

SCHEMA = Path(__file__).parents[4] / "docs" / "reference" / "manifest.schema.json"

FIRST_MANIFEST: dict[str, Any] = {
    "uuid": UUID,
    "folder": "2026-04-14_abc123",
    "started_at": 1776313714000,
    "stopped_at": 1776314000000,
    "processed_at": "2026-04-14T10:40:00.123456",
    "sources": {
        "melb-01-cam-01": {"file": "melb-01-cam-01.mp4", "segments": 5, "size_mb": 125.3},
        "phone": {"files": ["accelerometer.csv", "gyroscope.csv", "gps.csv"]},
        "can": {"file": "can_raw.csv", "frames": 121497},
        "melb-01-cam-02": {"error": "concat failed"},
    },
}


def test_the_committed_schema_is_that_of_the_code() -> None:
    """If this fails and the change is meant: ``python -m ctlr.postprocess.manifest.document > SCHEMA``."""
    assert json.loads(SCHEMA.read_text()) == json_schema()


@pytest.fixture
def made(rig: Rig) -> dict[str, Any]:
    rig.record()
    rig.record("cam-b", numbers=range(2, 4), film=Film(width=320))
    rig.record("cam-b", numbers=range(2))
    rig.record("cam-d", numbers=range(1))
    (rig.node("cam-d") / "seg_0000.mp4").write_bytes(b"")
    (rig.node() / "seg_0001.mp4").unlink()
    rig.upload("gps.csv")
    rig.upload("watch/heart_rate.csv")
    (rig.logging / "can").mkdir()
    (rig.logging / "can" / "raw.csv").write_text(f"ts_ms,id,len,hex\n{START_MS},1A0,1,00\n")
    nodes = (SessionNode("cam-a", started=True), SessionNode("cam-c", started=True))
    assert rig.process(session(*nodes)).exit_code == 3
    return rig.manifest()


def test_a_real_manifest_fits_the_schema(made: dict[str, Any]) -> None:
    jsonschema_rs.Draft202012Validator(json_schema()).validate(made)


def test_the_keys_that_tools_rely_on(made: dict[str, Any]) -> None:
    assert made["uuid"] == made["folder"] == UUID
    assert (made["started_at"], made["stopped_at"]) == (START_MS, START_MS + 4000)
    assert made["processed_at"].endswith("Z")
    sources = made["sources"]
    assert {"file", "segments", "size_mb"} <= sources["cam-a"].keys()
    assert sources["phone"]["files"] == ["gps.csv"]
    assert sources["watch"]["files"] == ["heart_rate.csv"]
    assert sources["can"].items() >= {"file": "can_raw.csv", "frames": 1}.items()
    assert sources["cam-c"]["error"]
    assert sources["cam-d"]["error"]
    assert (made["complete"], made["missing"]) == (False, ["cam-c"])
    assert made["sync"]["verdict"] == "unknown"
    assert {entry["path"] for entry in made["files"]} == {
        "cam-a.mp4",
        "cam-b.mp4",
        "cam-b.part2.mp4",
        "can_raw.csv",
        "phone/gps.csv",
        "watch/heart_rate.csv",
    }


def test_writing_and_reading_changes_nothing(made: dict[str, Any]) -> None:
    manifest = manifests.read(json.dumps(made).encode())
    kinds = {node: type(source) for node, source in manifest.sources.items()}
    assert kinds == {
        "cam-a": VideoSource,
        "cam-b": VideoSource,
        "cam-c": FailedSource,
        "cam-d": FailedSource,
        "phone": FilesSource,
        "watch": FilesSource,
        "can": CanSource,
    }
    assert json.loads(manifests.write(manifest)) == made


def test_a_folder_of_the_first_tools_is_left_as_it_is(rig: Rig) -> None:
    """Its manifest lists no hashes, so nothing in it can be told from what we would make."""
    rig.record()
    rig.folder.mkdir()
    (rig.folder / "manifest.json").write_text(json.dumps(FIRST_MANIFEST))
    (rig.folder / "cam-a.mp4").write_bytes(b"made by an earlier tool")
    outcome = rig.process()
    assert outcome.manifest == rig.sync / f"{UUID}-2" / "manifest.json"
    assert (rig.folder / "cam-a.mp4").read_bytes() == b"made by an earlier tool"
