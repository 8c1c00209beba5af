"""Keeps what cameras have delivered from what they deliver next, take by take.

A camera that lost a recording and is told to begin again counts its segments from 0 again, and
its delivery would replace what is here. So everything under its final name is held (``keeping``):
when a camera reports, before it is told to begin again, and when it arrives (``takes_watch``). All that
comes after that start belongs to the next take; whatever stands in a file's name, the order in which
things were seen here is what tells takes apart, and no clock.

What was replaced before anything has looked is gone. Where the record shows that (``losses``), it is said.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from weakref import WeakValueDictionary

import structlog

from ctlr.ingest.disk import DISK_DEADLINE_S, LoggingDisk
from ctlr.ingest.keeping import TakeKeeper
from ctlr.ingest.losses import find_lost
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.names import readable_name
from ctlr.layout.raw import LoggingLayout
from ctlr.sessions.model import HashedFile, TakeStart
from ctlr.sessions.store import SessionStore

MOST_SHOWN = 20
START_DEADLINE_S = 1.0
"""A start waits no longer than this for the drive: what is not recorded can't be kept either."""

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
        self._checked: set[tuple[str, str]] = set()

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
        await self._check(uuid, node)

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
        await self.note_start(uuid, node, at_ms)

    async def note_start(self, uuid: str, node: str, at_ms: int) -> None:
        """The take that a node records was told to begin at ``at_ms``."""
        # Not to be told for want of space in the database would cost the recording itself.
        with suppress(sqlite3.OperationalError):
            take = await self._take(uuid, node)
            await self._store.keep_start(uuid, node, TakeStart(take, at_ms))

    def check_again(self) -> None:
        """Another drive may be there, or the same one after others had it."""
        self._checked.clear()

    async def note_lost(self, uuid: str, node: str, known: Mapping[str, HashedFile]) -> None:
        """Say which files that are known by hash have other bytes now, and had them nowhere else.

        Raises ``Refusal`` ``storage_unavailable``, ``sqlite3.OperationalError``.
        """
        await self._note_lost(uuid, node, known, read=True)

    async def _check(self, uuid: str, node: str) -> None:
        """Whether what was durable is there; once in the life of a process or drive."""
        if (uuid, node) in self._checked:
            return
        known = await self._store.hashes(uuid, node)
        await self._note_lost(uuid, node, known, read=False)
        self._checked.add((uuid, node))

    async def _note_lost(
        self, uuid: str, node: str, known: Mapping[str, HashedFile], *, read: bool
    ) -> None:
        if not known:
            return
        folder = self._layout.node_session(node, uuid)
        lost = await self._disk.run(lambda: find_lost(folder, known, read=read))
        new = await self._store.keep_lost(uuid, node, lost) if lost else []
        if new:
            text = (
                f"{', '.join(map(readable_name, new[:MOST_SHOWN]))} of {node} was here and whole; another file has its name now, and "
                "what it held is nowhere on the logging drive. It came there while the controller did "
                "not run, or was put there by hand. If the camera or a copy of the drive still has "
                "the first one, put it beside it under another name and process the session again."
            )
            _log.error("a segment that was held is lost", camera=node, uuid=uuid, lost=new)
            await self._add_event(uuid, "segment_lost", text)
            self._on_replaced(uuid, node)

    async def _take(self, uuid: str, node: str) -> int:
        """The take that a node records, or has recorded last."""
        if (uuid, node) not in self._told:
            self._told[uuid, node] = await self._store.newest_take(uuid, node)
        return self._told[uuid, node]

    async def _note(self, uuid: str, node: str, shown: list[str]) -> None:
        names = ", ".join(map(readable_name, shown[:MOST_SHOWN]))
        more = f" and {len(shown) - MOST_SHOWN} more" if len(shown) > MOST_SHOWN else ""
        text = f"{node} sent other segments under names that it had used; {names}{more} kept."
        await self._add_event(uuid, "segment_kept", text)

    async def _add_event(self, uuid: str, kind: str, text: str) -> None:
        if await self._store.get(uuid) is not None:
            with suppress(sqlite3.OperationalError):
                await self._store.add_event(uuid, self._clock.now_ms(), kind, text)
