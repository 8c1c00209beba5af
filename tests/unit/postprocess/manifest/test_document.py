"""``manifest.json`` as people and their scripts read it."""

import json
from typing import Any

import pytest
from tests.unit.postprocess.rig import START_MS, UUID, Rig, session

from ctlr.postprocess.folder.manifest_file import manifest_fault, read_checksums, write_manifest
from ctlr.postprocess.folder.read_back import verify_folder
from ctlr.postprocess.folder.verify import verify_session
from ctlr.postprocess.manifest import document
from ctlr.postprocess.manifest.can import CanMessage, CanSignals, CanSource
from ctlr.postprocess.manifest.shapes import FailedSource, FileEntry, Manifest, VideoSource
from ctlr.sessions.model import SessionNode

VIDEO = VideoSource(
    file="inputs.mp4", segments=1, size_mb=1.0, bytes=1 << 20, frames=108_000, duration_s=3600.0,
    codec="h264", width=1280, height=720, fps=30.0, inputs="aa", told="bb",
)  # fmt: skip
MESSAGE = CanMessage(message="Vehicle", file="can/Vehicle.csv", id="1A0", frames=3, signals={"told": "km/h"})  # fmt: skip
MANIFEST = Manifest(
    uuid=UUID, folder=UUID, started_at=START_MS, stopped_at=START_MS + 3_600_000,
    processed_at="2026-04-14T12:00:00.000Z", label="lap 1, dry", measured="cc",
    sources={
        "inputs": VIDEO,  # names of people's own, which are no keys
        "can": CanSource(file="can_raw.csv", frames=3, signals=CanSignals(databases=("a.dbc",), messages=(MESSAGE,), inputs="dd")),
        "told": FailedSource(error="it did not start"),
    },
    missing=("told",), complete=False,
    files=(FileEntry(path="a/b~c.csv", bytes=1, xxh128=None, inputs="ee"),),
)  # fmt: skip


def written(manifest: Manifest = MANIFEST) -> dict[str, Any]:
    return dict(json.loads(document.write(manifest)))


def test_it_begins_with_words_and_ends_with_what_the_next_run_needs() -> None:
    keys = list(written())
    assert keys[0] == "summary"
    assert keys[-1] == "next_run"
    assert written()["next_run"] == {
        "/sources/inputs/inputs": "aa",
        "/sources/can/signals/inputs": "dd",
        "/sources/told/inputs": None,
        "/measured": "cc",
        "/files/0/inputs": "ee",
    }
    assert "aa" not in json.dumps({k: v for k, v in written().items() if k != "next_run"})


def test_names_of_people_stay_where_they_are() -> None:
    made = written()
    assert made["sources"]["inputs"]["file"] == "inputs.mp4"
    assert made["sources"]["inputs"]["told"] == "bb"
    assert made["sources"]["can"]["signals"]["messages"][0]["signals"] == {"told": "km/h"}


def test_what_is_written_is_read() -> None:
    back = document.read(document.write(MANIFEST))
    kept = {"summary": None, "start_time": None, "end_time": None}
    assert back.model_copy(update=kept) == MANIFEST
    assert document.write(back) == document.write(MANIFEST)


def test_a_manifest_of_the_first_release_is_read() -> None:
    """It has what the next run needs in its places."""
    first = json.loads(MANIFEST.model_dump_json())
    for key in ("summary", "start_time", "end_time", "replaces"):
        del first[key]
    assert document.read(json.dumps(first).encode()) == MANIFEST


def test_one_of_a_later_version_is_read() -> None:
    later = written() | {"manifest_version": 9, "weather": {"rain": True}}
    later["sources"]["inputs"]["exposure"] = {"told": 1}
    back = document.read(json.dumps(later).encode())
    assert json.loads(document.write(back))["weather"] == {"rain": True}
    assert json.loads(document.write(back))["sources"]["inputs"]["exposure"] == {"told": 1}


@pytest.mark.parametrize("text", ["", "[]", '"text"', "null", '{"uuid": 1}'])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"valid|Expecting"):
        document.read(text.encode())


def test_a_pointer_to_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="/files/9/inputs"):
        document.read(json.dumps(written() | {"next_run": {"/files/9/inputs": "x"}}).encode())


def test_the_summary_says_it_in_words() -> None:
    summary = written()["summary"]
    assert (
        summary["recorded"] == "“lap 1, dry”, recorded 2026-04-16 04:28:34 UTC, 1 h 0 min 0 s long."
    )
    assert summary["whole"] == "Something is missing: told: it did not start."
    assert summary["proof"] == "Not yet read back from the drive."
    assert summary["sources"]["inputs"] == "108000 frames in 1 h 0 min 0 s, 1280 x 720, no gap"
    assert summary["sources"]["can"] == "3 frames, 1 messages decoded"
    assert summary["sources"]["told"] == "nothing: it did not start"
    assert (written()["start_time"], written()["end_time"]) == (
        "2026-04-16T04:28:34.000Z",
        "2026-04-16T05:28:34.000Z",
    )


def test_an_instant_that_no_calendar_knows_stops_nothing() -> None:
    odd = MANIFEST.model_copy(update={"started_at": 10**17, "verified_at": 10**17})
    assert written(odd)["start_time"] is None
    assert "no calendar knows" in written(odd)["summary"]["recorded"]


@pytest.fixture
def verified(rig: Rig) -> Rig:
    rig.record()
    rig.process(session(SessionNode("cam-a", started=True)))
    assert verify_session(rig.settings, UUID, lambda _: None).exit_code == 0
    return rig


def code(rig: Rig) -> int:
    return verify_folder(rig.folder, lambda _: None).exit_code


def test_the_manifest_is_in_the_list_of_hashes(verified: Rig) -> None:
    assert "manifest.json" in read_checksums(verified.folder)
    assert code(verified) == 0
    path = verified.folder / "manifest.json"
    path.write_text(path.read_text().replace('"complete": true', '"complete": true '))
    outcome = verify_folder(verified.folder, lambda _: None)
    assert outcome.exit_code == 3
    assert "manifest.json differs from its hash in checksums.xxh128" in outcome.summary


def test_power_that_is_cut_between_manifest_and_list_damages_nothing(verified: Rig) -> None:
    sums = verified.folder / "checksums.xxh128"
    before = sums.read_bytes()
    manifest = document.read((verified.folder / "manifest.json").read_bytes())
    noted = write_manifest(verified.folder, manifest.model_copy(update={"notes": "fog"}))
    assert sums.read_bytes() != before
    sums.write_bytes(before)
    assert manifest_fault(verified.folder, noted) is None
    assert code(verified) == 0


def test_a_list_of_the_first_release_has_no_line_of_it(verified: Rig) -> None:
    sums = verified.folder / "checksums.xxh128"
    lines = [line for line in sums.read_text().splitlines(keepends=True) if "manifest" not in line]
    sums.write_text("".join(lines))
    assert code(verified) == 0


def test_a_new_revision_has_no_list_until_it_is_read_back(verified: Rig) -> None:
    verified.upload("late.csv")
    assert verified.process(session(SessionNode("cam-a", started=True))).revision == 2
    assert not (verified.folder / "checksums.xxh128").exists()
    assert verify_session(verified.settings, UUID, lambda _: None).exit_code == 0
    assert set(read_checksums(verified.folder)) == {"cam-a.mp4", "phone/late.csv", "manifest.json"}
