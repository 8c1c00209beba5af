"""Rounds of looking at everything: one upon each piece of news, and one now and then anyway.

News that comes during a round begins the next at once. Whoever has to know that all of it was
looked at, and that nothing is left to do, waits for ``idle``.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress


class Rounds:
    """``look`` is a round; one that the database fails is not the last. ``interval_s`` tells after
    each how long the next may wait for news; ``is_at_rest`` whether nothing is at work."""

    def __init__(
        self,
        look: Callable[[], Awaitable[None]],
        interval_s: Callable[[], float],
        is_at_rest: Callable[[], bool],
    ) -> None:
        self._look = look
        self._interval_s = interval_s
        self._is_at_rest = is_at_rest
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []

    def wake(self) -> None:
        """There is news."""
        self.busy()
        self._news.set()

    def busy(self) -> None:
        """Something is set to work outside of a round."""
        self._idle.clear()

    async def idle(self) -> None:
        """Wait until nothing is at work and a whole round has found nothing more to do before
        there is news or time has passed."""
        await self._idle.wait()

    async def have_one(self) -> None:
        """Have a round that begins from now on, and wait for its end, whatever is at work."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(ended)
        self.wake()
        await ended

    async def run_forever(self) -> None:
        """Round after round."""
        try:
            while True:
                await self._have_round()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._interval_s()):
                        await self._news.wait()
        finally:
            self._idle.clear()

    async def _have_round(self) -> None:
        self._news.clear()
        self._idle.clear()
        waiting, self._waiting = self._waiting, []
        with suppress(sqlite3.OperationalError):  # the database has logged it
            await self._look()
            if self._is_at_rest() and not self._news.is_set():
                self._idle.set()
        for ended in waiting:
            if not ended.done():  # whoever waited may have been cancelled
                ended.set_result(None)
