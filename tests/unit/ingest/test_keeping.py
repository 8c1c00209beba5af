"""What is held of a camera's folder, whatever comes under which name."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ctlr.ingest.keeping import TakeKeeper
from ctlr.layout.raw import TAKES_FOLDER, parse_stray_segment


class Folder:
    """A camera's folder, into which it delivers as rsync does, and its keeper."""

    def __init__(self, path: Path) -> None:
        self.path = path / "cam-a" / "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
        self.path.mkdir(parents=True)
        self.keeper = TakeKeeper()

    def deliver(self, name: str, data: bytes) -> None:
        hidden = self.path / f".{name}.AbCdEf"
        hidden.write_bytes(data)
        os.replace(hidden, self.path / name)

    def keep(self, take: int = 1) -> list[str]:
        return self.keeper.keep(self.path, take)

    def shown(self) -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in self.path.iterdir() if p.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_replaced_segment_is_shown_beside_what_came(folder: Folder) -> None:
    folder.deliver("seg_0000.mp4", b"first")
    folder.deliver("seg_0001.mp4", b"second")
    assert folder.keep() == []
    assert set(folder.shown()) == {"seg_0000.mp4", "seg_0001.mp4"}
    folder.deliver("seg_0000.mp4", b"another")
    assert folder.keep(take=2) == ["seg_0000.take1.mp4"]
    assert folder.shown() == {
        "seg_0000.take1.mp4": b"first",
        "seg_0000.mp4": b"another",
        "seg_0001.mp4": b"second",
    }
    assert folder.keep(take=2) == []


def test_every_one_of_many_stays(folder: Folder) -> None:
    for number in range(5):
        folder.deliver("seg_0000.mp4", b"%d" % number)
        folder.keep(take=1 + number // 2)
    assert folder.shown() == {
        "seg_0000.take1.mp4": b"0",
        "seg_0000.take1-2.mp4": b"1",
        "seg_0000.take2.mp4": b"2",
        "seg_0000.take2-2.mp4": b"3",
        "seg_0000.mp4": b"4",
    }


def test_frame_times_are_held_with_their_segment(folder: Folder) -> None:
    folder.deliver("seg_0003.frames.csv", b"old")
    folder.deliver("seg_0003.mp4", b"old video")
    folder.keep()
    folder.deliver("seg_0003.frames.csv", b"new")
    folder.deliver("seg_0003.mp4", b"new video")
    folder.keep()
    assert folder.shown()["seg_0003.take1.frames.csv"] == b"old"
    assert folder.shown()["seg_0003.take1.mp4"] == b"old video"


def test_the_same_bytes_again_are_no_other_file(folder: Folder) -> None:
    folder.deliver("seg_0000.mp4", b"the same")
    folder.keep()
    folder.deliver("seg_0000.mp4", b"the same")
    assert folder.keep(take=2) == []
    assert set(folder.shown()) == {"seg_0000.mp4"}
    folder.deliver("seg_0000.mp4", b"of one size")
    folder.deliver("seg_0000.mp4", b"another!")
    folder.keep(take=2)
    assert b"the same" in folder.shown().values()


def test_another_process_goes_on_with_what_is_held(folder: Folder) -> None:
    folder.deliver("seg_0000.mp4", b"first")
    folder.keep()
    folder.keeper = TakeKeeper()
    folder.deliver("seg_0000.mp4", b"other")
    assert folder.keep() == ["seg_0000.take1.mp4"]


def test_a_camera_that_uses_the_names_of_kept_files_replaces_nothing(folder: Folder) -> None:
    folder.deliver("seg_0000.mp4", b"first")
    folder.keep()
    folder.deliver("seg_0000.mp4", b"second")
    folder.keep(2)
    folder.deliver("seg_0000.take1.mp4", b"sly")
    folder.keep(2)
    folder.deliver("seg_0000.take1.mp4", b"slyer")
    folder.keep(2)
    assert {b"first", b"second", b"sly", b"slyer"} == set(folder.shown().values())


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("SEG_0001.MP4", "SEG_0001.take1.MP4"),
        ("seg_1.mp4", "seg_1.take1.mp4"),
        ("seg_0001 (1).mp4", "seg_0001 (1).take1.mp4"),
        ("seg_0001.mov", "seg_0001.take1.mov"),
        ("seg_0001", "seg_0001.take1"),
        ("seg_0001.mp4.part", "seg_0001.take1.mp4.part"),
    ],
)
def test_a_segment_is_held_under_whatever_name_it_comes(
    folder: Folder, name: str, kept: str
) -> None:
    folder.deliver(name, b"first")
    folder.keep()
    folder.deliver(name, b"other")
    assert folder.keep(take=2) == [kept]
    assert folder.shown() == {kept: b"first", name: b"other"}
    for _ in range(3):
        assert folder.keep(take=2) == []
    assert len(list((folder.path / TAKES_FOLDER).iterdir())) == 2
    assert parse_stray_segment(kept) == 1


def test_other_files_are_the_cameras_own(folder: Folder) -> None:
    folder.deliver("events.json", b"{}")
    folder.deliver("seg_0000.mp4", b"first")
    folder.keep()
    assert [p.name for p in (folder.path / TAKES_FOLDER).iterdir()] == ["seg_0000.take1.mp4"]
    folder.deliver("events.json", b"[]")
    folder.keep()
    assert folder.shown()["events.json"] == b"[]"


def test_what_was_never_there_makes_no_folder(folder: Folder) -> None:
    assert folder.keep() == []
    assert not (folder.path / TAKES_FOLDER).exists()
    assert TakeKeeper().keep(folder.path / "gone", 1) == []


def test_no_link_is_followed(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "seg_0000.mp4").write_bytes(b"not ours")
    link = folder.path.parent / "11111111-2222-4333-8444-555555555555"
    link.symlink_to(tmp_path / "elsewhere")
    assert TakeKeeper().keep(link, 1) == []
    (folder.path / "seg_0001.mp4").symlink_to(tmp_path / "elsewhere" / "seg_0000.mp4")
    assert folder.keep() == []
    assert not (tmp_path / "elsewhere" / TAKES_FOLDER).exists()


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that other users may enter, which pytest's own are not."""
    with TemporaryDirectory(prefix="ctlr-keeping-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes other users' rights on")
def test_where_no_hard_link_is_allowed_a_copy_stands_in(open_to_all: Path) -> None:
    """As for files of another user that are not writable, and on exFAT."""
    if Path("/proc/sys/fs/protected_hardlinks").read_text().strip() != "1":
        pytest.skip("every file may be linked on this machine")
    folder = Folder(open_to_all)
    folder.deliver("seg_0000.mp4", b"first")
    os.chmod(folder.path, 0o777)
    code = (
        "import os, sys, pathlib; from ctlr.ingest.keeping import TakeKeeper\n"
        "os.setgid(4712); os.setuid(4712); TakeKeeper().keep(pathlib.Path(sys.argv[1]), 1)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder.path)], check=True, timeout=60)
    held = folder.path / TAKES_FOLDER / "seg_0000.take1.mp4"
    assert (held.read_bytes(), held.stat().st_nlink) == (b"first", 1)
    assert folder.keep() == []
    folder.deliver("seg_0000.mp4", b"other")
    assert folder.keep() == ["seg_0000.take1.mp4"]


def test_what_stands_in_the_way_is_an_error(folder: Folder) -> None:
    folder.deliver("seg_0000.mp4", b"first")
    (folder.path / TAKES_FOLDER).write_bytes(b"in the way")
    with pytest.raises(FileExistsError):
        folder.keep()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_second_names_are_never_kept_where_who_delivers_can_take_them_away(folder: Folder) -> None:
    squat = folder.path / TAKES_FOLDER
    squat.mkdir(mode=0o700)
    (squat / "seg_0000.take1.mp4").write_bytes(b"of a stranger")
    for path in (folder.path, squat):
        os.chown(path, 12345, 12345)
    folder.deliver("seg_0000.mp4", b"first")
    assert folder.keep() == []
    folder.deliver("seg_0000.mp4", b"another")
    assert folder.keep(take=2) == ["seg_0000.take1.mp4"]
    assert (folder.path / "seg_0000.take1.mp4").read_bytes() == b"first"
    assert (folder.path / TAKES_FOLDER).stat().st_uid == 0


def test_a_link_in_place_of_the_second_names_is_set_aside(folder: Folder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder.path / TAKES_FOLDER).symlink_to(outside)
    folder.deliver("seg_0000.mp4", b"first")
    folder.keep()
    assert list(outside.iterdir()) == []
    assert (folder.path / TAKES_FOLDER / "seg_0000.take1.mp4").read_bytes() == b"first"
