"""Starts and stops sessions, and keeps the cameras where the record says they should be.

Each start and each stop is one durable commit: that it is to be, stored before a camera hears of
it. A crash after it is caught up with: the next process finds a session that is arming or stopping
and tells the cameras again, whether they had heard it or not. What became of the command (which
cameras, the answer, the clocks) is one more commit, for which nobody waits: a power cut may take
it. Then the session is still to be recorded or stopped, as was acknowledged, and the cameras tell
the rest; a stop's instant and duration stand in its first commit. Only a start that was refused
waits for its second commit too: no restart may begin what the phone was told is not recorded.

One lock puts starts, stops and corrections in order: a double tap, two phones or a stop
during arming have one outcome. The phone's answer waits for one bounded round of calls; what
that round does not reach is left to the ``CameraReconciler``.

Where the database cannot be written, a start is refused and called back, and a stop is carried
out all the same. What the record is owed (``recording.owed``) is kept in memory and stored by
``catch_up``.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, NoReturn

import structlog

from ctlr.gate import Gate
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
    started_columns,
    stop_answer,
    stopped_columns,
    too_few_started,
)
from ctlr.recording.owed import Owed, OwedFailure, OwedReturn, OwedStop
from ctlr.recording.repeated import answer_start, answer_stop
from ctlr.recording.session_clock import LOOK_EVERY_S, SessionClock
from ctlr.recording.stopwatch import Stopwatch
from ctlr.sessions.model import (
    REHEARSAL,
    STOPPED_BEFORE_START,
    Session,
    SessionEvent,
    SessionState,
)
from ctlr.sessions.store import SessionStore

CALL_BACK_S = 0.1
"""How long a refused start waits for the cameras that it calls back; the camera reconciler does the rest."""
BEGAN_S = 0.2
"""What was stopped no later than this after its start has not begun: no camera owes it anything."""

_REHEARSAL_TEXT = (
    "This was a rehearsal. It is in the bin, and goes with its raw data after an hour unless somebody "
    "takes it out."
)
_log = structlog.get_logger("recording")


class Coordinator:
    """The one place that moves a session through arming, recording and stopping.

    ``find_warnings`` returns what may spoil a session that starts now; ``on_change`` is called
    after the current session changed.
    """

    def __init__(
        self,
        store: SessionStore,
        fleet: Fleet,
        clock: Clock,
        clock_log: ClockLog,
        stopwatch: Stopwatch,
        session_clock: SessionClock,
        gate: Gate,
        *,
        start_delay_ms: int,
        min_cameras: int,
        find_warnings: Callable[[], list[StartWarning]],
        on_change: Callable[[], None],
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
        self._gate = gate
        self.urgent = asyncio.Event()
        self._current: Session | None = None
        self._owed: Owed | None = None

    @property
    def current(self) -> Session | None:
        """The active session as stored, or as it is to be; None when idle. From memory."""
        return self._current

    @property
    def recorded_s(self) -> float:
        """How long the active session has been recorded; 0 when idle."""
        return self._stopwatch.recorded_s(self._current)

    async def start(self, uuid: str | None, *, rehearsal: bool = False) -> dict[str, Any]:
        """Begin a session on all cameras; the answer is the contract's. A rehearsal that goes on is
        ended for a session; a ``rehearsal`` is begun only where nothing else goes on.

        Raises ``Refusal``: ``already_recording``, ``uuid_already_used``, ``no_camera_ready``,
        ``drive_ejecting``; ``sqlite3.OperationalError``: then nothing is being recorded.
        """
        async with self._at_once():
            await self.catch_up()
            uuid = uuid or new_session_id()
            if not rehearsal:
                await self._end_rehearsal(uuid)
            repeated = await answer_start(self._store, uuid)
            if repeated:
                return repeated
            self._gate.check_start()
            return await self._start(uuid, rehearsal=rehearsal)

    async def stop(self, uuid: str | None) -> dict[str, Any]:
        """End the active session on all cameras; the answer is the contract's.

        Raises ``Refusal``: ``not_recording``, ``other_session_recording``.
        """
        async with self._at_once():
            session = await self._what_is_recorded()
            if session is None or (uuid is not None and uuid != session.uuid):
                return await answer_stop(self._store, session, uuid)
            return await self._stop(session)

    async def resume(self) -> None:
        """Take up, after a restart, what the record says was going on."""
        async with self._gate.lock:
            with suppress(sqlite3.OperationalError):
                await self._session_clock.resume()
            self._owed = await self._find_owed()
            self._set_current(self._owed.session if self._owed else None)
            with suppress(sqlite3.OperationalError):  # the camera reconciler tries again
                await self.catch_up()
        self._on_change()  # also when idle: what was said before the restart may be wrong now

    async def catch_up(self) -> None:
        """Store what a command has done and the database did not take. For the holder of the
        lock. Raises ``sqlite3.OperationalError`` while it still does not."""
        match self._owed:
            case None:
                return
            case OwedStop(session):
                await self._stop(session)
                if self._owed is not None:
                    raise sqlite3.OperationalError(self._store.problem or "not written")
            case OwedFailure(uuid, error):
                await self._call_back(self._fleet.names)
                await self._store.note_start_failed(uuid, {}, error)
            case OwedReturn(session):
                await self._store.change(session.uuid, SessionState.RECORDING)
                await self._clock_log.note_absence(session)
        self._owed = None
        await self.refresh()

    async def follow_clock_forever(self) -> None:
        """Keep the sessions on the controller's clock when that is set."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._session_clock.is_behind:
                async with self._gate.lock:
                    with suppress(sqlite3.OperationalError):
                        await self._follow_clock()

    async def _follow_clock(self) -> bool:
        """For the holder of the lock; whether sessions have moved. A stop that is owed to the record
        is stored first: it is on the clock as it was."""
        if isinstance(self._owed, OwedStop) or not await self._session_clock.follow():
            return False
        await self.refresh()
        return True

    async def _on_the_clock(self, session: Session) -> Session:
        """A session whose stop is about to be written down, on the clock as it is set."""
        with suppress(sqlite3.OperationalError):
            if await self._follow_clock():
                return await self._store.get(session.uuid) or session
        return session

    async def refresh(self) -> None:
        """Read the active session again, after somebody else has changed it."""
        self._set_current(await self._store.active())

    async def _what_is_recorded(self) -> Session | None:
        """The session that a stop ends: as stored, or as it is to be."""
        match self._owed:
            case OwedFailure():
                return None
            case OwedStop(session) | OwedReturn(session):
                return session
        return await self._store.active()

    async def _find_owed(self) -> OwedReturn | OwedStop | None:
        """What the process before has left."""
        session = await self._store.active()
        if session is None:
            return None
        if session.state is not SessionState.STOPPING:
            return OwedReturn(replace(session, state=SessionState.RECORDING))
        said = await self._store.kept_answer(session.uuid, "stop")
        measured_s = self._stopwatch.recorded_s(session)
        return OwedStop(session, said["duration"] if said else measured_s, stored=True)

    @asynccontextmanager
    async def _at_once(self) -> AsyncIterator[None]:
        """The lock for a person's command: calls of the camera reconciler under way are given up for it."""
        self.urgent.set()
        async with self._gate.lock:
            self.urgent.clear()
            yield

    async def _end_rehearsal(self, uuid: str) -> None:
        active = self._current
        if active is not None and active.is_rehearsal and active.uuid != uuid:
            await self._stop(active)

    async def _start(self, uuid: str, *, rehearsal: bool) -> dict[str, Any]:
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
            on_clock=self._session_clock.current,
            rehearsal=SessionEvent(now_ms, REHEARSAL, _REHEARSAL_TEXT) if rehearsal else None,
        )
        self._set_current(session)
        results = await self._fleet.start_recording(names, uuid, start_at_ms)
        try:
            return await self._note_start(uuid, start_at_ms, results, warnings)
        except sqlite3.OperationalError as error:
            detail = f"Nothing was recorded: the start could not be stored ({error})."
            self._owed = OwedFailure(uuid, detail)
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
        nodes = started_columns(results)
        if count_started(results) < self._min_cameras:
            await self._give_up_start(uuid, results, nodes)
        answer = start_answer(uuid, start_at_ms, results, warnings)
        samples = self._clock_log.samples()
        self._set_current(await self._store.note_started(uuid, nodes, answer, samples))
        _log.info(
            "recording",
            uuid=uuid,
            start_at=start_at_ms,
            cameras=count_started(results),
            of=len(results),
        )
        return answer

    async def _give_up_start(
        self,
        uuid: str,
        results: dict[str, CommandResult],
        nodes: dict[str, dict[str, object]],
    ) -> NoReturn:
        """Too few cameras: call the armed ones back before they begin, then refuse."""
        maybe_armed = [name for name, result in results.items() if not result.refused]
        for name in results.keys() - maybe_armed | await self._call_back(maybe_armed):
            nodes[name]["stop_acknowledged"] = True
        detail = too_few_started(results, self._min_cameras)
        await self._store.note_start_failed(uuid, nodes, detail)
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
        first = not isinstance(self._owed, OwedStop)
        if first:
            session = await self._on_the_clock(session)
        self._owed = owed = self._owe_stop(session)
        uuid, stopped_at_ms = session.uuid, owed.session.stopped_at_ms or 0
        self._set_current(owed.session)
        if not owed.stored:
            self._owed = owed = await self._try_to_store(owed)
        results = await self._fleet.stop_recording(self._fleet.names)
        answer = stop_answer(uuid, owed.recorded_s, stopped_at_ms, results)
        try:
            await self._store.note_stopped(
                owed.session,
                stopped_columns(results),
                answer,
                self._clock_log.samples(),  # the answers to the stop have told more
                self._events_of(owed),
                durable=not owed.stored,
            )
        except sqlite3.OperationalError:
            if first:
                _log.error("stopped, but that cannot be stored yet", uuid=uuid)
            return stop_answer(uuid, owed.recorded_s, stopped_at_ms, results, stored=False)
        self._owed = None
        self._set_current(None)
        _log.info("stopped", uuid=uuid, errors=answer["errors"])
        return answer

    def _owe_stop(self, session: Session) -> OwedStop:
        """The stop that is owed already, or one of this moment."""
        if isinstance(self._owed, OwedStop):
            return self._owed
        now_ms = self._session_clock.now_ms()
        stopping = replace(
            session,
            state=SessionState.STOPPING,
            stop_requested_at_ms=session.stop_requested_at_ms or now_ms,
            stopped_at_ms=session.stopped_at_ms or now_ms,
        )
        return OwedStop(stopping, self._stopwatch.recorded_s(stopping))

    async def _try_to_store(self, owed: OwedStop) -> OwedStop:
        stopping = owed.session
        answer = stop_answer(stopping.uuid, owed.recorded_s, stopping.stopped_at_ms or 0, {})
        try:
            await self._store.note_stopping(stopping, answer)
        except sqlite3.OperationalError:  # the cameras hear of it all the same
            return owed
        return replace(owed, stored=True)

    def _events_of(self, owed: OwedStop) -> list[SessionEvent]:
        if owed.recorded_s > BEGAN_S:
            return []
        text = "The session was stopped before it began, so no camera has recorded."
        return [SessionEvent(self._clock.now_ms(), STOPPED_BEFORE_START, text)]

    def _set_current(self, session: Session | None) -> None:
        changed = session != self._current
        self._current = session
        self._gate.session = session.uuid if session else None
        if changed:
            self._on_change()
