"""The certificate of a session made from its files: what ends up in the manifest, and when."""

import pytest
from tests.unit.postprocess.rig import START_MS, UUID, Rig, session

from ctlr.postprocess.manifest import document as manifests
from ctlr.postprocess.run.proof import NO_RECORD
from ctlr.sessions.model import ClockSample, Session, SessionNode

NAMES = ("cam-a", "cam-b", "cam-c")
PERIOD_US = 33_333


def record(rig: Rig, name: str, ahead_ms: float = 0, phase_us: int = 0, late: int = 0) -> None:
    """Four segments of 1 s (the first ``late`` ones left out), stamped by a clock that is ahead."""
    rig.record(name, range(4 - late))
    for number in range(4 - late):
        first_us = round((START_MS + ahead_ms + (number + late) * 1000) * 1000) + phase_us
        rows = (f"{n},{n * PERIOD_US},{first_us + n * PERIOD_US}\n" for n in range(30))
        text = "frame,pts_us,captured_at_us\n" + "".join(rows)
        (rig.node(name) / f"seg_{number:04d}.frames.csv").write_text(text)


def told(**ahead_ms: float) -> Session:
    """A record of cameras whose clocks were so far ahead, known to ± 0.4 ms."""
    clocks = {
        f"cam-{key}": tuple(ClockSample(START_MS + s * 1000, ms, 0.4) for s in (-1, 2, 5))
        for key, ms in ahead_ms.items()
    }
    nodes = (
        SessionNode(name, started=True, start_at_ms=START_MS, segments_total=4, complete=True)
        for name in clocks
    )
    return session(*nodes, clocks=clocks)


def test_shifted_clocks_are_corrected(rig: Rig) -> None:
    record(rig, "cam-a")
    record(rig, "cam-b", ahead_ms=2000, phase_us=3_000)
    record(rig, "cam-c", ahead_ms=-700)
    rig.process(told(a=0, b=2000, c=-700))
    found = manifests.read((rig.folder / "manifest.json").read_bytes())
    assert found.sync.verdict == "pass"
    assert found.sync.worst_ms == pytest.approx(3.0, abs=0.01)
    assert found.sync.cameras["cam-b"].first_frame_from_start_ms == pytest.approx(3.0, abs=0.01)
    assert found.clock["cam-b"].start.offset_ms == 2000
    assert [pair.cameras for pair in found.sync.pairs] == [
        ("cam-a", "cam-b"),
        ("cam-a", "cam-c"),
        ("cam-b", "cam-c"),
    ]


def test_a_wrong_offset_shows(rig: Rig) -> None:
    """The same files, but the record says that all clocks were right."""
    for name, ahead_ms in zip(NAMES, (0, 12, 0), strict=True):
        record(rig, name, ahead_ms=ahead_ms)
    rig.process(told(a=0, b=0, c=0))
    sync = manifests.read((rig.folder / "manifest.json").read_bytes()).sync
    assert (sync.verdict, sync.worst_ms) == ("pass", 12.0)
    tight = rig.settings.model_copy(
        update={"sync": rig.settings.sync.model_copy(update={"tolerance_ms": 5})}
    )
    rig.settings = tight
    assert rig.process(told(a=0, b=0, c=0)).revision == 2
    assert rig.manifest()["sync"]["verdict"] == "fail"


def test_a_late_joiner_passes_and_says_how_late(rig: Rig) -> None:
    record(rig, "cam-a")
    record(rig, "cam-b", late=2)
    rig.process(told(a=0, b=0))
    sync = rig.manifest()["sync"]
    assert sync["verdict"] == "pass"
    assert sync["cameras"]["cam-b"]["first_frame_from_start_ms"] == 2000
    assert sync["pairs"][0]["frames"] == 2 * 60


def test_a_clock_that_was_never_measured(rig: Rig) -> None:
    for name in NAMES:
        record(rig, name)
    rig.process(told(a=0, b=0))
    sync = rig.manifest()["sync"]
    assert sync["verdict"] == "unknown"
    assert "cam-c: its clock was never measured" in sync["text"]
    assert "unknown_because" in sync["cameras"]["cam-c"]


def test_a_camera_without_frame_times(rig: Rig) -> None:
    record(rig, "cam-a")
    rig.record("cam-b")
    rig.process(told(a=0, b=0))
    sync = rig.manifest()["sync"]
    assert sync["verdict"] == "unknown"
    assert "cam-b: it left no frame times" in sync["text"]


def test_without_a_record(rig: Rig) -> None:
    record(rig, "cam-a")
    assert rig.process().exit_code == 0
    assert rig.manifest()["sync"]["text"] == NO_RECORD
    assert rig.manifest()["clock"] == {}


def test_a_later_run_without_the_record_keeps_what_was_proved(rig: Rig) -> None:
    record(rig, "cam-a")
    record(rig, "cam-b")
    rig.process(told(a=0, b=0))
    before = rig.manifest()
    assert rig.process().revision == 2  # it knows of no stop
    after = rig.manifest()
    assert [after[key] for key in ("sync", "clock")] == [before[key] for key in ("sync", "clock")]
    assert after["next_run"]["/measured"] == before["next_run"]["/measured"] != ""


def test_new_frames_without_the_record_are_not_vouched_for(rig: Rig) -> None:
    record(rig, "cam-a")
    record(rig, "cam-b")
    late = (rig.node("cam-b") / "seg_0003.mp4").read_bytes()
    (rig.node("cam-b") / "seg_0003.mp4").unlink()
    rig.process(told(a=0, b=0))
    (rig.node("cam-b") / "seg_0003.mp4").write_bytes(late)
    rig.process()
    after = rig.manifest()
    assert after["sync"]["text"] == NO_RECORD
    assert after["clock"]["cam-a"]["samples"] == 3


def test_other_samples_are_another_revision_and_no_other_video(rig: Rig) -> None:
    for name in NAMES:
        record(rig, name)
    rig.process(told(a=0, b=0, c=0))
    video = (rig.folder / "cam-a.mp4").stat()
    assert not rig.process(told(a=0, b=0, c=0)).changed
    assert rig.process(told(a=0, b=0, c=1.5)).revision == 2
    assert (rig.folder / "cam-a.mp4").stat().st_mtime_ns == video.st_mtime_ns
    assert rig.manifest()["sync"]["worst_ms"] == 1.5


def test_frame_times_that_cannot_be_read_are_no_reason_to_have_nothing(rig: Rig) -> None:
    record(rig, "cam-a")
    record(rig, "cam-b")
    rig.process(told(a=0, b=0))
    times = rig.folder / "cam-a.frames.csv"
    times.write_text("frame,pts_us,captured_at_us\n1,2,never\n".ljust(times.stat().st_size))
    assert rig.process(told(a=0, b=0.1)).exit_code == 0
    assert rig.manifest()["sync"]["text"].startswith(
        "Whether the cameras were in step is not known"
    )
    assert UUID in rig.listing()
