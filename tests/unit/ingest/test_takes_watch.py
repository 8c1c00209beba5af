"""What arrives is held before anything else can come under its name."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.controller import until

from ctlr.ingest.folder_watch import FolderWatch
from ctlr.ingest.takes import Takes
from ctlr.ingest.takes_watch import TakesWatch
from ctlr.kernel.clock import SystemClock
from ctlr.layout.raw import TAKES_FOLDER, LoggingLayout
from ctlr.sessions.model import SessionState
from ctlr.sessions.store import SessionStore

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
FILES = 20
LONGEST_S = FILES / 2
"""Looks a second apart would take twice as long, as each file comes when the one before is held."""


class Watched:
    """The logging drive of a controller that watches it; ``looks`` counts how often it is asked."""

    def __init__(self, store: SessionStore, logging: Path) -> None:
        self.store = store
        self.logging = logging
        self.looks = 0
        layout, clock = LoggingLayout(logging), SystemClock()
        takes = Takes(store, layout, clock)
        self.watch = TakesWatch(takes, store, layout, clock, check_disk=self._count)

    def _count(self) -> None:
        self.looks += 1

    async def look(self, times: int) -> None:
        """Until it has looked so many times more."""
        for _ in range(times):
            enough = self.looks + 1

            async def has_looked(enough: int = enough) -> bool:
                return self.looks >= enough

            self.watch.wake()
            await until(has_looked)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    store = await SessionStore.open(tmp_path / "ctlr.db")
    (tmp_path / "logging").mkdir()
    made = Watched(store, tmp_path / "logging")
    watching = asyncio.create_task(made.watch.watch_forever())
    yield made
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await store.close()


@pytest.fixture
def logging(watched: Watched) -> Path:
    return watched.logging


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


class _Opened:
    """The folders that are listed in this process, as Python's own audit tells."""

    def __init__(self) -> None:
        self.folders: list[str] | None = None
        sys.addaudithook(self._heard)

    def _heard(self, event: str, args: tuple[object, ...]) -> None:
        if self.folders is not None and event in {"os.scandir", "os.listdir"}:
            self.folders.append(os.fsdecode(args[0]))  # type: ignore[arg-type]


OPENED = _Opened()


def old_session(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


async def test_sessions_that_lie_there_cost_no_look(watched: Watched) -> None:
    """And what comes late for one of them is held all the same."""
    node = watched.logging / "cam-a"
    folders = [node / old_session(number) for number in range(60)]
    for folder in folders:
        deliver(folder, "seg_0000.mp4", folder.name.encode())
    for folder in folders:
        await until_held(folder, folder.name.encode())
    await watched.store.create(
        UUID, SessionState.RECORDING, created_at_ms=1, start_at_ms=1, node_names=["cam-a"]
    )
    deliver(node / UUID, "seg_0000.mp4", b"recorded now")
    await until_held(node / UUID, b"recorded now")
    await watched.look(3)
    OPENED.folders = []
    await watched.look(5)
    listed, OPENED.folders = OPENED.folders, None
    assert [path for path in listed if str(watched.logging) in path] == []
    for data in (b"late", b"later"):
        deliver(folders[7], "seg_0000.mp4", data)
        await until_held(folders[7], data)


async def test_when_the_kernel_drops_notices_everything_is_looked_at(watched: Watched) -> None:
    busy, quiet = (watched.logging / "cam-a" / old_session(n) for n in range(2))
    for folder in (busy, quiet):
        deliver(folder, "seg_0000.mp4", b"first")
        await until_held(folder, b"first")
    for _ in range(most_notices() // 2 + 1):
        os.rename(busy / "seg_0000.mp4", busy / "seg_0001.mp4")
        os.rename(busy / "seg_0001.mp4", busy / "seg_0000.mp4")
    deliver(quiet, "seg_0000.mp4", b"second")  # of which no notice can be left
    await until_held(quiet, b"second")


def most_notices() -> int:
    return int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


async def test_a_watch_says_that_notices_were_dropped(tmp_path: Path) -> None:
    with FolderWatch() as watch:
        watch.begin_again()
        watch.follow([tmp_path])
        (tmp_path / "a").touch()
        for _ in range(most_notices() // 2 + 1):
            os.rename(tmp_path / "a", tmp_path / "b")
            os.rename(tmp_path / "b", tmp_path / "a")
        async with asyncio.timeout(40):
            while not watch.has_lost_notices:
                await watch.wait(20)
        watch.begin_again()
        assert not watch.has_lost_notices


REFUSED = """
import asyncio, pathlib, sys
from ctlr.ingest.folder_watch import FolderWatch

async def main() -> None:
    folders = [pathlib.Path(sys.argv[1]) / str(n) for n in range(4)]
    for folder in folders:
        folder.mkdir()
    with FolderWatch() as watch:
        watch.begin_again()
        watch.follow([*folders[:3], folders[0] / "gone"])
        few = watch.is_refused
        watch.follow(folders)
        print(few, watch.is_refused)

asyncio.run(main())
"""


def test_a_watch_says_that_the_kernel_refuses_more(tmp_path: Path) -> None:
    """In a user's namespace of its own, which has its own limit."""
    limit = "echo 3 > /proc/sys/user/max_inotify_watches"
    command = ["unshare", "-Ur", "sh", "-c", f'{limit} && exec "$@"', "sh"]
    done = subprocess.run(
        [*command, sys.executable, "-c", REFUSED, str(tmp_path)],
        check=False,
        capture_output=True,
        timeout=60,
    )
    if b"unshare failed" in done.stderr or b"Permission denied" in done.stderr:
        pytest.skip("no namespace of a user's own can be made here")
    assert done.stdout.split()[-2:] == [b"False", b"True"], done.stderr
