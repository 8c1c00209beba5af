"""How many sessions there are in each state, kept ready in memory for whoever measures."""

import asyncio
import sqlite3
from collections.abc import Mapping

import structlog

from ctlr.sessions.model import SessionState
from ctlr.sessions.store import SessionStore

INTERVAL_S = 5.0

_log = structlog.get_logger("sessions")


class SessionCounts:
    def __init__(self, store: SessionStore) -> None:
        self._by_state: Mapping[str, int] = {state.value: 0 for state in SessionState}
        self._store = store
        self._works = True

    def read(self) -> Mapping[str, int]:
        """By state; at most ``INTERVAL_S`` old while the loop runs."""
        return self._by_state

    async def count_forever(self) -> None:
        while True:
            try:
                await self._store.check()
                self._by_state = await self._store.count_by_state()
                self._works = True
            except sqlite3.Error as error:  # a figure is not worth the controller's life
                if self._works:
                    _log.warning("sessions cannot be counted", error=str(error))
                self._works = False
            await asyncio.sleep(INTERVAL_S)
