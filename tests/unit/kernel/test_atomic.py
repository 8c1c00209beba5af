import os
from pathlib import Path

import pytest

from ctlr.kernel.atomic import (
    fsync_directory,
    is_temporary,
    make_durable_directories,
    replacing,
    write_atomic,
)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    write_atomic(file, b"old")
    write_atomic(file, b"new")
    assert file.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    write_atomic(file, b"old")

    def write_half() -> None:
        with replacing(file) as stream:
            stream.write(b"half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_file_that_cannot_be_flushed_leaves_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    write_atomic(file, b"old")

    def write_to_a_drive_that_goes() -> None:
        with replacing(file) as stream:
            stream.write(b"new")
            os.close(stream.fileno())

    with pytest.raises(OSError, match="Bad file descriptor"):
        write_to_a_drive_that_goes()
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_while_it_is_written_it_has_a_hidden_name(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with replacing(file) as stream:
        stream.write(b"x")
        (temporary,) = tmp_path.iterdir()
        assert is_temporary(temporary.name)
    assert not is_temporary(file.name)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "absent" / "state.json", b"x")
    write_atomic(tmp_path / "file", b"")
    with pytest.raises(NotADirectoryError):
        fsync_directory(tmp_path / "file")


def test_folders_are_made_with_their_parents(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b" / "c"
    make_durable_directories(folder)
    make_durable_directories(folder)
    assert folder.is_dir()
