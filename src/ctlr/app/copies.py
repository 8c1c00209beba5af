"""Keeps what is known of sessions' copies up to date, and the newest sessions ready in memory.

Whoever makes a session or reads one back says so here; its manifest is then read in the background,
when its drive is there. The newest sessions with what they lack are what status and eject speak of.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from ctlr.postprocess.manifest.copy_facts import copy_of
from ctlr.postprocess.manifest.shapes import Manifest
from ctlr.sessions.copies import SessionCopies, SessionCopy
from ctlr.sessions.model import Session
from ctlr.sessions.search import SessionSearch

NEWEST = 20
LOOK_BACK = 100
INTERVAL_S = 5.0
AT_LEAST_S = 0.25
"""Between two looks, however much happens."""

_log = structlog.get_logger("sessions")

Known = tuple[Session, SessionCopy | None]


class Copies:
    """``read_manifest`` has a deadline, and returns None while the drive is away."""

    def __init__(
        self,
        search: SessionSearch,
        copies: SessionCopies,
        read_manifest: Callable[[str], Awaitable[Manifest | None]],
        on_change: Callable[[], None],
    ) -> None:
        self._search = search
        self._copies = copies
        self._read_manifest = read_manifest
        self._on_change = on_change
        self._wanted: dict[str, None] = {}
        self._woken = asyncio.Event()
        self._works = True
        self.newest: tuple[Known, ...] = ()
        """The newest sessions, the newest first, as far as they are known."""

    def changed(self, uuid: str) -> None:
        """A session's folder has changed: look at it."""
        self._wanted[uuid] = None
        self.wake()

    def wake(self) -> None:
        """Something may have changed of what the record says."""
        self._woken.set()

    async def find_newest(self) -> list[Known]:
        """Sessions that nobody has thrown away, newest first, as far as one would look back."""
        sessions = await self._search.find(LOOK_BACK)
        known = await self._copies.find(session.uuid for session in sessions)
        return [(session, known.get(session.uuid)) for session in sessions]

    async def keep_forever(self) -> None:
        with suppress(sqlite3.Error):  # asked again by the next process
            self._wanted |= dict.fromkeys(await self._copies.unknown())
        while True:
            try:
                await self._look()
                self._works = True
            except sqlite3.Error as error:
                if self._works:
                    _log.warning("what sessions lack cannot be kept", error=str(error))
                self._works = False
            self._woken.clear()
            await asyncio.sleep(AT_LEAST_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL_S):
                    await self._woken.wait()

    async def _look(self) -> None:
        for uuid in list(self._wanted):
            if manifest := await self._read_manifest(uuid):
                await self._copies.keep(uuid, copy_of(manifest))
                self._wanted.pop(uuid, None)
        sessions = await self._search.find(NEWEST)
        known = await self._copies.find(session.uuid for session in sessions)
        newest = tuple((session, known.get(session.uuid)) for session in sessions)
        if newest != self.newest:
            self.newest = newest
            self._on_change()
