"""The newest view, made once and shared by all who look; and what must be remembered meanwhile.

Each change is folded into the memory of the take, whether anybody looks or not. The view is made
when the first screen asks for it after a change, as one block of bytes that all screens get. A
tick every two seconds tells a page that its line is alive: to it, a silence and a calm look alike.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ctlr.api.changes import Changes
from ctlr.api.overview import Facts
from ctlr.kernel.clock import Clock
from ctlr.page.history import History
from ctlr.page.view.memory import Memory, remember
from ctlr.page.view.rig import id_of, rig_view
from ctlr.recording.preflight import Finding

SHORTEST_INTERVAL_S = 0.2
TICK_S = 2.0


@dataclass(frozen=True)
class Shown:
    """A view, what tells it from others, and how it is pushed."""

    view: dict[str, Any]
    id: str
    event: bytes


class PageFeed:
    """``findings`` are the preflight's, from memory."""

    def __init__(
        self,
        read_facts: Callable[[], Facts],
        findings: Callable[[], Sequence[Finding]],
        changes: Changes,
        clock: Clock,
    ) -> None:
        self._read_facts = read_facts
        self._findings = findings
        self._changes = changes
        self._clock = clock
        self._told = Changes()
        self._memory = Memory()
        self._screens = 0
        self._shown: Shown | None = None
        self.history = History()

    async def keep_forever(self) -> None:
        """Fold what changes into the memory; look every now and then at what changes with time."""
        seen = -1
        while True:
            try:
                async with asyncio.timeout(TICK_S):
                    seen = await self._changes.after(seen)
            except TimeoutError:
                pass
            facts = self._read_facts()
            self._memory = remember(self._memory, facts)
            self.history.note(facts)
            self._renew()
            await asyncio.sleep(SHORTEST_INTERVAL_S)

    def shown(self) -> Shown:
        """The view as it is now."""
        if self._shown is None:
            facts = self._read_facts()
            view = rig_view(facts, self._findings(), self._memory, self._screens)
            known = id_of(view)
            data = json.dumps({**view, "id": known}, ensure_ascii=False, separators=(",", ":"))
            self._shown = Shown(view, known, f"event: view\ndata: {data}\n\n".encode())
        return self._shown

    async def stream(self, seen: str) -> AsyncIterator[bytes]:
        """Every view but the one that is ``seen`` already, and the ticks."""
        self._count_screens(1)
        try:
            told, due_s = -1, 0.0
            while True:
                shown = self.shown()
                if shown.id != seen:
                    seen = shown.id
                    yield shown.event
                if self._clock.monotonic() >= due_s:
                    due_s = self._clock.monotonic() + TICK_S
                    yield f"event: tick\ndata: {self._clock.now_ms()}\n\n".encode()
                told = await self._wait(told, due_s)
        finally:
            self._count_screens(-1)

    async def _wait(self, told: int, due_s: float) -> int:
        """Until there is something new, or the next tick is due."""
        try:
            async with asyncio.timeout(max(0.0, due_s - self._clock.monotonic())):
                return await self._told.after(told)
        except TimeoutError:
            return told

    def _count_screens(self, more: int) -> None:
        self._screens += more
        self._renew()

    def _renew(self) -> None:
        self._shown = None
        self._told.notify()
