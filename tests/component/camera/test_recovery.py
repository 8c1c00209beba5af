import json
import struct
import subprocess
from pathlib import Path

import av
import pytest
from tests.unit.camera.recordings import (
    START_MS,
    UUID,
    write_segment,
    write_session,
    write_unfinished,
)

from ctlr.camera.record import SessionRecord
from ctlr.camera.recovery import recover_segments, recover_spool
from ctlr.camera.segments import unfinished_frames_name, unfinished_name
from ctlr.camera.spool import SessionFolder, Spool
from ctlr.kernel.hashing import hash_file
from ctlr.layout.frame_times import parse_rows

DAY_LATER_MS = START_MS + 24 * 3_600_000
SOON_MS = START_MS + 60_000
LONGEST_H = 12


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    return spool


def _video_pts_us(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        times = [packet.pts for packet in container.demux(stream)]
        return [round(pts * stream.time_base * 1_000_000) for pts in times if pts is not None]


def _assert_consistent(folder: SessionFolder, number: int, first_frame: int) -> int:
    """The segment is visible, decodes without a word, and its rows are its frames."""
    video = folder.path / f"seg_{number:04d}.mp4"
    rows = parse_rows((folder.path / f"seg_{number:04d}.frames.csv").read_text())
    assert [row.pts_us for row in rows] == _video_pts_us(video)
    assert [row.frame for row in rows] == list(range(first_frame, first_frame + len(rows)))
    assert all(row.captured_at_us == START_MS * 1000 + row.pts_us for row in rows)
    decode = ["ffmpeg", "-v", "error", "-i", str(video), "-f", "null", "-"]
    assert subprocess.run(decode, capture_output=True, check=True).stderr == b""
    return len(rows)


@pytest.mark.parametrize("tenths", range(2, 11, 2))
def test_a_segment_cut_off_anywhere_is_recovered_up_to_its_last_second(
    tenths: int, spool: Spool
) -> None:
    folder = write_session(spool.root)
    write_unfinished(folder, 0, frames=50)
    video = folder.path / unfinished_name(0)
    size = video.stat().st_size
    with open(video, "r+b") as file:
        file.truncate(size * tenths // 10)

    recover_spool(spool, DAY_LATER_MS, LONGEST_H)

    frames = _assert_consistent(folder, 0, first_frame=0)
    assert frames >= 50 * tenths // 10 - 11  # 10 fps, and a little for uneven frame sizes
    assert [file.name for file in folder.finished_files()] == [
        "events.json",
        "seg_0000.frames.csv",
        "seg_0000.mp4",
    ]
    record = folder.read_record()
    assert record is not None
    assert (record.ended, record.segments) == ("interrupted", 1)


def test_frame_times_that_did_not_reach_the_card_are_written_again(spool: Spool) -> None:
    folder = write_session(spool.root)
    write_segment(folder, 0, frames=20)
    write_unfinished(folder, 1, frames=20, from_frame=20)
    (folder.path / unfinished_frames_name(1)).write_text("frame,pts_us,captured_at_us\n20,20")
    recover_spool(spool, DAY_LATER_MS, LONGEST_H)
    assert _assert_consistent(folder, 1, first_frame=20) == 20


def test_frame_numbers_are_estimated_when_the_segment_before_has_left(spool: Spool) -> None:
    folder = write_session(spool.root)
    write_unfinished(folder, 1, frames=20, from_frame=20)
    (folder.path / unfinished_frames_name(1)).unlink()
    recover_spool(spool, DAY_LATER_MS, LONGEST_H)
    assert _assert_consistent(folder, 1, first_frame=20) == 20


def test_a_crash_between_the_two_renames(spool: Spool) -> None:
    folder = write_session(spool.root)
    write_unfinished(folder, 0, frames=20)
    (folder.path / unfinished_frames_name(0)).rename(folder.path / "seg_0000.frames.csv")
    recover_spool(spool, DAY_LATER_MS, LONGEST_H)
    assert _assert_consistent(folder, 0, first_frame=0) == 20
    assert not list(folder.path.glob("*.part"))


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"not a video"])
def test_an_unfinished_segment_without_a_picture_is_removed_and_its_number_is_free(
    content: bytes, spool: Spool
) -> None:
    folder = write_session(spool.root)
    write_segment(folder, 0)
    (folder.path / unfinished_name(1)).write_bytes(content)
    (folder.path / unfinished_frames_name(1)).touch()
    recover_spool(spool, DAY_LATER_MS, LONGEST_H)
    assert not list(folder.path.glob(".seg*"))
    assert folder.segments_made() == 1


def test_what_cannot_be_recovered_is_kept_and_does_not_hinder_the_rest(spool: Spool) -> None:
    folder = write_session(spool.root)
    broken = struct.pack(">I4s", 8, b"moof") + struct.pack(">I4s", 8, b"mdat")
    (folder.path / unfinished_name(0)).write_bytes(broken)
    write_unfinished(folder, 1, frames=10)
    recover_segments(folder)
    assert (folder.path / unfinished_name(0)).read_bytes() == broken
    assert _assert_consistent(folder, 1, first_frame=0) == 10


def test_a_recording_that_was_told_to_stop_counts_as_stopped(spool: Spool) -> None:
    folder = write_session(spool.root, stopped_at=START_MS + 4000)
    write_unfinished(folder, 0, frames=10)
    recover_spool(spool, DAY_LATER_MS, LONGEST_H)
    record = folder.read_record()
    assert record is not None
    assert record.ended == "stopped"


def test_a_lost_record_is_made_again_from_the_frame_times(spool: Spool) -> None:
    folder = write_session(spool.root)
    write_segment(folder, 0)
    (folder.path / ".session.json").unlink()
    recover_spool(spool, DAY_LATER_MS, LONGEST_H)
    record = folder.read_record()
    assert record is not None
    assert (record.start_at, record.ended, record.segments) == (START_MS, "interrupted", 1)


def test_the_newest_recording_that_was_not_told_to_stop_goes_on(spool: Spool) -> None:
    older = write_session(spool.root, "11111111-9d4a-4c6b-8f0e-1a2b3c4d5e6f")
    write_session(spool.root, "22222222-9d4a-4c6b-8f0e-1a2b3c4d5e6f", stopped_at=SOON_MS)
    folder = SessionFolder(spool.root / UUID)
    folder.write_record(SessionRecord(uuid=UUID, start_at=START_MS + 1000))
    write_unfinished(folder, 0, frames=10, from_frame=10)

    owed = recover_spool(spool, SOON_MS, LONGEST_H)

    assert owed == folder.read_record()
    assert owed is not None
    assert (owed.uuid, owed.ended, owed.segments) == (UUID, None, 1)
    assert [event.kind for event in owed.events] == ["recovered"]
    assert "seg_0000.mp4" in owed.events[0].text
    assert not (folder.path / "events.json").exists()  # there may be more to come
    given_up = older.read_record()
    assert given_up is not None
    assert given_up.ended == "interrupted"


def test_a_recording_that_nobody_waits_for_any_more_is_over_and_says_what_befell_it(
    spool: Spool,
) -> None:
    folder = write_session(spool.root)
    write_unfinished(folder, 0, frames=10)
    assert recover_spool(spool, START_MS + LONGEST_H * 3_600_000, LONGEST_H) is None
    told = json.loads((folder.path / "events.json").read_text())
    assert told["uuid"] == UUID
    assert [event["kind"] for event in told["events"]] == ["recovered"]
    assert folder.finished_files()[0].name == "events.json"
    assert folder.finished_files()[0].xxh128 == hash_file(folder.path / "events.json")[1]


def test_recovering_twice_changes_nothing(spool: Spool) -> None:
    folder = write_session(spool.root)
    write_unfinished(folder, 0, frames=10)
    recover_spool(spool, DAY_LATER_MS, LONGEST_H)
    before = (folder.finished_files(), folder.read_record())
    recover_spool(spool, DAY_LATER_MS, LONGEST_H)
    assert (folder.finished_files(), folder.read_record()) == before
