"""What is said where nobody can tell what is plugged in."""

import asyncio
import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ctlr.config import StorageSettings
from ctlr.storage.finder import Finder
from ctlr.storage.monitor import StorageMonitor
from ctlr.storage.privileged_client import PrivilegedClient


class SteppedClock:
    """Far enough on with each reading that a search is due again."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def monotonic(self) -> float:
        self._now_s = self._now_s * 2 + 10
        return self._now_s

    def now_us(self) -> int:
        return 0

    def now_ms(self) -> int:
        return 0


async def test_each_reason_is_said_once(tmp_path: Path) -> None:
    reasons = ["One.", "One.", "One.", "Two.", "Two."]
    asked = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        if not reasons:  # all before it have been read
            asked.set()
        detail = reasons.pop(0) if reasons else "Two."
        answer = {"ok": False, "code": "failed", "detail": detail, "extra": {}}
        writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    socket = tmp_path / "privileged.sock"
    storage = StorageSettings(
        logging=tmp_path / "logging",
        sync=tmp_path / "sync",
        require_mounts=True,
        privileged_socket=socket,
    )
    clock = SteppedClock()
    finder = Finder(
        PrivilegedClient(storage), StorageMonitor(storage, "node", tmp_path, clock), clock
    )
    async with await asyncio.start_unix_server(refuse, socket):
        with capture_logs() as log:
            looking = asyncio.create_task(finder.run_forever())
            async with asyncio.timeout(30):
                await asked.wait()
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
    said = [(line["mount"], line["reason"]) for line in log if line["log_level"] == "warning"]
    expected = [("logging", "One."), ("sync", "One."), ("sync", "Two."), ("logging", "Two.")]
    assert said == expected


@pytest.fixture(autouse=True)
def folders(tmp_path: Path) -> None:
    for name in ("logging", "sync"):
        (tmp_path / name).mkdir()
