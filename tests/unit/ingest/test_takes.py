"""What arrives is held before anything else can come under its name."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.controller import until

from ctlr.ingest.takes import Takes
from ctlr.ingest.takes_watch import TakesWatch
from ctlr.kernel.clock import SystemClock
from ctlr.layout.raw import TAKES_FOLDER, LoggingLayout
from ctlr.sessions.store import SessionStore

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
FILES = 20
LONGEST_S = FILES / 2
"""Looks a second apart would take twice as long, as each file comes when the one before is held."""


@pytest.fixture
async def logging(tmp_path: Path) -> AsyncIterator[Path]:
    store = await SessionStore.open(tmp_path / "ctlr.db")
    (tmp_path / "logging").mkdir()
    layout, clock = LoggingLayout(tmp_path / "logging"), SystemClock()
    watch = TakesWatch(Takes(store, layout, clock), store, layout, clock)
    watching = asyncio.create_task(watch.watch_forever())
    yield tmp_path / "logging"
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await store.close()


def deliver(folder: Path, name: str, data: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    hidden = folder / f".{name}.AbCdEf"
    hidden.write_bytes(data)
    os.replace(hidden, folder / name)


async def until_held(folder: Path, data: bytes) -> None:
    async def is_held() -> bool:
        return data in held(folder)

    await until(is_held)


def held(folder: Path) -> set[bytes]:
    return {path.read_bytes() for path in (folder / TAKES_FOLDER).glob("seg_*")}


async def test_files_that_replace_each_other_at_once_are_all_held(logging: Path) -> None:
    folder = logging / "cam-a" / UUID
    deliver(folder, "seg_0000.mp4", b"the first in a new folder")
    await until_held(folder, b"the first in a new folder")
    began = time.monotonic()
    for number in range(FILES):
        deliver(folder, "seg_0000.mp4", b"file %d" % number)
        await until_held(folder, b"file %d" % number)
    assert time.monotonic() - began < LONGEST_S
    assert len(held(folder)) == FILES + 1

    async def all_are_shown() -> bool:
        return {path.read_bytes() for path in folder.glob("seg_*.mp4")} == held(folder)

    await until(all_are_shown)


async def test_what_came_before_it_was_watched_is_held(logging: Path) -> None:
    for node in ("cam-a", "cam-b"):
        deliver(logging / node / UUID, "seg_0000.mp4", b"of " + node.encode())
    await until_held(logging / "cam-a" / UUID, b"of cam-a")
    await until_held(logging / "cam-b" / UUID, b"of cam-b")
    deliver(logging / "cam-c" / UUID, "seg_0000.mp4", b"of a new one")
    await until_held(logging / "cam-c" / UUID, b"of a new one")


async def test_a_folder_that_is_moved_away_and_made_again_is_watched_again(logging: Path) -> None:
    """As a drive that was ejected and put back."""
    folder = logging / "cam-a" / UUID
    deliver(folder, "seg_0000.mp4", b"first")
    await until_held(folder, b"first")
    (logging / "cam-a").rename(logging.parent / "away")
    deliver(folder, "seg_0000.mp4", b"second")
    await until_held(folder, b"second")
