"""Makes sessions ready by themselves: compares what should be with what the disks show.

There is no queue to lose. Each round looks at the sessions that are not finished: one that is
still coming in is followed, so that its videos grow with it; what has all arrived (or was given
up) is made ready, then read back from the disk; what failed is tried again, later each time;
what was finished and got new files is made again. A restart, a full disk or a pulled drive only
delays the round that sees it.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from ctlr.ingest.arrivals import Arrivals
from ctlr.ingest.inventory import Inventory
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.postprocess.supervise.jobs import LONGEST_RETRY_S, Job, JobState
from ctlr.postprocess.supervise.making import Making
from ctlr.postprocess.supervise.read_back import ReadBack
from ctlr.postprocess.supervise.schedule import Schedule
from ctlr.postprocess.supervise.workers import Workers
from ctlr.sessions.model import ACTIVE_STATES, Session, SessionState
from ctlr.sessions.store import SessionStore

ROUND_INTERVAL_S = 2.0
IDLE_INTERVAL_S = 30.0
MAX_PARALLEL = 2
FOLLOW_AGAIN_S = 10.0

_log = structlog.get_logger("postprocess")


class Reconciler:
    """The one that starts post-processing. ``check_sync`` raises a ``Refusal`` while the sync
    disk cannot be written; ``needs_processing`` compares a session's files with its manifest,
    ``needs_verification`` tells whether it has been read back. ``looks_s`` is when after its stop
    a finished session is compared though nobody said that anything is new: what a session takes
    of a recording that goes on is complete only then."""

    def __init__(
        self,
        store: SessionStore,
        inventory: Inventory,
        arrivals: Arrivals,
        clock: Clock,
        tasks: BackgroundTasks,
        workers: Workers,
        *,
        check_sync: Callable[[], None],
        needs_processing: Callable[[str], Awaitable[bool]],
        needs_verification: Callable[[str], Awaitable[bool]],
        looks_s: Sequence[float] = (),
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._arrivals = arrivals
        self._clock = clock
        self._workers = workers
        self._check_sync = check_sync
        self._needs_processing = needs_processing
        self._needs_verification = needs_verification
        self._watches = Schedule(clock, looks_s)
        self._making = Making(store, arrivals, clock, tasks, workers, self._watches, self.wake)
        self._read_back = ReadBack(
            store,
            clock,
            tasks,
            workers,
            needs=self._should_be_read_back,
            on_end=self._was_read_back,
        )
        self._wake = asyncio.Event()
        self.collecting = False

    def jobs(self) -> list[Job]:
        """What is being worked on, waits or failed, and what was finished by this process."""
        return self._workers.jobs()

    def reported(self, uuid: str | None, node: str) -> None:
        """A camera reported on a session: its delivery is alive."""
        if uuid is not None:
            self._arrivals.reported(uuid, node)
            self._watches.of(uuid).dirty = True
        self._wake.set()

    def wake(self) -> None:
        """Something that a session may have waited for has changed."""
        self._wake.set()

    def disks_changed(self) -> None:
        """A drive can be used or no longer. What failed for want of it is due at once."""
        self._watches.make_all_due()
        self._read_back.make_all_due()
        self._wake.set()

    async def uploaded(self, uuid: str) -> tuple[bool, list[str]]:
        """Phone files of a session were stored. Returns whether it is processed now, and else
        the nodes that are waited for."""
        session = await self._known(uuid)
        self._watches.of(uuid).dirty = True
        self._wake.set()
        if session.state in ACTIVE_STATES:
            return False, [node.name for node in session.nodes if node.started]
        if session.state is SessionState.COLLECTING:
            waiting = await self._arrivals.waiting_for(session)
            return not waiting, waiting
        return True, []

    async def request(self, uuid: str) -> Job:
        """Process a session now, whatever the record says.

        Raises ``Refusal``: ``unknown_session``, ``recording_in_progress``.
        """
        session = await self._store.get(uuid)
        if session is None and not await self._inventory.has_files(uuid):
            raise Refusal("unknown_session", "No session with this id has been recorded here.")
        session = session or await self._known(uuid)
        if session.state in ACTIVE_STATES:
            raise Refusal(
                "recording_in_progress",
                "The session is still being recorded; it is processed after the stop.",
            )
        if session.never_began and not await self._has_files(uuid):
            return Job(uuid, JobState.DONE)
        await self._begin(uuid)
        return self._workers.job(uuid)

    async def run_forever(self) -> None:
        """Reconcile, round after round."""
        taken_up = False
        while True:
            self._wake.clear()
            # The database has logged it; the next round tries again.
            with suppress(sqlite3.OperationalError):
                if not taken_up:
                    await self._take_up()
                    taken_up = True
                await self._round()
            interval = ROUND_INTERVAL_S if self._busy() else IDLE_INTERVAL_S
            try:
                async with asyncio.timeout(interval):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _take_up(self) -> None:
        """Begin where an earlier process left off."""
        for session in await self._store.with_states([SessionState.PROCESSING]):
            if session.uuid not in self._making.running:
                await self._store.collect_again(session.uuid)
        for session in await self._store.with_states([SessionState.DONE]):
            self._watches.of(session.uuid).dirty = True  # its files may have changed meanwhile
            self._watches.plan_looks(session)
        for session in await self._store.with_states([SessionState.FAILED]):
            self._watches.of(session.uuid).dirty = True  # something may have come for it

    def _busy(self) -> bool:
        return self.collecting or any(job.state is not JobState.DONE for job in self.jobs())

    async def _round(self) -> None:
        await self._look_again_at_finished()
        active = await self._store.active()
        if active is not None and active.state is SessionState.RECORDING:
            self._follow(active)
        sessions = await self._store.with_states([SessionState.COLLECTING, SessionState.FAILED])
        due = [session for session in sessions if await self._is_to_be_made(session)]
        self.collecting = any(session.state is SessionState.COLLECTING for session in due)
        for session in due:
            if not self._is_worked_on(session.uuid) and len(self._making.running) < MAX_PARALLEL:
                await self._consider(session)
        if not self._making.running:  # nor does one wait for its turn
            await self._begin_to_read_back()

    def _is_worked_on(self, uuid: str) -> bool:
        return uuid in self._making.running or uuid == self._read_back.at_work

    async def _is_to_be_made(self, session: Session) -> bool:
        """Also a session whose start failed, once something has come for it."""
        if session.state is SessionState.COLLECTING or not session.start_failed:
            return True
        watch = self._watches.of(session.uuid)
        if watch.dirty and not self._is_worked_on(session.uuid):
            try:
                watch.dirty = await self._inventory.has_files(session.uuid)
            except Refusal:  # the logging drive is away: the next round looks again
                return False
        return watch.dirty

    async def _consider(self, session: Session) -> None:
        if self._clock.monotonic() < self._watches.of(session.uuid).due_at:
            return
        try:
            collecting = session.state is SessionState.COLLECTING
            waiting = collecting and await self._arrivals.waiting_for(session)
        except Refusal as reason:  # the logging drive is away: the next round looks again
            self._wait_for(session.uuid, reason)
            return
        self._workers.keep(
            replace(self._workers.job(session.uuid), waiting_for=tuple(waiting or ()))
        )
        if waiting:
            self._follow(session)
        elif collecting and session.never_began and not await self._has_files(session.uuid):
            await self._end_empty(session.uuid)
        elif self._sync_is_there(session.uuid):
            await self._begin(session.uuid)

    async def _has_files(self, uuid: str) -> bool:
        try:
            return await self._inventory.has_files(uuid)
        except Refusal:  # the logging drive is away: what needs it finds that out
            return True

    async def _end_empty(self, uuid: str) -> None:
        """There is nothing to make of it, and nothing is wrong."""
        await self._store.change(uuid, SessionState.DONE)
        self._workers.drop(uuid)

    def _follow(self, session: Session) -> None:
        """Let the videos of a session that is still coming in grow with it."""
        watch, now = self._watches.of(session.uuid), self._clock.monotonic()
        if session.processed_at or self._workers.is_following(session.uuid):
            return
        if now >= watch.follow_at and self._sync_is_there(session.uuid):
            watch.follow_at = now + FOLLOW_AGAIN_S
            self._workers.follow(session.uuid)

    def _sync_is_there(self, uuid: str) -> bool:
        try:
            self._check_sync()
        except Refusal as reason:
            self._wait_for(uuid, reason)
            return False
        return True

    def _wait_for(self, uuid: str, reason: Refusal) -> None:
        self._workers.keep(replace(self._workers.job(uuid), error=reason.detail))

    async def _look_again_at_finished(self) -> None:
        """A finished session that got new files is collected and made again; one that was not
        read back from the disk is, in its turn."""
        for uuid, watch in self._watches.dirty():
            if self._is_worked_on(uuid):
                continue
            session = await self._store.get(uuid)
            if session is None or session.state is not SessionState.DONE:
                continue
            if not self._sync_is_there(uuid):
                return
            watch.dirty = False
            try:
                await self._look_again(uuid)
            except OSError as error:  # a drive that is away or hangs
                _log.warning("a finished session could not be compared", uuid=uuid, error=error)
                watch.dirty = True
                return

    async def _look_again(self, uuid: str) -> None:
        if await self._needs_processing(uuid):
            if uuid not in self._making.running:  # somebody may have asked for it in between
                await self._store.collect_again(uuid)
        else:
            self._read_back.want(uuid)

    async def _begin_to_read_back(self) -> None:
        with suppress(Refusal, OSError):  # a drive that is away or hangs: the next round again
            self._check_sync()
            await self._read_back.begin()

    async def _should_be_read_back(self, uuid: str) -> bool:
        session = await self._store.get(uuid)
        if session is None or session.state is not SessionState.DONE:
            return False  # it is, once it is made
        return await self._needs_verification(uuid) and uuid not in self._making.running

    def _was_read_back(self, uuid: str, well: bool) -> None:
        if not well:  # what proved damaged is made again, if it can be
            watch = self._watches.of(uuid)
            watch.due_at = self._clock.monotonic() + LONGEST_RETRY_S
            watch.dirty = True
        self._wake.set()

    async def _begin(self, uuid: str) -> None:
        """Set a worker on a session, unless one is."""
        if not self._is_worked_on(uuid):
            await self._making.begin(uuid)

    async def _known(self, uuid: str) -> Session:
        """The session's record; made when files came for a session that has none."""
        return await self._store.get(uuid) or await self._store.create(
            uuid,
            SessionState.COLLECTING,
            created_at_ms=self._clock.now_ms(),
            start_at_ms=None,
            node_names=[],
        )
