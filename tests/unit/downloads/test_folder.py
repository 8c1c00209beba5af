"""Only what lies in the session's folder can be had."""

import os
from pathlib import Path

import pytest

from ctlr.downloads.folder import ChangedError, NoSuchFileError, find_file, list_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("no")
    folder = tmp_path / "session"
    (folder / "phone").mkdir(parents=True)
    (folder / "phone" / "gyro.csv").write_bytes(b"t,x\n1,2\n")
    (folder / "cam-01.mp4").write_bytes(b"0123456789")
    (folder / ".hidden").write_text("no")
    (folder / "out").symlink_to(tmp_path)
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "inside.mp4").symlink_to("cam-01.mp4")
    os.mkfifo(folder / "pipe")
    return folder


def test_files_are_found_and_read_in_pieces(folder: Path) -> None:
    assert [file.name for file in list_files(folder)] == ["cam-01.mp4", "phone/gyro.csv"]
    assert find_file(folder, "cam-01.mp4").read(2, 3) == b"234"
    assert find_file(folder, "phone/gyro.csv").size == 8


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../secret.txt",
        "phone/../../secret.txt",
        "phone/..",
        "/etc/passwd",
        "phone//gyro.csv",
        "phone/",
        "phone",
        "out/secret.txt",
        "link.txt",
        "inside.mp4",
        ".hidden",
        "pipe",
        "cam-01.mp4/x",
        "cam-01.mp4\0",
        "nothing",
        "\udcff",
        "x" * 300,
    ],
)
def test_nothing_else_is(folder: Path, name: str) -> None:
    with pytest.raises(NoSuchFileError):
        find_file(folder, name)


def test_a_file_that_has_changed_is_not_sent_on(folder: Path) -> None:
    file = find_file(folder, "cam-01.mp4")
    new = folder / ".new"
    new.write_bytes(b"abcdefghijkl")
    os.replace(new, folder / "cam-01.mp4")
    with pytest.raises(ChangedError):
        file.read(0, 5)
    file = find_file(folder, "cam-01.mp4")
    with pytest.raises(ChangedError):
        file.read(10, 5)
    (folder / "cam-01.mp4").unlink()
    with pytest.raises(NoSuchFileError):
        file.read(0, 5)
