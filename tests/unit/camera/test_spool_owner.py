"""A spool has one owner; what an earlier version left is taken over whole, whenever it is cut off."""

from pathlib import Path

import pytest

from ctlr.camera.record import SessionRecord
from ctlr.camera.spool import Spool
from ctlr.camera.spool_owner import (
    LOCK_NAME,
    SpoolInUseError,
    has_left_sessions,
    owned,
    take_over,
)

WAITING = "11111111-2222-4333-8444-555555555555"
DELIVERED = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"


async def test_the_second_is_told_whose_it_is(tmp_path: Path) -> None:
    async with owned(tmp_path, "cam-a"):
        with pytest.raises(SpoolInUseError, match=r"in use by the camera node cam-a \(process \d+"):
            async with owned(tmp_path, "cam-b", patience_s=0.1):
                pass
        assert (tmp_path / LOCK_NAME).read_text().startswith("cam-a ")
    async with owned(tmp_path, "cam-b", patience_s=0.1):
        assert (tmp_path / LOCK_NAME).read_text().startswith("cam-b ")


async def test_another_way_to_the_same_folder_is_the_same_spool(tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "card")
    async with owned(tmp_path / "card", "cam-a"):
        with pytest.raises(SpoolInUseError):
            async with owned(tmp_path / "link", "cam-b", patience_s=0.1):
                pass


async def test_a_lock_is_no_session(tmp_path: Path) -> None:
    async with owned(tmp_path, "cam-a"):
        assert list(Spool(tmp_path).sessions()) == []


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """The one spool of an earlier version: one session waits, one was delivered, one kept a file."""
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    for uuid in (WAITING, DELIVERED):
        spool.begin(uuid, 1_776_313_714_000)
    spool.folder(WAITING).path.joinpath("seg_0007.mp4").write_bytes(b"only copy")
    folder = spool.folder(DELIVERED)
    record = folder.read_record()
    assert record is not None
    folder.write_record(record.model_copy(update={"ended": "stopped", "segments": 31}))
    spool.mark_delivered(folder)
    kept = spool.root / ".kept" / WAITING
    kept.mkdir(parents=True)
    (kept / "seg_0003.mp4").write_bytes(b"broken")
    return spool.root


def check_all_is_there(spool: Path) -> None:
    new = Spool(spool)
    assert [folder.uuid for folder, _ in new.sessions()] == [WAITING]
    assert (spool / WAITING / "seg_0007.mp4").read_bytes() == b"only copy"
    assert (spool / ".kept" / WAITING / "seg_0003.mp4").read_bytes() == b"broken"
    delivered = new.find_record(DELIVERED)
    assert isinstance(delivered, SessionRecord)
    assert delivered.segments == 31, "it would be numbered from 0 again"


def test_what_an_earlier_version_left_is_taken_over(earlier: Path) -> None:
    assert has_left_sessions(earlier)
    moved = take_over(earlier, earlier / "cam-a")
    assert sorted(moved) == sorted([WAITING, WAITING, f"{DELIVERED}.json"])
    check_all_is_there(earlier / "cam-a")
    assert not has_left_sessions(earlier)
    assert take_over(earlier, earlier / "cam-a") == []


@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_a_power_cut_leaves_the_rest_for_the_next_start(earlier: Path, done: int) -> None:
    spool = earlier / "cam-a"
    pieces = [WAITING, f".delivered/{DELIVERED}.json", f".kept/{WAITING}"]
    for piece in pieces[:done]:
        (spool / piece).parent.mkdir(parents=True, exist_ok=True)
        (earlier / piece).rename(spool / piece)
    Spool(spool).prepare()
    assert len(take_over(earlier, spool)) == len(pieces) - done
    check_all_is_there(spool)


def test_another_camera_s_spool_is_not_taken(earlier: Path) -> None:
    other = Spool(earlier / "cam-b")
    other.prepare()
    other.begin(DELIVERED, 1)
    take_over(earlier, earlier / "cam-a")
    assert [folder.uuid for folder, _ in other.sessions()] == [DELIVERED]


def test_a_session_in_both_stays_in_both(earlier: Path) -> None:
    new = Spool(earlier / "cam-a")
    new.begin(WAITING, 1)
    (new.folder(WAITING).path / "seg_0008.mp4").write_bytes(b"newer")
    take_over(earlier, new.root)
    assert (earlier / WAITING / "seg_0007.mp4").read_bytes() == b"only copy"
    assert (new.root / WAITING / "seg_0008.mp4").read_bytes() == b"newer"


def test_without_an_earlier_spool_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert take_over(tmp_path / "none", tmp_path / "none" / "cam-a") == []
    assert not has_left_sessions(tmp_path / "other")
