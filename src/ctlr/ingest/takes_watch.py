"""Has what arrives on the logging drive held at once, wherever it does.

The kernel tells of every file within milliseconds (``folder_watch``), in the folder of every session
on the drive. It may drop notices or refuse a watch, and says so: then all folders are looked at, for as
long as it refuses every second. What it would ever leave out without a word is found by a look at the
sessions that are recorded or awaited each second, and at all others every few minutes: so the work does
not grow with the sessions that lie there. A drive that comes, or comes back, is looked at whole, a few
folders at a time: what arrived unseen, or was never held, is held then.
"""

import os
import sqlite3
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path

import structlog

from ctlr.ingest.disk import LoggingDisk
from ctlr.ingest.folder_watch import FolderWatch
from ctlr.ingest.takes import Takes
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.ids import is_node_name, is_session_id
from ctlr.layout.raw import TAKES_FOLDER, LoggingLayout
from ctlr.sessions.model import ACTIVE_STATES, SessionState
from ctlr.sessions.store import SessionStore

LOOK_S = 1.0
"""Between two looks at what is recorded or awaited."""
REST_S = 5.0
"""Between two looks while nothing is."""
WHOLE_S = 300.0
"""Between two looks at everything."""
MOST_AWAITED = 20
"""So many sessions are looked at as awaited, the last ones: a sync drive may be away for weeks."""
AT_ONCE = 20
"""Folders of other sessions that are held in one go, before notices are followed again."""

_AWAITED = (*ACTIVE_STATES, SessionState.COLLECTING, SessionState.PROCESSING)
_log = structlog.get_logger("ingest")


class TakesWatch:
    """``check_disk`` raises a ``Refusal`` while the logging drive takes nothing."""

    def __init__(
        self,
        takes: Takes,
        store: SessionStore,
        layout: LoggingLayout,
        clock: Clock,
        *,
        check_disk: Callable[[], None] = lambda: None,
    ) -> None:
        self._takes = takes
        self._store = store
        self._root = layout.root
        self._clock = clock
        self._disk = LoggingDisk(check_disk)
        self._watch = FolderWatch()
        self._mounted: tuple[int, int] | None = None
        self._seen: dict[Path, int] | None = None  # when each session's folder last changed
        self._changing: set[Path] = set()
        self._left: list[Path] = []
        self._awaited: list[str] = []
        self._whole_at = 0.0
        self._problem: str | None = None

    def wake(self) -> None:
        """A session or a drive has changed: look now."""
        self._watch.wake()

    async def watch_forever(self) -> None:
        with self._watch:
            while True:
                await self._attempt(self._look())
                await self._follow_notices()

    async def _follow_notices(self) -> None:
        """Until the next look is due, or wanted."""
        due = self._clock.monotonic() + self._pause_s()
        while (left_s := due - self._clock.monotonic()) > 0:
            noticed = await self._watch.wait(left_s)
            for path in sorted(noticed):
                await self._attempt(self._came(path))
            if not noticed or self._watch.has_lost_notices:
                return

    def _pause_s(self) -> float:
        if self._left:
            return LOOK_S / 100
        busy = self._awaited or self._changing or self._seen is None or self._watch.is_refused
        return LOOK_S if busy else REST_S

    async def _attempt(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
            self._problem = None
        except (Refusal, sqlite3.OperationalError) as reason:
            if str(reason) != self._problem:
                _log.warning("what arrives is not held yet", reason=str(reason))
            self._problem, self._seen = str(reason), None  # all of it is looked at then

    async def _came(self, path: Path) -> None:
        """Something came into a session's folder, or that is new itself, or its node's is."""
        if path.parent == self._root and is_node_name(path.name):
            for folder in await self._disk.run(lambda: self._follow_node(path)):
                await self._hold(folder)
        elif path.parent.parent == self._root and _is_session(path):
            await self._hold(path)

    async def _look(self) -> None:
        mounted = await self._disk.run(lambda: _identify(self._root))
        if mounted != self._mounted:
            self._mounted, self._seen = mounted, None
        self._awaited = await self._store.last_uuids(_AWAITED, MOST_AWAITED)
        watch, now = self._watch, self._clock.monotonic()
        if self._seen is None:
            await self._look_at_all_first()
        elif watch.is_refused or watch.has_lost_notices or now >= self._whole_at:
            await self._hold_changed(self._seen, await self._disk.run(self._follow_all))
        else:
            await self._hold_changed(self._seen, await self._look_at_awaited(self._seen))
        for folder in self._left[:AT_ONCE]:
            await self._hold(folder)
        del self._left[:AT_ONCE]

    async def _look_at_all_first(self) -> None:
        """Sessions that are still coming in at once, all others that may hold more one by one."""
        found = await self._disk.run(self._follow_all)
        self._takes.check_again()
        coming = {folder for folder in found if folder.name in self._awaited}
        self._left = sorted(await self._disk.run(lambda: _may_hold_more(found.keys() - coming)))
        self._changing.clear()
        self._seen = found
        for folder in sorted(coming):
            await self._hold(folder)

    async def _look_at_awaited(self, seen: dict[Path, int]) -> dict[Path, int]:
        nodes = {folder.parent for folder in seen}
        folders = [node / uuid for node in nodes for uuid in self._awaited]
        return await self._disk.run(lambda: _changed_at(folders)) if folders else {}

    async def _hold_changed(self, seen: dict[Path, int], found: dict[Path, int]) -> None:
        changed = {folder for folder, at in found.items() if seen.get(folder) != at}
        # A folder's time is coarse: what came in the same instant is found a look later.
        due, self._changing = changed | self._changing & found.keys(), changed
        for folder in sorted(due):
            await self._hold(folder)

    async def _hold(self, folder: Path) -> None:
        """Hold what is in a folder, which is watched from now on."""
        at = await self._disk.run(lambda: self._follow_session(folder))
        if self._seen is not None:
            self._seen |= at
        await self._takes.keep(folder.name, folder.parent.name)

    # --- in a thread

    def _follow_all(self) -> dict[Path, int]:
        """Watch every folder there is; when each session's last changed, seen after it was watched."""
        watch = self._watch
        watch.begin_again()
        self._whole_at = self._clock.monotonic() + WHOLE_S
        watch.follow([self._root])
        nodes = [folder for folder in _subfolders(self._root) if is_node_name(folder.name)]
        return _changed_at([session for node in nodes for session in self._follow_node(node)])

    def _follow_node(self, node: Path) -> list[Path]:
        """Watch a node's folder and its sessions', which are returned."""
        self._watch.follow([node])
        sessions = [folder for folder in _subfolders(node) if _is_session(folder)]
        self._watch.follow(sessions)
        return sessions

    def _follow_session(self, folder: Path) -> dict[Path, int]:
        self._watch.follow([folder])
        return _changed_at([folder])


def _is_session(folder: Path) -> bool:
    return is_session_id(folder.name) and is_node_name(folder.parent.name)


def _identify(root: Path) -> tuple[int, int] | None:
    """What is mounted where the logging drive belongs."""
    try:
        status = os.stat(root)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _changed_at(folders: Iterable[Path]) -> dict[Path, int]:
    """When each of those folders that are there was last changed."""
    found = {}
    for folder in folders:
        try:
            found[folder] = os.stat(folder, follow_symlinks=False).st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            continue
    return found


def _may_hold_more(folders: Iterable[Path]) -> set[Path]:
    """Those into which something came after the last file was held, or that were never looked at."""
    return {folder for folder in folders if not _is_all_held(folder)}


def _is_all_held(folder: Path) -> bool:
    try:
        return os.stat(folder).st_mtime_ns < os.stat(folder / TAKES_FOLDER).st_mtime_ns
    except FileNotFoundError:
        return False


def _subfolders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
