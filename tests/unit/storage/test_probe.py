import errno
import os
from pathlib import Path
from typing import Any

import pytest

from ctlr.storage import probe
from ctlr.storage.identity import FILE_NAME, identity_file


def expecting(**changes: Any) -> dict[str, Any]:
    usual = {"volume": "logging", "known": [], "certain": False, "adopt": False}
    return {**usual, "node": "ctlr", "identity": "new", **changes}


def test_a_folder_that_works(tmp_path: Path) -> None:
    answer = probe.probe(str(tmp_path))
    assert answer["error"] is None
    assert isinstance(answer["latency_ms"], float)
    assert 0 < answer["free_bytes"] <= answer["total_bytes"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    answer = probe.probe(str(tmp_path / "absent"))
    assert answer["error_number"] == errno.ENOENT
    assert answer["error"] == "No such file or directory"


def test_a_link_in_place_of_the_probe_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("kept")
    (tmp_path / probe.PROBE_NAME).symlink_to(target)
    assert probe.probe(str(tmp_path))["error"] is None
    assert target.read_text() == "kept"


def test_what_a_killed_probe_has_left_goes(tmp_path: Path) -> None:
    (tmp_path / probe.PROBE_NAME).write_text("left behind")
    assert probe.probe(str(tmp_path))["error"] is None
    assert list(tmp_path.iterdir()) == []


def test_a_volume_gets_its_mark_on_first_use_and_keeps_it(tmp_path: Path) -> None:
    assert probe.probe(str(tmp_path), expecting())["identity"] == "new"
    mark = (tmp_path / FILE_NAME).read_bytes()
    again = probe.probe(str(tmp_path), expecting(identity="other", known=["new"]))
    assert again["identity"] == "new"
    assert (tmp_path / FILE_NAME).read_bytes() == mark


@pytest.mark.parametrize("mark", [None, identity_file("logging", "x", "n"), b"garbage"])
def test_m10_nothing_is_written_to_a_foreign_volume(tmp_path: Path, mark: bytes | None) -> None:
    if mark is not None:
        (tmp_path / FILE_NAME).write_bytes(mark)
    before = os.stat(tmp_path).st_mtime_ns
    answer = probe.probe(str(tmp_path), expecting(known=["ours"]))
    assert answer["foreign"]
    assert "identity" not in answer
    assert os.stat(tmp_path).st_mtime_ns == before
    assert {path.name for path in tmp_path.iterdir()} == ({FILE_NAME} if mark else set())


RESERVED = ("can", "phone")


def test_reserved_folders_are_made_and_written_to(tmp_path: Path) -> None:
    assert probe.probe(str(tmp_path), None, RESERVED)["error"] is None
    assert {path.name: list(path.iterdir()) for path in tmp_path.iterdir()} == {
        "can": [],
        "phone": [],
    }


def test_a_new_reserved_folder_is_closed_to_those_who_deliver(tmp_path: Path) -> None:
    drive = tmp_path / "drive"
    drive.mkdir()
    (plain := tmp_path / "plain").mkdir()
    others = next((g for g in (12345, *os.getgroups()) if _give(drive, g)), None)
    if others is None:
        pytest.skip("only root, or a member of two groups, can have such a drive")
    drive.chmod(0o2775)
    for folder in (drive, plain):
        assert probe.probe(str(folder), None, RESERVED)["error"] is None
    modes = [(path / "phone").stat().st_mode & 0o077 for path in (drive, plain)]
    assert modes[0] == 0
    assert modes[1] & 0o050 == 0o050


def _give(folder: Path, group: int) -> bool:
    try:
        os.chown(folder, -1, group)
    except PermissionError:
        return False
    return group != os.getegid()


def test_a_link_in_place_of_a_reserved_folder_is_set_aside(tmp_path: Path) -> None:
    outside, drive = tmp_path / "outside", tmp_path / "drive"
    outside.mkdir()
    drive.mkdir()
    (drive / "phone").symlink_to(outside)
    (drive / "can").write_text("a file of somebody's")
    assert probe.probe(str(drive), None, RESERVED)["error"] is None
    assert list(outside.iterdir()) == []
    assert (drive / "phone").is_dir()
    assert not (drive / "phone").is_symlink()
    strays = sorted(path.name for path in drive.iterdir() if path.name not in RESERVED)
    assert len(strays) == 2
    assert all(name.startswith(probe.STRAY_PREFIX) for name in strays)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_reserved_folder_that_is_anothers_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "phone"
    folder.mkdir(mode=0o700)
    os.chmod(tmp_path, 0o777)
    child = os.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.setgid(12345)
        os.setuid(12345)
        answer = probe.probe(".", None, ("phone",))
        os._exit(answer["error_number"] if answer["error"].startswith("phone: ") else 99)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == errno.EACCES


@pytest.mark.parametrize("name", [probe.PROBE_NAME, f"{probe.PROBE_NAME}.done"])
def test_a_folder_in_place_of_the_probe_stops_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "full").touch()
    assert probe.probe(str(tmp_path))["error"] is None


def test_a_pipe_in_place_of_the_mark_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE_NAME)
    answer = probe.probe(str(tmp_path), expecting(known=["ours"]))
    assert answer["foreign"] == "it has no mark of this rig; adopt it to use it"
