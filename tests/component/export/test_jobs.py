"""Which exports are made, and how each appears: whole, once, and again when its session changed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ctlr.export.jobs import ExportError, Kind, export_session, find_sessions
from ctlr.postprocess.manifest.progress import Report
from ctlr.reader import Session


def write(session: Session, target: Path, _report: Report) -> list[str]:
    target.write_text(session.manifest.uuid)
    return ["a note"]


def fail(_session: Session, target: Path, _report: Report) -> list[str]:
    target.write_text("half")
    raise ExportError("it cannot be done")


WORDS = Kind("words", ".txt", write)


def export(folder: Path, to: Path, kind: Kind = WORDS) -> bool:
    return export_session(folder, kind, to, lambda _: None).made


def test_what_was_made_is_not_made_again(copy: Path, tmp_path: Path) -> None:
    to = tmp_path / "to"
    assert export(copy, to)
    assert not export(copy, to)
    assert [path.name for path in to.iterdir() if not path.name.startswith(".")] == [
        f"{copy.name}.txt"
    ]
    manifest = copy / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"revision": 1', '"revision": 2'))
    assert export(copy, to)
    assert export(copy, to, Kind("words", ".txt", write, version=2))


def test_one_that_fails_or_is_stopped_leaves_nothing_that_looks_whole(
    copy: Path, tmp_path: Path
) -> None:
    with pytest.raises(ExportError):
        export(copy, tmp_path / "to", Kind("words", ".txt", fail))
    assert not (tmp_path / "to" / f"{copy.name}.txt").exists()
    assert export(copy, tmp_path / "to")


def test_a_file_of_somebody_else_stays(copy: Path, tmp_path: Path) -> None:
    (tmp_path / f"{copy.name}.txt").write_text("mine")
    with pytest.raises(ExportError, match="left as it is"):
        export(copy, tmp_path)
    assert (tmp_path / f"{copy.name}.txt").read_text() == "mine"


def test_sessions_of_a_folder_of_drives(drive: Path, tmp_path: Path) -> None:
    for place in ("drive-1/a", "drive-1/b", "drive-2/sync/c"):
        (tmp_path / place).mkdir(parents=True)
        shutil.copy(drive / "manifest.json", tmp_path / place)
    (tmp_path / "drive-1" / "unfinished").mkdir()
    (tmp_path / ".hidden" / "d").mkdir(parents=True)
    shutil.copy(drive / "manifest.json", tmp_path / ".hidden" / "d")
    found = [path.relative_to(tmp_path).as_posix() for path in find_sessions([tmp_path])]
    assert found == ["drive-1/a", "drive-1/b", "drive-2/sync/c"]
    assert list(find_sessions([drive])) == [drive]


def test_what_may_not_be_read_is_passed_over(drive: Path, tmp_path: Path) -> None:
    """A drive's ``lost+found`` is its system's own. The superuser reads it, and finds nothing."""
    (tmp_path / "a").mkdir()
    shutil.copy(drive / "manifest.json", tmp_path / "a")
    (tmp_path / "lost+found").mkdir(mode=0)
    assert list(find_sessions([tmp_path])) == [tmp_path / "a"]
    with pytest.raises(FileNotFoundError):
        list(find_sessions([tmp_path / "away"]))


def command(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ctlr", "export", *map(str, arguments)],
        capture_output=True, text=True, timeout=100, cwd=cwd, check=False,
    )  # fmt: skip


def test_the_command_makes_each_form_asked_for(drive: Path, tmp_path: Path) -> None:
    done = command(drive, "--parquet", "--mcap", "--to", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / f"{drive.name}.mcap").is_file()
    assert (tmp_path / "out" / f"{drive.name}.parquet" / "frames.parquet").is_file()
    again = command(drive, "--mcap", "--to", tmp_path / "out", cwd=tmp_path)
    assert "1 up to date" in again.stdout
    assert command(drive, cwd=tmp_path).returncode == 2  # in which form?


def test_one_session_that_fails_does_not_stop_the_others(drive: Path, tmp_path: Path) -> None:
    drives = tmp_path / "drives"
    shutil.copytree(drive, drives / "good")
    (drives / "bad").mkdir()
    (drives / "bad" / "manifest.json").write_text("{}")
    done = command(drives, "--parquet", cwd=tmp_path)
    assert done.returncode == 3
    assert "bad" in done.stderr
    assert (tmp_path / "exports" / "good.parquet").is_dir()
