"""Whatever lies under a name, nothing is followed and nothing is waited for."""

import os
from pathlib import Path

import pytest

from ctlr.kernel.untrusted import (
    NotAFileError,
    TooLargeError,
    find_link,
    is_file,
    is_folder,
    read_file,
    refuse_links,
)


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    assert read_file(tmp_path / "file", 4) == b"text"
    assert is_file(tmp_path / "file")
    assert not is_folder(tmp_path / "file")
    assert is_folder(tmp_path, tmp_path)


def test_a_file_without_end_is_not(tmp_path: Path) -> None:
    file = tmp_path / "huge"
    file.touch()
    os.truncate(file, 1 << 40)
    with pytest.raises(TooLargeError):
        read_file(file, 1 << 20)


def test_a_pipe_and_a_folder_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        assert not is_file(tmp_path / name)
        with pytest.raises((NotAFileError, IsADirectoryError)):
            read_file(tmp_path / name, 10)


def test_a_link_is_neither(tmp_path: Path) -> None:
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "here").symlink_to(tmp_path)
    assert not is_file(tmp_path / "zero")
    assert not is_folder(tmp_path / "here")
    with pytest.raises(OSError, match="symbolic links"):
        read_file(tmp_path / "zero", 10)


def test_links_in_a_tree_are_found(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "file").touch()
    assert find_link(tmp_path) is None
    refuse_links(tmp_path)
    (deep / "link").symlink_to("/nowhere")
    assert find_link(tmp_path) == deep / "link"
    with pytest.raises(OSError, match="is not followed"):
        refuse_links(tmp_path)
