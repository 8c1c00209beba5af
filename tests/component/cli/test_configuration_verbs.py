"""``ctlr check-config`` and ``watch-mounts`` as processes: with which file, and without any."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest


def ctlr(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "ctlr", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=60,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ctlr.toml"


def test_check_config_names_its_file_and_prints_only_the_settings(file: Path) -> None:
    file.write_text('node = "cam-a"', "utf-8-sig")
    told = ctlr(file.parent, "--config", file.name, "check-config")
    assert told.returncode == 0, told
    assert told.stderr == f"The configuration {file} is good.\n"
    assert json.loads(told.stdout)["node"] == "cam-a"


def test_check_config_says_that_there_is_no_file(tmp_path: Path) -> None:
    told = ctlr(tmp_path, "check-config")
    assert told.returncode == 0, told
    assert told.stderr.startswith("There is no configuration file; these are the defaults")


def test_check_config_fails_on_an_address_without_a_scheme(file: Path) -> None:
    file.write_text('[camera]\ncontroller = "ctlr:8000"\n')
    told = ctlr(file.parent, "check-config")
    assert (told.returncode, told.stdout) == (2, "")
    assert "camera.controller: 'ctlr:8000'" in told.stderr
    assert f"in {file.name}" in told.stderr


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (None, "logging or logging_device and sync or sync_device"),
        ('node = "cam-a"\n', "logging or logging_device and sync or sync_device"),
        ('[storage]\nlogging = "FOLDER/logging"\n', "Set sync or sync_device"),
        ('[storage]\nsync_device = "LABEL=sync"\n', "Set logging or logging_device"),
    ],
)
def test_watch_mounts_touches_nothing_that_no_configuration_names(
    file: Path, text: str | None, missing: str
) -> None:
    (file.parent / "logging").mkdir()
    state = f'[database]\npath = "{file.parent}/state/ctlr.db"\n'
    if text is not None:
        file.write_text(text.replace("FOLDER", str(file.parent)) + state)
    told = ctlr(file.parent, "watch-mounts")
    assert (told.returncode, told.stdout) == (2, "")
    assert missing in told.stderr
    assert "nothing was touched" in told.stderr
    assert not (file.parent / "state").exists()


def test_a_path_is_a_name_for_a_volume(file: Path) -> None:
    """Who says where both volumes are has named them; nothing else is asked for."""
    folder = file.parent
    for name in ("logging", "sync"):
        (folder / name).mkdir()
    file.write_text(
        f'[storage]\nlogging = "{folder}/logging"\nsync = "{folder}/sync"\nrequire_mounts = false\n'
        f'[database]\npath = "{folder}/state/ctlr.db"\n[mqtt]\nspool = "{folder}/spool.db"\n'
    )
    (folder / "state").mkdir()
    command = [sys.executable, "-W", "error", "-m", "ctlr", "watch-mounts"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as watching:
        try:
            until = time.monotonic() + 30
            while not (folder / "state" / "watcher.lock").exists() and watching.poll() is None:
                assert time.monotonic() < until
                time.sleep(0.05)
        finally:
            watching.terminate()
        _, said = watching.communicate(timeout=30)
    assert watching.returncode == 0, said
