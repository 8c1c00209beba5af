"""``ctlr verify`` of a folder of drives: all of them, and after a stop what is left."""

import shutil
import subprocess
import sys
from pathlib import Path


def verify(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ctlr", "verify", str(folder), *map(str, arguments)],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def test_a_session_that_is_not_finished_is_named(drive: Path, tmp_path: Path) -> None:
    """Power was cut while a revision of it was put in place: its manifest is set aside."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    shutil.copy(drive / "manifest.json", tmp_path / "a" / ".manifest.json.previous")
    shutil.copy(drive / "manifest.json", tmp_path / "b" / ".manifest.json.previous")
    done = verify(tmp_path)
    assert done.returncode == 3
    assert "2 sessions read back, 2 with faults" in done.stdout
    assert "it is no finished session" in done.stdout


def test_what_was_read_back_is_not_read_again(drive: Path, tmp_path: Path) -> None:
    drives, done = tmp_path / "drives", tmp_path / "done"
    shutil.copytree(drive, drives / "one" / "a")
    shutil.copytree(drive, drives / "two" / "b")
    (drives / "two" / "b" / "cam-b.mp4").unlink()
    first = verify(drives, "--done", done)
    assert (first.returncode, "2 sessions read back, 1 with faults" in first.stdout) == (3, True)
    done.write_bytes(done.read_bytes() + b'{"folder": "')  # it was stopped while it wrote
    shutil.copy(drive / "cam-b.mp4", drives / "two" / "b")
    again = verify(drives, "--done", done)
    assert again.returncode == 0, again.stdout
    assert "1 sessions read back, none with faults, 1 were read back before" in again.stdout
