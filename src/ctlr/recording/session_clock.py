"""Notices when the controller's clock is set, and keeps every session on one clock.

A Pi without a battery for its clock begins where it was switched off, or in 1970, and NTP sets it
when it finds a server: in the middle of a session, by days. The monotonic clock knows: what it and
the wall clock differ by is steady until that one is set. Then all times of the sessions that are
not finished move to the clock as it is set (``ctlr.sessions.clock_steps``); their lengths stay.

It is looked at every second, and before a start and a stop are written down. A step that the
database does not take yet waits: until then instants go on in the clock as it was.
"""

import sqlite3
from contextlib import suppress

import structlog

from ctlr.kernel.clock import Clock
from ctlr.sessions.clock_steps import ClockSteps, OnClock, say_step

STEP_MS = 1000
"""Between two looks NTP slews by less: at most 83 ms a second (chrony's default)."""
STEP_WHILE_AWAY_MS = 60_000
"""Since before a restart slewing may have added up to more."""
LOOK_EVERY_S = 1.0

_log = structlog.get_logger("recording")


class SessionClock:
    """The controller's clock as sessions see it; ``boot_id`` names the monotonic clock's life.

    Every method but ``now_ms`` is for the holder of the lock of starts and stops.
    """

    def __init__(self, steps: ClockSteps, clock: Clock, boot_id: str) -> None:
        self._steps = steps
        self._clock = clock
        self._boot_id = boot_id
        self._offset_ms = self._measure()
        self._step_ms = 0
        self._noticed_s = 0.0

    def now_ms(self) -> int:
        """Unix milliseconds on the clock that the stored sessions are on."""
        self._look()
        return self._clock.now_ms() - self._step_ms

    @property
    def current(self) -> OnClock:
        """What a session that begins now is on."""
        return OnClock(self._boot_id, self._offset_ms)

    @property
    def is_behind(self) -> bool:
        """Whether the clock was set and the sessions are not on it yet."""
        self._look()
        return self._step_ms != 0

    async def resume(self) -> None:
        """Follow what happened since before a restart. Raises ``sqlite3.OperationalError``."""
        self._look()
        await self._move(STEP_WHILE_AWAY_MS)

    async def follow(self) -> bool:
        """Move the sessions to the clock as it is set, if it was; whether any has moved."""
        if not self.is_behind:
            return False
        with suppress(sqlite3.OperationalError):  # which the database has logged
            return await self._move(STEP_MS)
        return False

    async def _move(self, least_ms: int) -> bool:
        self._look()
        offset_ms = self._offset_ms + self._step_ms
        since_ms = round((self._clock.monotonic() - self._noticed_s) * 1000)
        at_ms = self._clock.now_ms() - (since_ms if self._step_ms else 0)
        moved = await self._steps.follow(OnClock(self._boot_id, offset_ms), at_ms, least_ms)
        if self._step_ms:
            _log.warning(say_step(self._step_ms), sessions=moved)
        self._offset_ms, self._step_ms = offset_ms, 0
        return bool(moved)

    def _measure(self) -> int:
        return self._clock.now_ms() - round(self._clock.monotonic() * 1000)

    def _look(self) -> None:
        apart_ms = self._measure() - self._offset_ms
        if abs(apart_ms - self._step_ms) >= STEP_MS:
            self._step_ms, self._noticed_s = apart_ms, self._clock.monotonic()
        elif not self._step_ms:
            self._offset_ms += apart_ms  # slewed
