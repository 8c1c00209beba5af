"""Makes one session ready: claims it, has the worker run, and moves the record along."""

from collections.abc import Callable
from dataclasses import replace
from math import inf

import structlog

from ctlr.kernel.clock import Clock
from ctlr.kernel.database import persist
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.postprocess.supervise.jobs import FIRST_RETRY_S, JobResult, JobState, retry_after_s
from ctlr.postprocess.supervise.record import AtWork, WorkRecords
from ctlr.postprocess.supervise.workers import Workers
from ctlr.sessions.lifecycle import IllegalTransitionError
from ctlr.sessions.model import ACTIVE_STATES, SessionState
from ctlr.sessions.store import SessionStore

_log = structlog.get_logger("postprocess")


class Making:
    """``on_end`` is called with a session when a worker has ended and the record says how."""

    def __init__(
        self,
        store: SessionStore,
        clock: Clock,
        tasks: BackgroundTasks,
        workers: Workers,
        records: WorkRecords,
        on_end: Callable[[str], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._tasks = tasks
        self._workers = workers
        self._records = records
        self._on_end = on_end

    async def begin(self, uuid: str) -> None:
        """Set a worker on a session that none works on: claimed before anything is waited for."""
        record = self._records.of(uuid)
        record.at_work = AtWork.MAKING
        taken = False
        try:
            taken = await self._move(uuid, SessionState.PROCESSING)
        finally:
            if not taken:
                record.at_work = None
        if not taken:
            return
        record.delivered.restart_wait()
        self._records.keep(replace(record.job, state=JobState.RUNNING))
        self._tasks.start_job(f"process {uuid}", self._work(uuid))

    async def _move(self, uuid: str, state: SessionState, **columns: object) -> bool:
        """Change a session's state; not when a camera was found recording it meanwhile. Then it
        is made once that is stopped."""
        try:
            await self._store.change(uuid, state, **columns)
        except IllegalTransitionError:
            session = await self._store.get(uuid)
            if session is None or session.state not in ACTIVE_STATES:
                raise
            _log.warning("a session is recorded on while it is made", uuid=uuid)
            return False
        return True

    async def _work(self, uuid: str) -> None:
        result = await self._workers.make(uuid)
        if result.failed:
            await self._failed(uuid, result)
        else:
            await self._made(uuid, result)
        record = self._records.of(uuid)
        record.at_work = None
        record.has_news = True  # what arrived meanwhile is compared with what was made
        self._on_end(uuid)

    async def _failed(self, uuid: str, result: JobResult) -> None:
        record = self._records.of(uuid)
        job = record.job
        wait_s = inf if result.lasting else retry_after_s(job.attempts)
        record.due_at = self._clock.monotonic() + wait_s
        await persist(lambda: self._move(uuid, SessionState.FAILED, error=result.error))
        _log.error("processing failed", uuid=uuid, attempts=job.attempts, error=result.error)
        self._records.keep(replace(job, state=JobState.FAILED, eta_s=None, error=result.error))

    async def _made(self, uuid: str, result: JobResult) -> None:
        done = await persist(
            lambda: self._move(
                uuid,
                SessionState.DONE,
                error=result.error,
                folder=result.folder,
                processed_at=result.processed_at,
            )
        )
        if not done:
            return
        _log.info("session ready", uuid=uuid, folder=result.folder, problems=result.error)
        self._workers.end(uuid, result)
        session = await persist(lambda: self._store.get(uuid))
        if session is not None:
            self._records.plan_looks(session)
        # Not at once again, should the work not have had the effect that is looked for.
        self._records.of(uuid).due_at = self._clock.monotonic() + FIRST_RETRY_S
