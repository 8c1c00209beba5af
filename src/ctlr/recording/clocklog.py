"""Keeps how far each camera's clock was off, as a history with the session.

The fleet measures offsets over the calls that it makes anyway; here they are written down: at
the start, at the stop and every few seconds between. The newest sample is also the sign of life
from which a restarted controller tells how long it was away.
"""

import asyncio

from ctlr.kernel.clock import Clock
from ctlr.nodes.fleet import Fleet
from ctlr.sessions.model import ClockSample
from ctlr.sessions.store import SessionStore

SAMPLE_INTERVAL_S = 10.0
MAX_AGE_MS = 10_000
"""A camera that has not answered for so long has no sample: the estimate only gets worse."""


class ClockLog:
    def __init__(self, store: SessionStore, fleet: Fleet, clock: Clock) -> None:
        self._store = store
        self._fleet = fleet
        self._clock = clock

    async def sample(self, uuid: str) -> None:
        """Write down what is known of every camera's clock now."""
        now_ms = self._clock.now_ms()
        samples = {
            view.name: ClockSample(view.seen_at_ms, view.clock.offset_ms, view.clock.uncertainty_ms)
            for view in self._fleet.views()
            if view.clock and view.seen_at_ms and now_ms - view.seen_at_ms <= MAX_AGE_MS
        }
        if samples:
            await self._store.add_clock_samples(uuid, samples)

    async def run_forever(self) -> None:
        """Sample while a session is being recorded."""
        while True:
            await asyncio.sleep(SAMPLE_INTERVAL_S)
            session = await self._store.active()
            if session is not None:
                await self.sample(session.uuid)
