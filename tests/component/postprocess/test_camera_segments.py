"""What our own camera node writes, joined: real encoder, virtual time."""

import shutil
from pathlib import Path

import pytest
from tests.component.postprocess.packets import decode_errors, packets
from tests.unit.camera.recordings import START_MS, write_segment, write_session
from tests.unit.postprocess.rig import Rig, session

from ctlr.sessions.model import SessionNode

FIRST_FRAME, FRAMES, FRAME_MS = 3, 20, 100
FIRST_AT_MS = START_MS + FIRST_FRAME * FRAME_MS


def record(rig: Rig, root: Path, numbers: tuple[int, ...]) -> None:
    """Segments of 2 s at 10 frames a second; the first frame comes 300 ms after the start."""
    spool = write_session(root / "spool")
    for number in numbers:
        write_segment(spool, number, frames=FRAMES, from_frame=FIRST_FRAME + number * FRAMES)
    for path in spool.path.glob("seg_*"):
        shutil.copy(path, rig.node() / path.name)


def check_times(rig: Rig) -> int:
    """Every frame is shown exactly as long after the first as it was captured after it."""
    rows = (rig.folder / "cam-a.frames.csv").read_text().splitlines()[1:]
    times = [tuple(map(int, row.split(",")[:3])) for row in rows]
    _, first_shown, first_captured = times[0]
    assert [number for number, _, _ in times] == list(range(len(times)))
    for _, shown, captured in times:
        assert shown - first_shown == captured - first_captured
    found = packets(rig.folder / "cam-a.mp4")["video"]
    assert [packet.shown_s for packet in found] == pytest.approx([s / 1e6 for _, s, _ in times])
    assert decode_errors(rig.folder / "cam-a.mp4") == ""
    return len(times)


def test_a_whole_recording(rig: Rig, tmp_path: Path) -> None:
    record(rig, tmp_path, (0, 1, 2))
    node = SessionNode("cam-a", started=True, segments_total=3)
    outcome = rig.process(session(node, start_at_ms=FIRST_AT_MS, stopped_at_ms=FIRST_AT_MS + 6_000))
    assert outcome.exit_code == 0, outcome.summary
    assert check_times(rig) == 3 * FRAMES
    source = rig.source()
    assert source["first_frame_at_us"] == FIRST_AT_MS * 1000
    assert (source["fps"], source["duration_s"], source["gaps"]) == (10.0, 6.0, [])


def test_a_late_first_frame(rig: Rig, tmp_path: Path) -> None:
    record(rig, tmp_path, (0, 1))
    node = SessionNode("cam-a", started=True, segments_total=2)
    assert rig.process(session(node, start_at_ms=START_MS)).exit_code == 3
    assert check_times(rig) == 2 * FRAMES
    source = rig.source()
    (gap,) = source["gaps"]
    assert (gap["after_segment"], gap["reason"], gap["expected_ms"]) == (None, "began late", 300)
    assert (source["duration_s"], source["dropped"]) == (4.3, 0)
    assert packets(rig.folder / "cam-a.mp4")["video"][0].shown_s == pytest.approx(0.3)


def test_one_cut_and_one_missing(rig: Rig, tmp_path: Path) -> None:
    record(rig, tmp_path, (0, 1, 2, 4))
    path = rig.node() / "seg_0002.mp4"
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    node = SessionNode("cam-a", started=True, segments_total=5)
    outcome = rig.process(
        session(node, start_at_ms=FIRST_AT_MS, stopped_at_ms=FIRST_AT_MS + 10_000)
    )
    assert outcome.exit_code == 3
    lost = 4 * FRAMES - check_times(rig)
    assert 0 < lost < FRAMES
    (gap,) = rig.source()["gaps"]
    assert (gap["reason"], gap["estimated"]) == ("cut, missing", False)
    assert gap["expected_ms"] == (lost + FRAMES) * FRAME_MS
