import subprocess
from pathlib import Path

import pytest
from tests.unit.camera.recordings import START_MS, UUID, write_segment, write_session

from ctlr.camera.spool import Spool
from ctlr.kernel.hashing import hash_file

OTHER = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    return spool


def test_a_finished_segment_has_both_its_files_with_size_and_hash(spool: Spool) -> None:
    folder = write_session(spool.root)
    write_segment(folder, 0)
    files = folder.finished_files()
    assert [file.name for file in files] == ["seg_0000.frames.csv", "seg_0000.mp4"]
    for file in files:
        assert file.size == (folder.path / file.name).stat().st_size
        assert file.xxh128 == hash_file(folder.path / file.name)[1]


def test_the_checksums_are_those_of_xxhsum(spool: Spool) -> None:
    folder = write_session(spool.root)
    write_segment(folder, 0)
    check = ["xxhsum", "--check", "--strict", ".checksums.xxh128"]
    subprocess.run(check, cwd=folder.path, check=True, capture_output=True)


def test_a_file_without_a_listed_hash_is_hashed(spool: Spool) -> None:
    folder = write_session(spool.root)
    (folder.path / "clock.csv").write_text("a,b\n")
    (file,) = folder.finished_files()
    assert file.xxh128 == hash_file(folder.path / "clock.csv")[1]


def test_the_hash_is_kept_even_if_the_file_changes(spool: Spool) -> None:
    folder = write_session(spool.root)
    write_segment(folder, 0)
    before = folder.finished_files()[1].xxh128
    video = folder.path / "seg_0000.mp4"
    video.write_bytes(bytes(video.stat().st_size))
    assert folder.finished_files()[1].xxh128 == before


def test_delivered_segments_still_count(spool: Spool) -> None:
    folder = write_session(spool.root)
    write_segment(folder, 0)
    write_segment(folder, 1, from_frame=10)
    folder.remove(file.name for file in folder.finished_files())
    assert folder.finished_files() == []
    assert folder.segments_made() == 2


def test_a_torn_line_of_the_checksums_is_no_checksum(spool: Spool) -> None:
    folder = write_session(spool.root)
    write_segment(folder, 0)
    with open(folder.path / ".checksums.xxh128", "a") as checksums:
        checksums.write("0123456789abcdef  seg_0000.mp4")
    assert folder.finished_files()[1].xxh128 == hash_file(folder.path / "seg_0000.mp4")[1]


def test_sessions_are_listed_newest_first_and_strange_folders_are_not(spool: Spool) -> None:
    write_session(spool.root)
    newer, _ = spool.begin(OTHER, START_MS + 1)
    (spool.root / "lost+found").mkdir()
    (spool.root / "notes.txt").touch()
    assert [folder.uuid for folder, _ in spool.sessions()] == [newer.uuid, UUID]


def test_a_delivered_session_is_remembered_without_its_folder(spool: Spool) -> None:
    folder = write_session(spool.root, stopped_at=START_MS + 5000, ended="stopped")
    write_segment(folder, 0)
    spool.mark_delivered(folder)
    assert not folder.path.exists()
    assert list(spool.sessions()) == []
    record = spool.find_record(UUID)
    assert record is not None
    assert (record.segments, record.ended) == (1, "stopped")


def test_a_session_taken_up_again_keeps_its_origin_and_its_numbers(spool: Spool) -> None:
    folder = write_session(spool.root, ended="interrupted")
    write_segment(folder, 0)
    spool.mark_delivered(folder)
    again, record = spool.begin(UUID, START_MS + 60_000)
    assert record.start_at == START_MS
    assert record.ended is None
    assert again.segments_made() == 1


def test_a_card_that_is_new_to_the_session_counts_on_from_what_is_told(spool: Spool) -> None:
    folder, _ = spool.begin(UUID, START_MS, first_segment=5)
    assert (folder.segments_made(), folder.next_segment()) == (5, 5)
    write_segment(folder, 5)
    assert folder.segments_made() == 6
    spool.begin(UUID, START_MS, first_segment=3)
    assert folder.next_segment() == 6


@pytest.mark.parametrize("told_ms", [START_MS - 60_000, START_MS + 60_000])
def test_a_session_without_a_frame_begins_no_later_than_it_is_told(
    spool: Spool, told_ms: int
) -> None:
    write_session(spool.root)
    assert spool.begin(UUID, told_ms)[1].start_at == min(START_MS, told_ms)


def test_a_session_taken_up_again_is_not_put_away(spool: Spool) -> None:
    write_session(spool.root, ended="interrupted")
    folder, _ = spool.begin(UUID, START_MS + 60_000)
    spool.mark_delivered(folder)
    assert folder.path.exists()


def test_a_record_that_cannot_be_read_counts_as_none(spool: Spool) -> None:
    folder = write_session(spool.root)
    (folder.path / ".session.json").write_bytes(b"\0\0\0")
    assert folder.read_record() is None
    assert list(spool.sessions()) == []
