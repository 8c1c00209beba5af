"""``ctlr postprocess`` and ``verify`` as processes: what the disks and the rights of users refuse."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.postprocess.rig import UUID, Rig

from ctlr.simulator.places import to_toml

NOBODY = 65534


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    rig = Rig(tmp_path)
    rig.record()
    rig.settings.database.path.parent.mkdir()
    config = tmp_path / "ctlr.toml"
    config.write_text(to_toml(rig.settings.model_dump(mode="json", exclude_none=True)))
    return rig


def ctlr(rig: Rig, *arguments: str) -> subprocess.CompletedProcess[str]:
    config = rig.logging.parent / "ctlr.toml"
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "ctlr", "--config", config, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder to another user")
def test_what_root_processes_the_controller_can_process_again(rig: Rig) -> None:
    state = rig.settings.database.path.parent
    os.chown(state, NOBODY, NOBODY)
    assert ctlr(rig, "postprocess", "--uuid", UUID).returncode == 0
    locks = state / "locks"
    owners = {path.stat().st_uid for path in (locks, *locks.iterdir())}
    assert owners == {NOBODY}


def test_a_state_folder_that_takes_no_lock_is_told_in_one_line(rig: Rig) -> None:
    (rig.settings.database.path.parent / "locks").write_text("in the way")
    said = ctlr(rig, "postprocess", "--uuid", UUID)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.strip().count("\n") == 0
    assert "The raw segments are safe" in said.stderr


@pytest.mark.parametrize("arguments", [("--uuid", UUID), ("--uuid", UUID, "--dry-run")])
def test_a_database_that_cannot_be_read_is_told_in_one_line(
    rig: Rig, arguments: tuple[str, ...]
) -> None:
    rig.settings.database.path.write_bytes(b"not a database" * 100)
    said = ctlr(rig, "postprocess", *arguments)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith("The controller's database cannot be read (")
    assert said.stderr.count("\n") == 1


def test_a_session_is_verified_by_its_id_though_its_raw_data_is_gone(rig: Rig) -> None:
    assert rig.process().exit_code == 0
    shutil.rmtree(rig.node("cam-a"))
    said = ctlr(rig, "verify", "--uuid", UUID)
    assert said.returncode == 0, said.stderr
    assert rig.manifest()["verified_at"]
    unknown = ctlr(rig, "verify", "--uuid", "ffff")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1)


def test_a_whole_drive_is_verified_and_each_session_named(rig: Rig, tmp_path: Path) -> None:
    assert rig.process().exit_code == 0
    other = rig.folder.with_name("2026-04-14_1040_lap")
    shutil.copytree(rig.folder, other)
    (rig.sync / "holiday").mkdir()
    (rig.sync / "holiday" / "IMG_1.jpg").write_bytes(b"jpg")
    well = ctlr(rig, "verify", str(rig.sync))
    assert (well.returncode, well.stderr) == (0, "")
    assert well.stdout.splitlines()[-1] == f"{rig.sync}: 2 sessions read back, none with faults"
    with open(other / "cam-a.mp4", "r+b") as video:
        video.seek(-1, os.SEEK_END)
        video.write(b"\x7f")
    (rig.folder / "manifest.json").rename(rig.folder / ".manifest.json.previous")
    bad = ctlr(rig, "verify", str(rig.sync))
    assert bad.returncode == 3
    assert f"{other}: 1 faults: cam-a.mp4" in bad.stdout
    assert "it is no finished session" in bad.stdout
    assert bad.stdout.splitlines()[-1] == f"{rig.sync}: 2 sessions read back, 2 with faults"
    nothing = ctlr(rig, "verify", str(tmp_path / "logging"))
    assert (nothing.returncode, nothing.stderr.count("\n")) == (1, 1)
