"""The child processes that work on sessions, one per session, and what they say of it.

A worker that follows a recording has copied all but the last segment when it is told to finish;
where there is none (the sync disk was away, it was killed, the controller restarted after the
stop) an ordinary one takes up what was flushed. Which of the two makes no difference to who asks.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from enum import StrEnum
from math import inf

import structlog

from ctlr.kernel.tasks import BackgroundTasks
from ctlr.postprocess.supervise.jobs import Job, JobResult, JobState
from ctlr.postprocess.supervise.record import Following, WorkRecord, WorkRecords

_log = structlog.get_logger("postprocess")


class Task(StrEnum):
    """What a worker is started for; also the word on its command line."""

    FOLLOW = "follow"
    PROCESS = "process"
    VERIFY = "verify"


RunWorker = Callable[[Task, Job, Callable[[Job], None], asyncio.Event | None], Awaitable[JobResult]]
"""Runs one worker to its end: task, job, where to report progress, and the event that tells one
that follows to finish. Never raises for the session's sake."""


class Workers:
    """Runs them; what they say goes into the session's record."""

    def __init__(self, tasks: BackgroundTasks, run: RunWorker, records: WorkRecords) -> None:
        self._tasks = tasks
        self._run = run
        self._records = records
        self._light: set[asyncio.Future[JobResult]] = set()

    def follow(self, uuid: str) -> None:
        """Start a worker whose videos grow with the recording."""
        record = self._records.of(uuid)
        result: asyncio.Future[JobResult] = asyncio.get_running_loop().create_future()
        following = record.following = Following(asyncio.Event(), result)
        self._records.keep(replace(record.job, state=JobState.FOLLOWING, error=None))
        self._tasks.start_job(f"follow {uuid}", self._follow(uuid, following))

    async def make(self, uuid: str) -> JobResult:
        """Make a session ready."""
        record = self._records.of(uuid)
        job = record.job
        again = replace(job, state=JobState.RUNNING, attempts=job.attempts + 1, error=None)
        self._records.keep(again)
        if record.following is not None:
            following = record.following
            following.finish.set()
            made = await following.result
            if not made.failed:
                return made
            _log.warning("following failed; made in one go", uuid=uuid, error=made.error)
        return await self._run(Task.PROCESS, record.job, self._records.keep, None)

    async def verify(self, uuid: str) -> JobResult:
        """Read a ready session back from the disk."""
        self._records.keep(replace(self._records.of(uuid).job, state=JobState.VERIFYING))
        return await self._run_light(Task.VERIFY, uuid, None)

    def end(self, uuid: str, result: JobResult) -> None:
        """Keep how a job has ended."""
        state = JobState.FAILED if result.failed else JobState.DONE
        job = self._records.of(uuid).job
        self._records.keep(replace(job, state=state, attempts=0, eta_s=None, error=result.error))

    def drop(self, record: WorkRecord) -> None:
        """Let go of a session of which there is nothing to make: one that follows it is told to
        finish, and no job is left."""
        self._tasks.start_job(f"drop {record.uuid}", self._drop(record))

    async def _drop(self, record: WorkRecord) -> None:
        if record.following is not None:
            following = record.following
            following.finish.set()
            await following.result
        if record.job.state is not JobState.RUNNING:  # nothing has come meanwhile
            self._records.drop_job(record)

    async def release_readers(self) -> None:
        """End the workers that follow or read back, so that a drive is free; whoever started
        them does so again."""
        light = list(self._light)
        for running in light:
            running.cancel()
        await asyncio.gather(*light, return_exceptions=True)

    async def _run_light(self, task: Task, uuid: str, finish: asyncio.Event | None) -> JobResult:
        """A worker that may be ended before its time."""
        running = asyncio.ensure_future(
            self._run(task, self._records.of(uuid).job, self._records.keep, finish)
        )
        self._light.add(running)
        running.add_done_callback(self._light.discard)
        try:
            return await running
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            return JobResult(failed=True, ended_early=True, error="The drive was asked for.")

    async def _follow(self, uuid: str, following: Following) -> None:
        ended = await self._run_light(Task.FOLLOW, uuid, following.finish)
        record = self._records.of(uuid)
        record.following = None
        if ended.lasting:  # with this drive it would end so again: a drive that comes makes it due
            record.follow_at = inf
        following.result.set_result(ended)
        if not following.finish.is_set():
            _log.warning("following ended early", uuid=uuid, error=ended.error)
            self._records.keep(replace(record.job, state=JobState.WAITING, error=ended.error))
