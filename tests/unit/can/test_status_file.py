"""Writing the status file in a folder that everybody may write to."""

import json
import os
import stat
import tempfile
from pathlib import Path

import pytest

from ctlr.can.status import read_can_status
from ctlr.can.status_file import write_status

VALUES = {"connected": True, "file_size_bytes": 7, "frame_count": 3, "fps": 2}


def test_what_is_written_is_what_the_controller_reads(tmp_path: Path) -> None:
    file = tmp_path / "can_status.json"
    for _ in range(2):
        write_status(file, VALUES)
    assert json.loads(file.read_text()) == VALUES
    status = read_can_status(file, file.stat().st_mtime)
    assert (status.connected, status.frame_count, status.fps) == (True, 3, 2)
    assert os.listdir(tmp_path) == ["can_status.json"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_a_planted_link_is_replaced_and_never_followed(tmp_path: Path) -> None:
    target = tmp_path / "passwd"
    target.write_text("secret")
    file = tmp_path / "can_status.json"
    file.symlink_to(target)
    write_status(file, VALUES)
    assert target.read_text() == "secret"
    assert not file.is_symlink()
    assert json.loads(file.read_text()) == VALUES


def test_a_folder_in_its_place_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "can_status.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_status(tmp_path / "can_status.json", VALUES)
    assert os.listdir(tmp_path) == ["can_status.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become two users")
def test_a_file_of_another_user_cannot_be_replaced_in_a_sticky_folder() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, file = Path(name), Path(name) / "can_status.json"
        os.chmod(folder, 0o1777)
        file.write_text("another's")
        os.chown(file, 12345, 12345)
        os.chown(folder, 12345, 12345)
        os.seteuid(23456)
        try:
            with pytest.raises(PermissionError):
                write_status(file, VALUES)
        finally:
            os.seteuid(0)
        assert file.read_text() == "another's"
        assert os.listdir(folder) == ["can_status.json"]
