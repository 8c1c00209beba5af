"""``ctlr check-config`` as a process: what stands in the configuration must be there too."""

import subprocess
import sys
from pathlib import Path

import pytest

from ctlr.simulator.can import DATABASE


def check(tmp_path: Path, *databases: Path) -> subprocess.CompletedProcess[str]:
    config = tmp_path / "ctlr.toml"
    listed = ", ".join(f'"{path}"' for path in databases)
    config.write_text(f"[can]\ndbc = [{listed}]\n")
    command = [sys.executable, "-m", "ctlr", "--config", str(config), "check-config"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_databases_that_can_be_used_are_good(tmp_path: Path) -> None:
    said = check(tmp_path, DATABASE)
    assert said.returncode == 0
    assert said.stderr == f"The configuration {tmp_path / 'ctlr.toml'} is good.\n"
    assert str(DATABASE) in said.stdout


def test_what_is_at_fault_in_a_database_is_said(tmp_path: Path) -> None:
    odd = tmp_path / "odd.dbc"
    odd.write_text(DATABASE.read_text() + 'VAL_ 1 gone 0 "off" ;\n')
    said = check(tmp_path, odd)
    assert said.returncode == 0
    assert "can.dbc: odd.dbc: as a whole it is refused" in said.stderr


@pytest.mark.parametrize("content", [None, b"nothing of a database"])
def test_a_database_that_is_missing_or_none_is_a_bad_configuration(
    tmp_path: Path, content: bytes | None
) -> None:
    bad = tmp_path / "bad.dbc"
    if content is not None:
        bad.write_bytes(content)
    said = check(tmp_path, DATABASE, bad)
    assert said.returncode == 2
    assert "bad.dbc cannot be read as a CAN database" in said.stderr
    assert "correct can.dbc" in said.stderr.splitlines()[-1]
