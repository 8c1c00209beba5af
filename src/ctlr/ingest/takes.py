"""Keeps what cameras have delivered from what they deliver next, take by take.

A camera that lost a recording and is told to begin again counts its segments from 0 again, and
its delivery would replace what is here. So everything under its final name is held (``keeping``):
when a camera reports, before it is told to begin again, and within a second of its arrival. All
that comes after that start belongs to the next take; whatever stands in a file's name, the order
in which things were seen here is what tells takes apart, and no clock.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog

from ctlr.ingest.disk import DISK_DEADLINE_S, LoggingDisk
from ctlr.ingest.keeping import Keeper
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.ids import is_node_name, is_session_id
from ctlr.layout.raw import LoggingLayout
from ctlr.sessions.model import ACTIVE_STATES, SessionState, TakeStart
from ctlr.sessions.store import SessionStore

LOOK_INTERVAL_S = 1.0
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
        self._keeper = Keeper()
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}
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
        """Hold what arrives, wherever it does, within about a second."""
        while True:
            await self._look()
            await asyncio.sleep(LOOK_INTERVAL_S)

    async def _look(self) -> None:
        try:
            for uuid, node in await self._changed():
                await self.keep(uuid, node)
            self._problem = None
        except (Refusal, sqlite3.OperationalError) as reason:
            if str(reason) != self._problem:
                _log.warning("what arrives is not held yet", reason=str(reason))
            self._problem, self._seen = str(reason), None  # all of it is looked at then

    async def _changed(self) -> list[tuple[str, str]]:
        """The folders that have changed since the last look; at first those of sessions that are
        still coming in."""
        found = await self._disk.run(lambda: _folders(self._layout.root))
        before, self._seen = self._seen, found
        if before is not None:
            changed = {path for path, at in found.items() if before.get(path) != at}
            # A folder's time is coarse: what came in the same instant is found a look later.
            due, self._changing = changed | self._changing & found.keys(), changed
            return [(path.name, path.parent.name) for path in sorted(due)]
        coming = {session.uuid for session in await self._store.with_states(_UNFINISHED)}
        return [(path.name, path.parent.name) for path in found if path.name in coming]

    async def _take(self, uuid: str, node: str) -> int:
        """The take that a node records, or has recorded last."""
        if (uuid, node) not in self._told:
            self._told[uuid, node] = await self._store.newest_take(uuid, node)
        return self._told[uuid, node]

    async def _note(self, uuid: str, node: str, shown: list[str]) -> None:
        text = f"{node} sent other segments under names that it had used; {', '.join(shown)} kept."
        if await self._store.get(uuid) is not None:
            with suppress(sqlite3.OperationalError):
                await self._store.add_event(uuid, self._clock.now_ms(), "segment_kept", text)


def _folders(root: Path) -> dict[Path, int]:
    """When each camera's folder of each session was last changed."""
    nodes = [entry for entry in _subfolders(root) if is_node_name(entry.name)]
    return {
        Path(entry.path): entry.stat(follow_symlinks=False).st_mtime_ns
        for node in nodes
        for entry in _subfolders(Path(node.path))
        if is_session_id(entry.name)
    }


def _subfolders(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
