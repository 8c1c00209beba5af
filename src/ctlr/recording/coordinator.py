"""Starts and stops sessions, and keeps the cameras where the record says they should be.

A command is stored before a camera hears of it, so that a crash between the two is caught up
with. One lock puts starts, stops and corrections in order: a double tap, two phones or a stop
during arming have one outcome. The phone's answer waits for one bounded round of calls; what
that round does not reach is left to the ``CameraReconciler``.

Where the database cannot be written, a start is refused and called back, and a stop is carried
out all the same. What it owes the record is kept in memory and stored by ``catch_up``.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import structlog

from ctlr.kernel.clock import Clock
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
from ctlr.recording.repeated import answer_start, answer_stop
from ctlr.recording.session_clock import LOOK_EVERY_S, SessionClock
from ctlr.recording.stopwatch import Stopwatch
from ctlr.sessions.model import STOPPED_BEFORE_START, Session, SessionState
from ctlr.sessions.store import SessionStore

CALL_BACK_S = 0.1
"""How long a refused start waits for the cameras that it calls back; the camera reconciler does the rest."""
BEGAN_S = 0.2
"""What was stopped no later than this after its start has not begun: no camera owes it anything."""

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
        session_clock: SessionClock,
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
        self._session_clock = session_clock
        self._start_delay_ms = start_delay_ms
        self._min_cameras = min_cameras
        self._find_warnings = find_warnings
        self._on_change = on_change
        self._check_moment = check_start
        self.lock = asyncio.Lock()
        self.urgent = asyncio.Event()
        self._current: Session | None = None
        self._owed: Session | None = None  # as the record should say, and could not be made to

    @property
    def current(self) -> Session | None:
        """The active session as stored, or as it is to be; None when idle. From memory."""
        return self._current

    @property
    def recorded_s(self) -> float:
        """How long the active session has been recorded; 0 when idle."""
        return self._stopwatch.recorded_s(self._current)

    async def start(self, uuid: str | None) -> dict[str, Any]:
        """Begin a session on all cameras; the answer is the contract's.

        Raises ``Refusal``: ``already_recording``, ``uuid_already_used``, ``no_camera_ready``,
        and what ``check_start`` raises; ``sqlite3.OperationalError``: then nothing is being recorded.
        """
        async with self._at_once():
            await self.catch_up()
            uuid = uuid or new_session_id()
            repeated = await answer_start(self._store, uuid)
            if repeated:
                return repeated
            self._check_moment()
            return await self._start(uuid)

    async def stop(self, uuid: str | None) -> dict[str, Any]:
        """End the active session on all cameras; the answer is the contract's.

        Raises ``Refusal``: ``not_recording``, ``other_session_recording``.
        """
        async with self._at_once():
            session = self._owed or await self._store.active()
            if session is not None and session.state is SessionState.FAILED:
                session = None  # a start that was called back
            if session is None or (uuid is not None and uuid != session.uuid):
                return await answer_stop(self._store, session, uuid)
            return await self._stop(session)

    async def resume(self) -> None:
        """Take up, after a restart, what the record says was going on."""
        async with self.lock:
            with suppress(sqlite3.OperationalError):
                await self._session_clock.resume()
            session = await self._store.active()
            if session is not None and session.state is not SessionState.STOPPING:
                session = replace(session, state=SessionState.RECORDING)
            self._owed = session
            self._set_current(session)
            with suppress(sqlite3.OperationalError):  # the camera reconciler tries again
                await self.catch_up()
        self._on_change()  # also when idle: what was said before the restart may be wrong now

    async def catch_up(self) -> None:
        """Store what a command has done and the database did not take. For the holder of the
        lock. Raises ``sqlite3.OperationalError`` while it still does not."""
        owed = self._owed
        if owed is None:
            return
        if owed.state is SessionState.STOPPING:
            await self._stop(owed)
            if self._owed is not None:
                raise sqlite3.OperationalError(self._store.problem or "not written")
        elif owed.state is SessionState.FAILED:
            await self._call_back(self._fleet.names)
            await self._store.change(owed.uuid, SessionState.FAILED, error=owed.error)
        else:
            await self._store.change(owed.uuid, SessionState.RECORDING)
            await self._clock_log.note_absence(owed)
        self._owed = None
        await self.refresh()

    async def follow_clock_forever(self) -> None:
        """Keep the sessions on the controller's clock when that is set."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._session_clock.is_behind:
                async with self.lock:
                    with suppress(sqlite3.OperationalError):
                        await self._follow_clock()

    async def _follow_clock(self) -> None:
        """For the holder of the lock. What is owed to the record is stored first: it is on the
        clock as it was."""
        if self._owed is None and await self._session_clock.follow():
            await self.refresh()

    async def refresh(self) -> None:
        """Read the active session again, after somebody else has changed it."""
        self._set_current(await self._store.active())

    @asynccontextmanager
    async def _at_once(self) -> AsyncIterator[None]:
        """The lock for a person's command: calls of the camera reconciler under way are given up for it."""
        self.urgent.set()
        async with self.lock:
            self.urgent.clear()
            yield

    async def _start(self, uuid: str) -> dict[str, Any]:
        await self._follow_clock()
        names = self._fleet.names
        now_ms = self._session_clock.now_ms()
        start_at_ms = now_ms + self._start_delay_ms
        warnings = self._find_warnings()
        session = await self._store.create(
            uuid,
            SessionState.ARMING,
            created_at_ms=now_ms,
            start_at_ms=start_at_ms,
            node_names=names,
        )
        with suppress(sqlite3.OperationalError):  # it would stay on the clock as it is now
            await self._session_clock.begin(uuid)
        self._set_current(session)
        results = await self._fleet.start_recording(names, uuid, start_at_ms)
        try:
            return await self._note_start(uuid, start_at_ms, results, warnings)
        except sqlite3.OperationalError as error:
            detail = f"Nothing was recorded: the start could not be stored ({error})."
            self._owed = replace(session, state=SessionState.FAILED, error=detail)
            self._set_current(None)
            await self._call_back(results.keys())
            raise

    async def _note_start(
        self,
        uuid: str,
        start_at_ms: int,
        results: dict[str, CommandResult],
        warnings: list[StartWarning],
    ) -> dict[str, Any]:
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
            of=len(results),
        )
        return answer

    async def _give_up_start(self, uuid: str, results: dict[str, CommandResult]) -> None:
        """Too few cameras: call the armed ones back before they begin, then refuse."""
        maybe_armed = [name for name, result in results.items() if not result.refused]
        idle = results.keys() - maybe_armed | await self._call_back(maybe_armed)
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

    async def _call_back(self, names: Iterable[str]) -> set[str]:
        """Stop cameras before they begin; returns those that have confirmed it in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CALL_BACK_S):
                stopped = await self._fleet.stop_recording(list(names))
                return {name for name, result in stopped.items() if result.acknowledged}
        return set()

    async def _stop(self, session: Session) -> dict[str, Any]:
        with suppress(sqlite3.OperationalError):
            await self._follow_clock()
            session = self._owed or await self._store.get(session.uuid) or session
        stopped_at_ms = session.stopped_at_ms or self._session_clock.now_ms()
        self._owed = stopping = replace(
            session,
            state=SessionState.STOPPING,
            stop_requested_at_ms=session.stop_requested_at_ms or stopped_at_ms,
            stopped_at_ms=stopped_at_ms,
        )
        recorded_s = self._stopwatch.recorded_s(stopping)  # from now on it stays what it is
        self._set_current(stopping)
        stored = await self._try_to_store_stop(stopping)
        results = await self._fleet.stop_recording(self._fleet.names)
        await self._clock_log.sample(session.uuid)  # the answers to the stop have told more
        answer = stop_answer(session.uuid, recorded_s, stopped_at_ms, results)
        try:
            if not stored:
                await self._store_stop(stopping)
            if recorded_s <= BEGAN_S:
                await self._note_never_began(session.uuid)
            await self._end(session.uuid, results, answer)
        except sqlite3.OperationalError:
            if session.state is not SessionState.STOPPING:  # the first time
                _log.error("stopped, but that cannot be stored yet", uuid=session.uuid)
            return stop_answer(session.uuid, recorded_s, stopped_at_ms, results, stored=False)
        self._owed = None
        self._set_current(None)
        _log.info("stopped", uuid=session.uuid, errors=answer["errors"])
        return answer

    async def _store_stop(self, stopping: Session) -> None:
        await self._store.change(
            stopping.uuid,
            SessionState.STOPPING,
            stop_requested_at_ms=stopping.stop_requested_at_ms,
            stopped_at_ms=stopping.stopped_at_ms,
        )

    async def _try_to_store_stop(self, stopping: Session) -> bool:
        try:
            await self._store_stop(stopping)
        except sqlite3.OperationalError:  # the cameras hear of it all the same
            return False
        return True

    async def _note_never_began(self, uuid: str) -> None:
        known = await self._store.get(uuid)
        if known is not None and not known.never_began:  # a stop may be caught up with twice
            text = "The session was stopped before it began, so no camera has recorded."
            await self._store.add_event(uuid, self._clock.now_ms(), STOPPED_BEFORE_START, text)

    async def _end(
        self, uuid: str, results: dict[str, CommandResult], answer: dict[str, Any]
    ) -> None:
        await self._store.change_nodes(
            uuid,
            {name: {"stop_acknowledged": result.acknowledged} for name, result in results.items()},
        )
        await self._store.keep_answer(uuid, "stop", answer)
        await self._store.change(uuid, SessionState.COLLECTING)

    def _set_current(self, session: Session | None) -> None:
        changed = session != self._current
        self._current = session
        if changed:
            self._on_change()
