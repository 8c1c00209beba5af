"""The status as all who watch are told it: made once per change, the same bytes for everybody.

While somebody listens one loop makes the status whenever it may have changed, at most five times a
second, and every ``TICK_S`` in any case, as frames and temperatures move without being a change of
their own. What has been said already is not said again. With each tick goes the controller's time:
a page that hears none knows that it is cut off.

A listener holds the newest status and the newest tick, never a queue: one that reads slowly misses
some, and has lost nothing, as each status is whole. There are at most so many from one address and
in all; the one that is longest there gives way, for it may be a phone that has left the Wi-Fi, of
which no error comes for minutes.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ctlr.api.changes import Changes
from ctlr.kernel.clock import Clock

SHORTEST_INTERVAL_S = 0.2
TICK_S = 2.0


@dataclass(frozen=True)
class Limits:
    """How many may listen: from one address, and in all."""

    of_one: int = 8
    of_all: int = 64


USUAL = Limits()


class Listener:
    """One stream. ``replaced`` is set when it has to give way."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.replaced = asyncio.Event()
        self._news = asyncio.Event()
        self._status = b""
        self._tick = b""

    def tell(self, *, status: bytes = b"", tick: bytes = b"") -> None:
        self._status = status or self._status
        self._tick = tick or self._tick
        self._news.set()

    async def heard(self) -> bytes:
        """The newest of what was told since the last call, once there is something."""
        await self._news.wait()
        self._news.clear()
        heard, self._status, self._tick = self._status + self._tick, b"", b""
        return heard


class Feed:
    """``make_status`` is the status as JSON; ``changes`` tells when it may be another."""

    def __init__(
        self,
        make_status: Callable[[], str],
        changes: Changes,
        clock: Clock,
        limits: Limits = USUAL,
    ) -> None:
        self._make_status = make_status
        self._changes = changes
        self._clock = clock
        self._limits = limits
        self._listeners: list[Listener] = []
        self._somebody = asyncio.Event()
        self._status = b""
        self.made = 0
        """How often the status was made."""

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    @contextmanager
    def listening(self, address: str) -> Iterator[Listener]:
        """Somebody listens while the block lasts, and is told the status and the time at once."""
        self._make_room(address)
        listener = Listener(address)
        if not self._listeners:  # else the loop has made the newest
            self._make()
        listener.tell(status=self._status, tick=self._tick())
        self._listeners.append(listener)
        self._somebody.set()
        try:
            yield listener
        finally:
            self._let_go(listener)

    async def run_forever(self) -> None:
        """Tell all who listen; rests while nobody does."""
        seen, tick_at_s = -1, 0.0
        while True:
            await self._somebody.wait()
            due_in_s = max(0.0, tick_at_s - self._clock.monotonic())
            with suppress(TimeoutError):
                async with asyncio.timeout(due_in_s):
                    seen = await self._changes.after(seen)
            is_due = self._clock.monotonic() >= tick_at_s
            if is_due:
                tick_at_s = self._clock.monotonic() + TICK_S
            status = self._status if self._make() else b""
            tick = self._tick() if is_due else b""
            for listener in self._listeners if status or tick else ():
                listener.tell(status=status, tick=tick)
            await asyncio.sleep(SHORTEST_INTERVAL_S)

    def _make(self) -> bool:
        """Whether there is something new to say."""
        said = self._status
        self._status = f"event: status\ndata: {self._make_status()}\n\n".encode()
        self.made += 1
        return self._status != said

    def _tick(self) -> bytes:
        return b'event: tick\ndata: {"now_ms":%d}\n\n' % self._clock.now_ms()

    def _make_room(self, address: str) -> None:
        of_one = [listener for listener in self._listeners if listener.address == address]
        if len(of_one) >= self._limits.of_one:
            self._replace(of_one[0])
        if len(self._listeners) >= self._limits.of_all:
            self._replace(self._listeners[0])

    def _replace(self, listener: Listener) -> None:
        listener.replaced.set()
        self._let_go(listener)

    def _let_go(self, listener: Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)
        if not self._listeners:
            self._somebody.clear()
