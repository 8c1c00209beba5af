"""Keeps what cameras have delivered from what they deliver next, take by take.

A camera that lost a recording and is told to begin again counts its segments from 0 again, and
its delivery would replace what is here. So everything under its final name is held (``keeping``):
when a camera reports, before it is told to begin again, and when it arrives: the kernel says so
within milliseconds, and a look each second finds what it did not say. All that comes after that start belongs to the next take; whatever stands in a file's name, the order
in which things were seen here is what tells takes apart, and no clock.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

import structlog

from ctlr.ingest.disk import DISK_DEADLINE_S, LoggingDisk
from ctlr.ingest.folder_watch import FolderWatch
from ctlr.ingest.keeping import TakeKeeper
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.ids import is_node_name, is_session_id
from ctlr.kernel.names import readable_name
from ctlr.layout.raw import TAKES_FOLDER, LoggingLayout
from ctlr.sessions.model import ACTIVE_STATES, SessionState, TakeStart
from ctlr.sessions.store import SessionStore

LOOK_INTERVAL_S = 1.0
LOOK_SHARE = 20
"""A look takes no more than one part in so many of the time, however much lies there: the kernel
tells of what arrives meanwhile."""
LONGEST_REST_S = 60.0
MOST_SHOWN = 20
START_DEADLINE_S = 1.0
"""A start waits no longer than this for the drive: what is not recorded can't be kept either."""

_UNFINISHED = (*ACTIVE_STATES, SessionState.COLLECTING, SessionState.PROCESSING)
_log = structlog.get_logger("ingest")


class Takes:
    """``check_disk`` raises a ``Refusal`` while the logging drive takes nothing; ``on_replaced``
    is called with the uuid and node of which a file came under the name of another."""

    def __init__(
        self,
        store: SessionStore,
        layout: LoggingLayout,
        clock: Clock,
        *,
        check_disk: Callable[[], None] = lambda: None,
        on_replaced: Callable[[str, str], None] = lambda _uuid, _node: None,
    ) -> None:
        self._store = store
        self._layout = layout
        self._clock = clock
        self._disk = LoggingDisk(check_disk)
        self._on_replaced = on_replaced
        self._keeper = TakeKeeper()
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._told: dict[tuple[str, str], int] = {}
        self._seen: dict[Path, int] | None = None
        self._changing: set[Path] = set()
        self._problem: str | None = None

    async def keep(self, uuid: str, node: str, deadline_s: float = DISK_DEADLINE_S) -> None:
        """Hold everything that a node has delivered of a session.

        Raises ``Refusal`` ``storage_unavailable`` when the drive fails or does not answer.
        """
        folder = self._layout.node_session(node, uuid)
        async with self._locks.setdefault((uuid, node), asyncio.Lock()):
            hold = partial(self._keeper.keep, folder, await self._take(uuid, node))
            shown = await self._disk.run(hold, deadline_s)
        if shown:
            await self._note(uuid, node, shown)
            self._on_replaced(uuid, node)

    async def begin(self, uuid: str, node: str, at_ms: int, *, again: bool, repeated: bool) -> None:
        """A node is about to be told to begin at ``at_ms`` in a session that is going on.

        ``again``: it had begun before; ``repeated``: it was told so already and has not answered.
        """
        try:
            await self.keep(uuid, node, START_DEADLINE_S)
        except Refusal as reason:
            _log.warning("a camera begins again unseen", camera=node, uuid=uuid, reason=str(reason))
        take = await self._take(uuid, node)
        if again and not repeated:
            take += 1
        self._told[uuid, node] = take
        # Not to be told for want of space in the database would cost the recording itself.
        with suppress(sqlite3.OperationalError):
            await self._store.keep_start(uuid, node, TakeStart(take, at_ms))

    async def watch_forever(self) -> None:
        """Hold what arrives, wherever it does."""
        with FolderWatch() as watch:
            while True:
                began = self._clock.monotonic()
                await self._attempt(self._look(watch))
                took_s = self._clock.monotonic() - began
                rest_s = min(took_s * LOOK_SHARE, LONGEST_REST_S)
                await self._follow_notices(watch, max(LOOK_INTERVAL_S, rest_s))

    async def _follow_notices(self, watch: FolderWatch, for_s: float) -> None:
        """Until the next look is due, or a folder is new."""
        due = self._clock.monotonic() + for_s
        while (left_s := due - self._clock.monotonic()) > 0:
            noticed = await watch.wait(left_s)
            if not all(_is_session(folder) for folder in noticed):
                return
            for folder in sorted(noticed):
                await self._attempt(self.keep(folder.name, folder.parent.name))

    async def _attempt(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
            self._problem = None
        except (Refusal, sqlite3.OperationalError) as reason:
            if str(reason) != self._problem:
                _log.warning("what arrives is not held yet", reason=str(reason))
            self._problem, self._seen = str(reason), None  # all of it is looked at then

    async def _look(self, watch: FolderWatch) -> None:
        for uuid, node in await self._changed(watch):
            await self.keep(uuid, node)

    async def _changed(self, watch: FolderWatch) -> list[tuple[str, str]]:
        """The folders that have changed since the last look, watched from now on. At first those of
        sessions that are still coming in, and then all others that may hold what is not held."""
        found = await self._disk.run(lambda: _folders(self._layout.root))
        before, self._seen = self._seen, found
        if before is not None:
            changed = {path for path, at in found.items() if before.get(path) != at}
            # A folder's time is coarse: what came in the same instant is found a look later.
            due, self._changing = changed | self._changing & found.keys(), changed
        else:
            coming = {session.uuid for session in await self._store.with_states(_UNFINISHED)}
            due = {path for path in found if path.name in coming}
            self._changing = await self._disk.run(lambda: _may_hold_more(found.keys() - due))
        nodes = {path.parent for path in found}
        await self._disk.run(lambda: watch.follow([self._layout.root, *nodes, *due]))
        return [(path.name, path.parent.name) for path in sorted(due)]

    async def _take(self, uuid: str, node: str) -> int:
        """The take that a node records, or has recorded last."""
        if (uuid, node) not in self._told:
            self._told[uuid, node] = await self._store.newest_take(uuid, node)
        return self._told[uuid, node]

    async def _note(self, uuid: str, node: str, shown: list[str]) -> None:
        names = ", ".join(map(readable_name, shown[:MOST_SHOWN]))
        more = f" and {len(shown) - MOST_SHOWN} more" if len(shown) > MOST_SHOWN else ""
        text = f"{node} sent other segments under names that it had used; {names}{more} kept."
        if await self._store.get(uuid) is not None:
            with suppress(sqlite3.OperationalError):
                await self._store.add_event(uuid, self._clock.now_ms(), "segment_kept", text)


def _is_session(folder: Path) -> bool:
    return is_session_id(folder.name) and is_node_name(folder.parent.name)


def _folders(root: Path) -> dict[Path, int]:
    """When each camera's folder of each session was last changed."""
    nodes = [entry for entry in _subfolders(root) if is_node_name(entry.name)]
    return {
        Path(entry.path): entry.stat(follow_symlinks=False).st_mtime_ns
        for node in nodes
        for entry in _subfolders(Path(node.path))
        if is_session_id(entry.name)
    }


def _may_hold_more(folders: Iterable[Path]) -> set[Path]:
    """Those into which something came after the last file was held, or that were never looked at."""
    return {folder for folder in folders if not _is_all_held(folder)}


def _is_all_held(folder: Path) -> bool:
    try:
        return os.stat(folder).st_mtime_ns < os.stat(folder / TAKES_FOLDER).st_mtime_ns
    except FileNotFoundError:
        return False


def _subfolders(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
