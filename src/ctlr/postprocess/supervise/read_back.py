"""Has finished sessions read back from the disk: one after another, in the order they came.

After a restart every session that was never read back wants it. Each reads whole videos, so one
at a time is enough, and whoever makes sessions lets none begin while one waits for that.
"""

from collections.abc import Awaitable, Callable

import structlog

from ctlr.kernel.clock import Clock
from ctlr.kernel.database import persist
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.postprocess.supervise.jobs import LONGEST_RETRY_S, JobResult
from ctlr.postprocess.supervise.record import AtWork, WorkRecord, WorkRecords
from ctlr.postprocess.supervise.workers import Workers
from ctlr.sessions.store import SessionStore

_FAILED = "Reading back failed: "

_log = structlog.get_logger("postprocess")


class ReadBack:
    """``needs`` tells whether a session is still to be read back; ``on_end`` is called with a
    session and whether it was as it was written (or the worker only ended before its time)."""

    def __init__(
        self,
        store: SessionStore,
        clock: Clock,
        tasks: BackgroundTasks,
        workers: Workers,
        records: WorkRecords,
        *,
        needs: Callable[[str], Awaitable[bool]],
        on_end: Callable[[str, bool], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._tasks = tasks
        self._workers = workers
        self._needs = needs
        self._on_end = on_end
        self._records = records

    def want(self, record: WorkRecord) -> None:
        """Read a session back, if it needs that; one that failed, not before its time."""
        if record.read_back_at is None:
            record.read_back_at = self._clock.monotonic()

    async def begin(self) -> None:
        """Set a worker on the next session, unless one is at work. Raises ``OSError``."""
        for record in self._records.to_read_back():
            if self._records.at_work(AtWork.READING_BACK):
                return
            needed = await self._needs(record.uuid)
            record.read_back_at = None
            if needed:
                record.at_work = AtWork.READING_BACK
                self._tasks.start_job(f"verify {record.uuid}", self._read_back(record))

    async def _read_back(self, record: WorkRecord) -> None:
        uuid, result = record.uuid, await self._workers.verify(record.uuid)
        if result.ended_early:
            self.want(record)
            result = JobResult(failed=False)
        elif result.failed or result.error:
            _log.error("verification failed", uuid=uuid, error=result.error)
            record.read_back_at = self._clock.monotonic() + LONGEST_RETRY_S
            await persist(lambda: self._note(uuid, f"{_FAILED}{result.error}"))
        else:
            _log.info("session verified", uuid=uuid)
            await persist(lambda: self._note(uuid, None))
        self._workers.end(uuid, result)
        record.at_work = None
        self._on_end(uuid, not (result.failed or result.error))

    async def _note(self, uuid: str, failure: str | None) -> None:
        """Have the session's error end with what reading it back has shown; what the making left
        there (that something is missing) stays."""
        session = await self._store.get(uuid)
        before = session.error if session else None
        made = (before or "").partition(_FAILED)[0].strip()
        error = " ".join(filter(None, (made, failure))) or None
        if error != before:
            await self._store.change(uuid, error=error)
