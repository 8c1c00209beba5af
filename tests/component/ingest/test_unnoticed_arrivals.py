"""What arrives where the kernel tells of nothing: on a file system that changes behind its back."""

import asyncio
import os
from pathlib import Path

from tests.fakes.controller import until
from tests.faults.faultfs import FaultyFolder
from tests.faults.served import needs_faults

from ctlr.ingest.takes import Takes
from ctlr.ingest.takes_watch import TakesWatch
from ctlr.kernel.clock import SystemClock
from ctlr.layout.raw import TAKES_FOLDER, LoggingLayout
from ctlr.sessions.model import SessionState
from ctlr.sessions.store import SessionStore

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
pytestmark = needs_faults


async def test_what_is_recorded_is_held_by_looking(tmp_path: Path) -> None:
    behind, logging = tmp_path / "behind", tmp_path / "logging"
    folder = behind / "cam-a" / UUID
    folder.mkdir(parents=True)
    logging.mkdir()
    store = await SessionStore.open(tmp_path / "ctlr.db")
    await store.create(
        UUID, SessionState.RECORDING, created_at_ms=1, start_at_ms=1, node_names=["cam-a"]
    )
    with FaultyFolder(behind, logging):
        layout, clock = LoggingLayout(logging), SystemClock()
        watch = TakesWatch(Takes(store, layout, clock), store, layout, clock)
        watching = asyncio.create_task(watch.watch_forever())
        for data in (b"first", b"second", b"third"):
            (folder / ".seg_0000.mp4.AbCdEf").write_bytes(data)
            os.replace(folder / ".seg_0000.mp4.AbCdEf", folder / "seg_0000.mp4")

            async def is_held(data: bytes = data) -> bool:
                held = (folder / TAKES_FOLDER).glob("seg_*")
                return data in {path.read_bytes() for path in held}

            await until(is_held)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    await store.close()
