"""Makes sessions ready by themselves: compares what should be with what the disks show.

There is no queue to lose. Each round looks at the sessions that are not finished: one that is
still coming in is followed, so that its videos grow with it; what has all arrived (or was given
up) is made ready, then read back from the disk; what failed is tried again, later each time; what
nobody has started comes last; what was finished and got new files is made again. A restart, a full
disk or a pulled drive only delays the round that sees it, and what lies on a drive ends none.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from ctlr.ingest.arrivals import Arrivals, Awaited
from ctlr.ingest.inventory import Inventory
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.postprocess.supervise.jobs import LONGEST_RETRY_S, Job, JobState
from ctlr.postprocess.supervise.making import Making
from ctlr.postprocess.supervise.read_back import ReadBack
from ctlr.postprocess.supervise.record import AtWork, WorkRecord, WorkRecords
from ctlr.postprocess.supervise.rounds import Rounds
from ctlr.postprocess.supervise.why import why
from ctlr.postprocess.supervise.workers import RunWorker, Workers
from ctlr.sessions.model import ACTIVE_STATES, Session, SessionState
from ctlr.sessions.store import SessionStore

ROUND_INTERVAL_S = 2.0
IDLE_INTERVAL_S = 30.0
MAX_PARALLEL = 2
STRANGERS_AT_ONCE = 1
"""And while nothing else is made: a place is left for what somebody starts."""
FOLLOW_AGAIN_S = 10.0

_log = structlog.get_logger("postprocess")


class Reconciler:
    """The one that starts post-processing. ``on_change`` is called whenever a job has news,
    ``on_copy`` when a session's folder was made or read back; ``check_sync`` raises a ``Refusal``
    while the sync disk cannot be written; ``needs_processing`` compares a session's files with its
    manifest, ``needs_verification`` tells whether it has been read back. ``looks_s`` is when after
    its stop a finished session is compared though nobody said that anything is new: what a session
    takes of a recording that goes on is complete only then."""

    def __init__(
        self,
        store: SessionStore,
        inventory: Inventory,
        arrivals: Arrivals,
        clock: Clock,
        tasks: BackgroundTasks,
        run_worker: RunWorker,
        *,
        on_change: Callable[[], None],
        on_copy: Callable[[str], None] = lambda _uuid: None,
        check_sync: Callable[[], None],
        needs_processing: Callable[[str], Awaitable[bool]],
        needs_verification: Callable[[str], Awaitable[bool]],
        looks_s: Sequence[float] = (),
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._arrivals = arrivals
        self._clock = clock
        self._on_copy = on_copy
        self._records = WorkRecords(clock, looks_s, on_change)
        self._workers = Workers(tasks, run_worker, self._records)
        self._check_sync = check_sync
        self._needs_processing = needs_processing
        self._needs_verification = needs_verification
        self._making = Making(store, clock, tasks, self._workers, self._records, self._was_made)
        self._read_back = ReadBack(
            store,
            clock,
            tasks,
            self._workers,
            self._records,
            needs=self._should_be_read_back,
            on_end=self._was_read_back,
        )
        self._rounds = Rounds(self._round, self._interval_s, self._is_at_rest)
        self._is_taken_up = False
        self.collecting = False

    def jobs(self) -> list[Job]:
        """What is being worked on, waits or failed, and what was finished by this process."""
        return self._records.jobs()

    def why(self, session: Session) -> str | None:
        """What a session does or waits for, in words; None once nothing is left to do."""
        return why(session, self._records.of(session.uuid), self._clock.monotonic())

    async def idle(self) -> None:
        """Wait until no worker makes or reads back a session and a whole round has found nothing
        more to do before there is news or time has passed."""
        await self._rounds.idle()

    async def next_round(self) -> None:
        """Have a round that begins from now on, and wait for its end, whatever is at work."""
        await self._rounds.have_one()

    async def release_readers(self) -> None:
        """End the workers that follow or read back, so that a drive is free; they are started
        again later."""
        await self._workers.release_readers()

    def reported(self, uuid: str | None, node: str) -> None:
        """A camera reported on a session: its delivery is alive."""
        if uuid is not None:
            record = self._records.of(uuid)
            record.delivered.reported(node, self._clock.monotonic())
            record.has_news = True
        self.wake()

    def look_at(self, uuid: str) -> None:
        """What is said of a session has changed: if it is finished, it is compared."""
        self._records.of(uuid).has_news = True
        self.wake()

    def wake(self) -> None:
        """Something that a session may have waited for has changed."""
        self._rounds.wake()

    def disks_changed(self) -> None:
        """A drive can be used or no longer. What failed for want of it is due at once."""
        self._records.make_all_due()
        self.wake()

    async def uploaded(self, uuid: str) -> tuple[bool, list[str]]:
        """Phone files of a session were stored. Returns whether it is processed now, and else
        the nodes that are waited for."""
        session = await self._known(uuid)
        record = self._records.of(uuid)
        record.has_news = True
        self.wake()
        if session.state in ACTIVE_STATES:
            return False, [node.name for node in session.nodes if node.started]
        if session.state is SessionState.COLLECTING:
            waiting = await self._arrivals.waiting_for(session, record.delivered)
            return not waiting, [awaited.node for awaited in waiting]
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
        return self._records.of(uuid).job

    async def run_forever(self) -> None:
        """Reconcile, round after round."""
        await self._rounds.run_forever()

    async def _take_up(self) -> None:
        """Begin where an earlier process left off."""
        for session in await self._store.with_states([SessionState.PROCESSING]):
            if self._records.of(session.uuid).at_work is None:
                await self._store.collect_again(session.uuid)
        for session in await self._store.with_states([SessionState.COLLECTING]):
            self._records.of(session.uuid).delivered.taken_up = True
        for session in await self._store.with_states([SessionState.DONE]):
            self._records.of(session.uuid).has_news = True  # its files may have changed meanwhile
            self._records.plan_looks(session)
        for session in await self._store.with_states([SessionState.FAILED]):
            self._records.of(session.uuid).has_news = True  # something may have come for it

    def _interval_s(self) -> float:
        busy = self.collecting or any(job.state is not JobState.DONE for job in self.jobs())
        return ROUND_INTERVAL_S if busy else IDLE_INTERVAL_S

    def _is_at_rest(self) -> bool:
        return not any(record.at_work for record in self._records)

    async def _round(self) -> None:
        if not self._is_taken_up:
            await self._take_up()
            self._is_taken_up = True
        await self._look_again_at_finished()
        active = await self._store.active()
        if active is not None and active.state is SessionState.RECORDING:
            self._follow(active)
        sessions = await self._store.with_states([SessionState.COLLECTING, SessionState.FAILED])
        due = [session for session in sessions if await self._is_to_be_made(session)]
        due.sort(key=_nobody_started)  # in their order otherwise
        self.collecting = any(session.state is SessionState.COLLECTING for session in due)
        for session in due:
            record = self._records.of(session.uuid)
            if record.at_work is None:
                places = STRANGERS_AT_ONCE if _nobody_started(session) else MAX_PARALLEL
                record.waits_for_turn = len(self._records.at_work(AtWork.MAKING)) >= places
                if not record.waits_for_turn:
                    await self._consider(session, record)
        if not self._records.at_work(AtWork.MAKING):  # nor does one wait for its turn
            await self._begin_to_read_back()

    async def _is_to_be_made(self, session: Session) -> bool:
        """Also a session whose start failed, once something has come for it; none in the bin but a
        rehearsal, which is judged by what is made of it."""
        if session.binned_at_ms is not None and not session.is_rehearsal:
            return False
        if session.state is SessionState.COLLECTING or not session.start_failed:
            return True
        record = self._records.of(session.uuid)
        if record.has_news and record.at_work is None:
            try:
                record.has_news = await self._inventory.has_files(session.uuid)
            except Refusal:  # the logging drive is away: the next round looks again
                return False
        return record.has_news

    async def _consider(self, session: Session, record: WorkRecord) -> None:
        if self._clock.monotonic() < record.due_at:
            return
        awaited: list[Awaited] = []
        try:
            if session.state is SessionState.COLLECTING:
                awaited = await self._arrivals.waiting_for(session, record.delivered)
        except Refusal as reason:  # the logging drive is away: the next round looks again
            self._cannot(record, reason)
            return
        record.obstacle, record.awaited = None, tuple(awaited)
        self._records.keep(replace(record.job, waiting_for=tuple(one.node for one in awaited)))
        if awaited:
            self._follow(session)
        elif (
            session.state is SessionState.COLLECTING
            and session.never_began
            and not await self._has_files(session.uuid)
        ):
            await self._end_empty(record)
        elif self._sync_is_there(record):
            await self._begin(session.uuid)

    async def _has_files(self, uuid: str) -> bool:
        try:
            return await self._inventory.has_files(uuid)
        except Refusal:  # the logging drive is away: what needs it finds that out
            return True

    async def _end_empty(self, record: WorkRecord) -> None:
        """There is nothing to make of it, and nothing is wrong."""
        await self._store.change(record.uuid, SessionState.DONE)
        self._workers.drop(record)

    def _follow(self, session: Session) -> None:
        """Let the videos of a session that is still coming in grow with it."""
        record, now = self._records.of(session.uuid), self._clock.monotonic()
        if session.processed_at or record.following:
            return
        if now >= record.follow_at and self._sync_is_there(record):
            record.follow_at = now + FOLLOW_AGAIN_S
            self._workers.follow(session.uuid)

    def _sync_is_there(self, record: WorkRecord) -> bool:
        try:
            self._check_sync()
        except Refusal as reason:
            self._cannot(record, reason)
            return False
        return True

    def _cannot(self, record: WorkRecord, reason: Refusal) -> None:
        record.obstacle = reason.detail
        self._records.keep(replace(record.job, error=reason.detail))

    async def _look_again_at_finished(self) -> None:
        """A finished session that got new files is collected and made again; one that was not
        read back from the disk is, in its turn."""
        for record in self._records.with_news():
            if record.at_work:
                continue
            session = await self._store.get(record.uuid)
            if session is None or session.state is not SessionState.DONE:
                continue
            if session.binned_at_ms is not None:  # looked at again once it is taken out
                continue
            if not self._sync_is_there(record):
                return
            record.obstacle, record.has_news = None, False
            try:
                await self._look_again(record)
            except OSError as error:  # a drive that is away or hangs
                _log.warning(
                    "a finished session could not be compared", uuid=record.uuid, error=error
                )
                record.has_news = True
                return
            except ValueError as error:  # what lies there; the others are looked at all the same
                _log.error("a session makes no sense", uuid=record.uuid, error=str(error)[:500])

    async def _look_again(self, record: WorkRecord) -> None:
        if await self._needs_processing(record.uuid):
            if record.at_work is not AtWork.MAKING:  # somebody may have asked for it in between
                await self._store.collect_again(record.uuid)
        else:
            self._read_back.want(record)

    async def _begin_to_read_back(self) -> None:
        with suppress(Refusal, OSError):  # a drive that is away or hangs: the next round again
            self._check_sync()
            await self._read_back.begin()

    async def _should_be_read_back(self, uuid: str) -> bool:
        session = await self._store.get(uuid)
        if session is None or session.state is not SessionState.DONE:
            return False  # it is, once it is made
        return await self._needs_verification(uuid) and self._records.of(uuid).at_work is None

    def _was_made(self, uuid: str) -> None:
        self._on_copy(uuid)
        self.wake()

    def _was_read_back(self, uuid: str, well: bool) -> None:
        if not well:  # what proved damaged is made again, if it can be
            record = self._records.of(uuid)
            record.due_at = self._clock.monotonic() + LONGEST_RETRY_S
            record.has_news = True
        self._on_copy(uuid)
        self.wake()

    async def _begin(self, uuid: str) -> None:
        """Set a worker on a session, unless one is."""
        if self._records.of(uuid).at_work is None:
            self._rounds.busy()
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


def _nobody_started(session: Session) -> bool:
    """Whether only files tell of a session: somebody has sent them, and it is made last."""
    return session.start_at_ms is None
