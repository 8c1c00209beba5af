"""Keeps how far each clock was off, as a history with the session.

The fleet measures the cameras' offsets over the calls that it makes anyway; here they are written
down: with the start, with the stop and every few seconds between. The newest sample is also the sign
of life from which a restarted controller tells how long it was away.

A phone measures itself and says so whenever it likes. What it says goes into the session that is
being recorded, or into the next one: phones do so before they start it.
"""

import asyncio
import sqlite3
from contextlib import suppress
from dataclasses import replace

import structlog

from ctlr.kernel.clock import Clock, iso_from_ms
from ctlr.kernel.errors import Refusal
from ctlr.nodes.fleet import Fleet
from ctlr.recording.session_clock import STEP_MS, SessionClock
from ctlr.sessions.model import ClockSample, Session
from ctlr.sessions.store import SessionStore

SAMPLE_INTERVAL_S = 10.0
MAX_AGE_MS = 10_000
"""A camera that has not answered for so long has no sample: the estimate only gets worse."""
PHONE = "phone"
PHONE_KEPT_S = 3600.0
"""How long what a phone said waits for the next session; its clock may since have been set."""

_log = structlog.get_logger("recording")


class ClockLog:
    def __init__(
        self, store: SessionStore, fleet: Fleet, clock: Clock, session_clock: SessionClock
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._clock = clock
        self._session_clock = session_clock
        self._phone: ClockSample | None = None
        self._phone_until_s = 0.0
        self._phone_apart_ms = 0

    async def keep_phone(self, sample: ClockSample, uuid: str | None = None) -> str | None:
        """Keep what a phone found of its own clock with the session ``uuid``, by default the one
        that is being recorded. Returns that session's; None: it waits for the next.

        Raises ``Refusal`` ``unknown_session``.
        """
        session = await (self._store.get(uuid) if uuid else self._store.active())
        if uuid and session is None:
            raise Refusal("unknown_session", "No session with this id has been recorded here.")
        self._phone, self._phone_until_s = sample, self._clock.monotonic() + PHONE_KEPT_S
        self._phone_apart_ms = self._apart_ms()
        if session is not None and not self._session_clock.is_behind:
            await self._store.add_clock_samples(session.uuid, {PHONE: sample})
        return session.uuid if session else None

    def phone_ahead_ms(self) -> int | None:
        """The phone's clock minus ours, if it said so lately."""
        phone = self._phone_lately()
        return round(phone.offset_ms) if phone else None

    def _phone_lately(self) -> ClockSample | None:
        """What the phone said, as the difference to our clock as it has been set since."""
        phone, set_ms = self._phone, self._apart_ms() - self._phone_apart_ms
        if phone is None or self._clock.monotonic() >= self._phone_until_s:
            return None
        if abs(set_ms) < STEP_MS:
            return phone
        return replace(phone, at_ms=phone.at_ms + set_ms, offset_ms=phone.offset_ms - set_ms)

    def _apart_ms(self) -> int:
        return self._clock.now_ms() - round(self._clock.monotonic() * 1000)

    def samples(self) -> dict[str, ClockSample]:
        """What is known of every clock now, by source."""
        now_ms = self._clock.now_ms()
        samples = {
            view.name: ClockSample(now_ms, clock.offset_ms, clock.uncertainty_ms)
            for view in self._fleet.views()
            if view.seen_at_ms and 0 <= now_ms - view.seen_at_ms <= MAX_AGE_MS
            if (clock := self._fleet.clock_of(view.name))
        }
        if phone := self._phone_lately():
            samples[PHONE] = phone
        return samples

    async def note_absence(self, session: Session) -> None:
        """Write the hole of our own absence into the session: since its last sign of life.

        Raises ``sqlite3.OperationalError``.
        """
        now_ms = self._clock.now_ms()
        samples = (await self._store.with_measurements(session)).clocks.values()
        signs = [sample.at_ms for found in samples for sample in found]
        since = f" since {iso_from_ms(max(signs))}" if signs else ""
        text = (
            f"The controller was away{since} and is back at {iso_from_ms(now_ms)}; "
            "the cameras recorded on."
        )
        await self._store.add_event(session.uuid, now_ms, "controller_away", text)
        _log.warning(text, uuid=session.uuid)

    async def run_forever(self) -> None:
        """Sample while a session is being recorded; what it has already stays once."""
        while True:
            await asyncio.sleep(SAMPLE_INTERVAL_S)
            if self._session_clock.is_behind:  # what is measured now is on another clock
                continue
            with suppress(sqlite3.OperationalError):  # which the database has logged
                session = await self._store.active()
                if session is not None and (samples := self.samples()):
                    await self._store.add_clock_samples(session.uuid, samples)
