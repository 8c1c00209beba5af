"""Keeps the cameras where the session record says they should be.

Looks whenever a camera changed, and every few seconds anyway: what ``recovery.decide`` finds is
done, under the gate's lock, so that it never crosses a start or a stop. This is how a
late camera joins, a lost stop arrives, and a restarted controller carries on.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import structlog

from ctlr.gate import Gate
from ctlr.ingest.takes import Takes
from ctlr.kernel.backoff import AttemptsByName, Backoff
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.ids import is_session_id
from ctlr.layout.raw import next_segment
from ctlr.nodes.fleet import CommandResult, Fleet
from ctlr.recording import recovery
from ctlr.recording.coordinator import Coordinator
from ctlr.recording.limits import reason_to_end
from ctlr.recording.told import LateStart, Told
from ctlr.sessions.model import Session, SessionState
from ctlr.sessions.store import SessionStore

RECONCILE_INTERVAL_S = 5.0
"""Longest time between two looks; a change of a camera's state wakes it at once."""
RETRY = Backoff(first_s=1.0, longest_s=30.0)
"""How soon a camera that did not do as it was told is told again."""

_log = structlog.get_logger("recording")


class CameraReconciler:
    """Acts on the difference between record and cameras. ``start_delay_ms``: for late joins;
    ``longest_s``: when a recording that nobody stops ends by itself. ``is_configured``: whether the
    configuration names a camera. One that was only adopted over the network may bring a session
    that nobody here knows once it has recorded one that was started here: it is no stranger then."""

    def __init__(
        self,
        coordinator: Coordinator,
        store: SessionStore,
        fleet: Fleet,
        takes: Takes,
        clock: Clock,
        gate: Gate,
        *,
        start_delay_ms: int,
        longest_s: float,
        is_configured: Callable[[str], bool] = lambda _node: True,
    ) -> None:
        self._coordinator = coordinator
        self._store = store
        self._fleet = fleet
        self._takes = takes
        self._clock = clock
        self._gate = gate
        self._start_delay_ms = start_delay_ms
        self._longest_s = longest_s
        self._is_configured = is_configured
        self._not_taken_up: set[str] = set()
        self._wake = asyncio.Event()
        self._backoff = AttemptsByName(RETRY, clock.monotonic)
        self._told = Told()

    def wake(self) -> None:
        """A camera changed: look at it soon."""
        self._wake.set()

    async def reconcile_forever(self) -> None:
        while True:
            self._wake.clear()
            # The database has logged it; the next look tries again.
            with suppress(sqlite3.OperationalError):
                async with self._gate.lock:
                    await self._coordinator.catch_up()
                    await self._reconcile()
                await self._end_if_due()
            try:
                async with asyncio.timeout(RECONCILE_INTERVAL_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _reconcile(self) -> None:
        active = await self._store.active()
        stopped = await self._store.awaiting_stop()
        self._told.keep_only({session.uuid for session in (active, *stopped) if session})
        actions = recovery.decide(
            active,
            stopped,
            await self._ended_uuids(active),
            self._fleet.views(),
            self._clock.now_ms(),
            self._told.unheard(active.uuid) if active else (),
        )
        acts = (self._act(active, action) for action in actions)
        done = await asyncio.gather(*acts, return_exceptions=True)  # one never cuts off another
        await self._coordinator.refresh()
        for error in filter(None, done):
            raise error

    async def _end_if_due(self) -> None:
        session = self._coordinator.current
        if session is None or session.state is not SessionState.RECORDING:
            return
        started = [node.name for node in session.nodes if node.started]
        recorded_s = self._coordinator.recorded_s
        reason = reason_to_end(recorded_s, self._longest_s, self._fleet.views(), started)
        if reason is not None:
            with suppress(sqlite3.OperationalError):
                await self._note(session.uuid, "ended_by_itself", reason)
            with suppress(Refusal):  # somebody stopped it in this very moment
                await self._coordinator.stop(session.uuid)

    async def _ended_uuids(self, active: Session | None) -> set[str]:
        """Of the sessions that cameras record now, those that were stopped here."""
        recorded = {
            view.status.uuid.lower()
            for view in self._fleet.views()
            if view.status and view.status.uuid and view.status.state == "recording"
        }
        ended = set()
        for uuid in recorded - ({active.uuid} if active else set()):
            known = await self._store.get(uuid) if is_session_id(uuid) else None
            if known and (
                known.stopped_at_ms or known.start_failed or known.state is SessionState.FAILED
            ):
                ended.add(uuid)
        return ended

    async def _act(self, active: Session | None, action: recovery.Action) -> None:
        match action:
            case recovery.NoteStopped(node, uuid):
                at_ms = self._told.take_stop(node, uuid)
                await self._store.change_node(
                    uuid, node, stop_acknowledged=True, stopped_at_ms=at_ms
                )
            case recovery.NoteStarted(node, start_at_ms, again) if active:
                late = self._told.take_start(node, active.uuid)
                told_ms = late.start_at_ms if late else active.start_at_ms
                await self._note_started(active, node, start_at_ms or told_ms)
                if late or again:
                    await self._note_joined(active, node, again=again or bool(late and late.again))
            case recovery.StopNode(node) | recovery.Disarm(node) | recovery.StartNode(node):
                if self._backoff.may_try(node):
                    await self._tell(active, action)
            case recovery.Adopt() if is_session_id(action.uuid):
                await self._adopt(action)

    async def _tell(
        self,
        active: Session | None,
        action: recovery.StopNode | recovery.Disarm | recovery.StartNode,
    ) -> None:
        match action:
            case recovery.StopNode(node, uuid):
                results = await self._unless_urgent(self._fleet.stop_recording([node]))
                if node in results:
                    self._told.keep_stop(node, uuid, results[node].sent_at_ms)
            case recovery.Disarm(node) if active:
                await self._disarm(active, node)
            case recovery.StartNode(node, again) if active:
                await self._join_late(active, node, again=again)

    async def _disarm(self, active: Session, node: str) -> None:
        results = await self._unless_urgent(self._fleet.stop_recording([node]))
        if node in results and results[node].acknowledged:
            await self._store.change_node(active.uuid, node, started=False, start_at_ms=None)
            text = (
                f"{node} waited for another hour, as a clock was set at the start; it joins late."
            )
            await self._note(active.uuid, "node_disarmed", text)

    async def _join_late(self, active: Session, node: str, *, again: bool) -> None:
        start_at_ms = self._clock.now_ms() + self._start_delay_ms
        before = self._told.start(node, active.uuid)
        await self._takes.begin(
            active.uuid, node, start_at_ms, again=again, repeated=before is not None
        )
        # It may act though nobody hears its answer; then the next look at it tells.
        self._told.keep_start(node, active.uuid, LateStart(start_at_ms, again))
        first_segment = next_segment(await self._store.hashed_names(active.uuid, node))
        results = await self._unless_urgent(
            self._fleet.start_recording([node], active.uuid, start_at_ms, first_segment)
        )
        result = results.get(node)
        if result is None:
            return
        if not result.acknowledged:
            await self._store.change_node(active.uuid, node, error=result.error)
            if before is not None and result.refused:
                await self._hold_to(active, node, before)
            return
        self._backoff.succeeded(node)
        self._told.take_start(node, active.uuid)
        await self._note_started(active, node, result.start_at_ms)
        await self._note_joined(active, node, again=again)

    async def _hold_to(self, active: Session, node: str, before: LateStart) -> None:
        """A node declined a repeated start: if it records, then by the one that it was told first."""
        self._told.keep_start(node, active.uuid, before)
        await self._takes.note_start(active.uuid, node, before.start_at_ms)

    async def _note_started(self, active: Session, node: str, start_at_ms: int | None) -> None:
        await self._store.change_node(
            active.uuid, node, started=True, start_at_ms=start_at_ms, error=None, complete=False
        )

    async def _note_joined(self, active: Session, node: str, *, again: bool) -> None:
        if again:
            text = f"{node} had lost the recording and joined again."
            await self._note(active.uuid, "node_restarted", text)
            return
        kind, text = "node_joined_late", f"{node} joined late."
        # One that was called back from it, and told another instant, is late but once.
        if not any((event.kind, event.text) == (kind, text) for event in active.events):
            await self._note(active.uuid, kind, text)

    async def _unless_urgent(
        self, call: Coroutine[Any, Any, dict[str, CommandResult]]
    ) -> dict[str, CommandResult]:
        """What came of a call; nothing when a person's start or stop came in between. That one
        tells every camera again, and the next look finds what is left to do."""
        calling = asyncio.create_task(call)
        urgent = asyncio.create_task(self._coordinator.urgent.wait())
        try:
            await asyncio.wait({calling, urgent}, return_when=asyncio.FIRST_COMPLETED)
            return calling.result() if calling.done() else {}
        finally:
            calling.cancel()
            urgent.cancel()

    async def _adopt(self, found: recovery.Adopt) -> None:
        if not await self._is_trusted(found.node):
            if found.node not in self._not_taken_up:
                self._not_taken_up.add(found.node)
                text = "an adopted camera records a session unknown here; it is not taken up"
                _log.warning(text, camera=found.node, uuid=found.uuid)
            return
        now_ms = self._clock.now_ms()
        await self._store.create(
            found.uuid,
            SessionState.RECORDING,
            created_at_ms=now_ms,
            start_at_ms=found.start_at_ms or now_ms,
            node_names=self._fleet.names,
        )
        await self._store.change_node(
            found.uuid, found.node, started=True, start_at_ms=found.node_start_at_ms
        )
        text = f"{found.node} was found recording a session unknown here."
        await self._note(found.uuid, "adopted", text)

    async def _is_trusted(self, node: str) -> bool:
        if self._is_configured(node):
            return True
        latest = await self._store.latest_of_node(node)
        part = latest.node(node) if latest else None
        return part is not None and part.started

    async def _note(self, uuid: str, kind: str, text: str) -> None:
        await self._store.add_event(uuid, self._clock.now_ms(), kind, text)
        _log.warning(text, uuid=uuid, kind=kind)
