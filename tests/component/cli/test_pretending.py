"""``ctlr simulate`` as a process: a session from nothing, and what it says when nobody listens."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.component.cli.test_controller_verbs import ctlr
from tests.fakes.controller import claim_and_release, running, settings_in

from ctlr.sessions.reading import read_session

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"


async def test_a_phone_brings_a_session_that_nobody_knew_and_its_clock(tmp_path: Path) -> None:
    async with running(settings_in(tmp_path / "rig")) as controller:
        folder = str(tmp_path / "phone")
        phone = ("simulate", "phone", "--uuid", UUID, "--folder", folder, "--seconds", "2")
        said = await ctlr(*phone, "--url", controller.url, "--clock-ahead-ms", "4000")
        assert (said.code, said.err) == (0, "")
        kept = read_session(controller.settings.database.path, UUID)
        assert kept is not None
        assert [round(sample.offset_ms, -2) for sample in kept.clocks["phone"]] == [4000]
        refused = await ctlr(*phone, "--url", f"{controller.url}/no")
        assert refused.code == 1
        assert refused.err.count("\n") == 1


def simulate(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", "-m", "ctlr", "simulate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", ["phone", "can"])
def test_that_nobody_listens_is_told_in_one_line(tmp_path: Path, kind: str) -> None:
    address = f"127.0.0.1:{claim_and_release()}"
    said = {
        "phone": lambda: simulate(
            *("phone", "--uuid", UUID, "--folder", str(tmp_path), "--seconds", "1"),
            *("--url", f"http://{address}"),
        ),
        "can": lambda: simulate("can", "--to", address, "--seconds", "1"),
    }[kind]()
    assert said.returncode == 1
    assert said.stderr.count("\n") == 1
    assert "connect" in said.stderr.lower()
