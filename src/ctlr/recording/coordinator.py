"""Starts and stops sessions, and keeps the cameras where the record says they should be.

A command is stored before a camera hears of it, so that a crash between the two is caught up
with. One lock puts starts, stops and corrections in order: a double tap, two phones or a stop
during arming have one outcome. The phone's answer waits for one bounded round of calls; what
that round does not reach is left to the ``Tender``.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog

from ctlr.kernel.clock import Clock, iso_from_ms
from ctlr.kernel.errors import Refusal
from ctlr.kernel.ids import new_session_id
from ctlr.nodes.fleet import CommandResult, Fleet
from ctlr.recording.clocklog import ClockLog
from ctlr.recording.outcome import (
    StartWarning,
    camera_results,
    count_started,
    start_answer,
    stop_answer,
)
from ctlr.recording.stopwatch import Stopwatch
from ctlr.sessions.model import Session, SessionState
from ctlr.sessions.store import SessionStore

CALL_BACK_S = 0.1
"""How long a refused start waits for the cameras that it calls back; the tender does the rest."""

_log = structlog.get_logger("recording")


class Coordinator:
    """The one place that moves a session through arming, recording and stopping.

    ``find_warnings`` returns what may spoil a session that starts now; ``check_start`` raises the
    ``Refusal`` for a moment in which none may start; ``on_change`` is called after the current
    session changed.
    """

    def __init__(
        self,
        store: SessionStore,
        fleet: Fleet,
        clock: Clock,
        clock_log: ClockLog,
        stopwatch: Stopwatch,
        *,
        start_delay_ms: int,
        min_cameras: int,
        find_warnings: Callable[[], list[StartWarning]],
        on_change: Callable[[], None],
        check_start: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._clock = clock
        self._clock_log = clock_log
        self._stopwatch = stopwatch
        self._start_delay_ms = start_delay_ms
        self._min_cameras = min_cameras
        self._find_warnings = find_warnings
        self._on_change = on_change
        self._check_moment = check_start
        self.lock = asyncio.Lock()
        self.urgent = asyncio.Event()
        self._current: Session | None = None

    @property
    def current(self) -> Session | None:
        """The active session as last stored; None when idle. Answered from memory."""
        return self._current

    @property
    def recorded_s(self) -> float:
        """How long the active session has been recorded; 0 when idle."""
        return self._stopwatch.recorded_s(self._current)

    async def start(self, uuid: str | None) -> dict[str, Any]:
        """Begin a session on all cameras; the answer is the contract's.

        Raises ``Refusal``: ``already_recording``, ``uuid_already_used``, ``no_camera_ready``,
        and what ``check_start`` raises.
        """
        async with self._at_once():
            uuid = uuid or new_session_id()
            repeated = await self._check_start(uuid)
            if repeated:
                return repeated
            self._check_moment()
            return await self._start(uuid)

    async def stop(self, uuid: str | None) -> dict[str, Any]:
        """End the active session on all cameras; the answer is the contract's.

        Raises ``Refusal``: ``not_recording``, ``other_session_recording``.
        """
        async with self._at_once():
            session = await self._store.active()
            if session is None or (uuid is not None and uuid != session.uuid):
                return await self._answer_idle_stop(session, uuid)
            return await self._stop(session)

    async def resume(self) -> None:
        """Take up, after a restart, what the record says was going on."""
        async with self.lock:
            session = await self._store.active()
            if session is not None and session.state is SessionState.STOPPING:
                await self._stop(session)
            elif session is not None:
                await self._store.change(session.uuid, SessionState.RECORDING)
                await self._note_absence(session)
            await self.refresh()
        self._on_change()  # also when idle: what was said before the restart may be wrong now

    async def _note_absence(self, session: Session) -> None:
        """Write the hole of our own absence into the session: since its last sign of life."""
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

    async def refresh(self) -> None:
        """Read the active session again, after somebody else has changed it."""
        self._set_current(await self._store.active())

    @asynccontextmanager
    async def _at_once(self) -> AsyncIterator[None]:
        """The lock for a person's command: calls of the tender under way are given up for it."""
        self.urgent.set()
        async with self.lock:
            self.urgent.clear()
            yield

    async def _check_start(self, uuid: str) -> dict[str, Any] | None:
        """The first answer when ``uuid`` is already recording; None when it may begin."""
        active = await self._store.active()
        if active is not None and active.uuid == uuid:
            return await self._store.kept_answer(uuid, "start") or self._adopted_answer(active)
        if active is not None:
            raise Refusal(
                "already_recording",
                "Another session is being recorded. Stop it first.",
                uuid=active.uuid,
            )
        known = await self._store.get(uuid)
        if known is not None and not (
            known.state is SessionState.FAILED and known.stopped_at_ms is None
        ):
            raise Refusal(
                "uuid_already_used",
                "This session id has been recorded before. Start with a new one.",
            )
        return None

    async def _start(self, uuid: str) -> dict[str, Any]:
        names = self._fleet.names
        now_ms = self._clock.now_ms()
        start_at_ms = now_ms + self._start_delay_ms
        warnings = self._find_warnings()
        self._set_current(
            await self._store.create(
                uuid,
                SessionState.ARMING,
                created_at_ms=now_ms,
                start_at_ms=start_at_ms,
                node_names=names,
            )
        )
        results = await self._fleet.start_recording(names, uuid, start_at_ms)
        await self._store.change_nodes(
            uuid,
            {
                name: {
                    "started": result.acknowledged,
                    "start_at_ms": result.start_at_ms if result.acknowledged else None,
                    "error": result.error,
                }
                for name, result in results.items()
            },
        )
        if count_started(results) < self._min_cameras:
            await self._give_up_start(uuid, results)
        answer = start_answer(uuid, start_at_ms, results, warnings)
        await self._store.keep_answer(uuid, "start", answer)
        self._set_current(await self._store.change(uuid, SessionState.RECORDING))
        await self._clock_log.sample(uuid)
        _log.info(
            "recording",
            uuid=uuid,
            start_at=start_at_ms,
            cameras=count_started(results),
            of=len(names),
        )
        return answer

    async def _give_up_start(self, uuid: str, results: dict[str, CommandResult]) -> None:
        """Too few cameras: call the armed ones back before they begin, then refuse."""
        maybe_armed = [name for name, result in results.items() if not result.refused]
        idle = results.keys() - maybe_armed
        with suppress(TimeoutError):
            async with asyncio.timeout(CALL_BACK_S):
                stopped = await self._fleet.stop_recording(maybe_armed)
                idle |= {name for name, result in stopped.items() if result.acknowledged}
        await self._store.change_nodes(uuid, {name: {"stop_acknowledged": True} for name in idle})
        names = ", ".join(name for name, result in results.items() if not result.acknowledged)
        detail = (
            f"Nothing is being recorded: {count_started(results)} of at least "
            f"{self._min_cameras} cameras started"
            + (f" (not {names})." if names else ": no camera is configured.")
            + " Switch them on and start again."
        )
        await self._store.change(uuid, SessionState.FAILED, error=detail)
        self._set_current(None)
        raise Refusal("no_camera_ready", detail, cameras=camera_results(results))

    async def _answer_idle_stop(self, active: Session | None, uuid: str | None) -> dict[str, Any]:
        kept = await self._store.kept_answer(uuid, "stop") if uuid else None
        if kept:
            return kept
        if active is not None:
            raise Refusal(
                "other_session_recording",
                "The session that is being recorded is another one; it goes on. Stop that, by its id.",
                uuid=active.uuid,
            )
        raise Refusal("not_recording", "Nothing is being recorded, so there is nothing to stop.")

    async def _stop(self, session: Session) -> dict[str, Any]:
        recorded_s = self._stopwatch.recorded_s(session)
        stopped_at_ms = session.stopped_at_ms or self._clock.now_ms()
        self._set_current(
            await self._store.change(
                session.uuid,
                SessionState.STOPPING,
                stop_requested_at_ms=session.stop_requested_at_ms or stopped_at_ms,
                stopped_at_ms=stopped_at_ms,
            )
        )
        await self._clock_log.sample(session.uuid)
        results = await self._fleet.stop_recording(self._fleet.names)
        await self._store.change_nodes(
            session.uuid,
            {name: {"stop_acknowledged": result.acknowledged} for name, result in results.items()},
        )
        answer = stop_answer(session.uuid, recorded_s, stopped_at_ms, results)
        await self._store.keep_answer(session.uuid, "stop", answer)
        await self._store.change(session.uuid, SessionState.COLLECTING)
        self._set_current(None)
        _log.info("stopped", uuid=session.uuid, errors=answer["errors"])
        return answer

    def _adopted_answer(self, session: Session) -> dict[str, Any]:
        """A start of a session that was adopted, or whose answer a crash has swallowed."""
        results = {part.name: CommandResult(part.started, part.error) for part in session.nodes}
        return start_answer(session.uuid, session.start_at_ms or 0, results, [])

    def _set_current(self, session: Session | None) -> None:
        changed = session != self._current
        self._current = session
        if changed:
            self._on_change()
