"""The child processes that work on sessions, one per session, and what they say of it.

A worker that follows a recording has copied all but the last segment when it is told to finish;
where there is none (the sync disk was away, it was killed, the controller restarted after the
stop) an ordinary one takes up what was flushed. Which of the two makes no difference to who asks.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from enum import StrEnum

import structlog

from ctlr.kernel.tasks import BackgroundTasks
from ctlr.postprocess.supervise.jobs import Job, JobResult, JobState

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
    """Jobs by session. ``on_change`` is called whenever one has news."""

    def __init__(
        self, tasks: BackgroundTasks, run: RunWorker, on_change: Callable[[], None]
    ) -> None:
        self._tasks = tasks
        self._run = run
        self._on_change = on_change
        self._jobs: dict[str, Job] = {}
        self._light: set[asyncio.Future[JobResult]] = set()
        self._following: dict[str, tuple[asyncio.Event, asyncio.Future[JobResult]]] = {}

    def jobs(self) -> list[Job]:
        return list(self._jobs.values())

    def job(self, uuid: str) -> Job:
        return self._jobs.get(uuid) or Job(uuid)

    def keep(self, job: Job) -> None:
        if job != self._jobs.get(job.uuid):
            self._jobs[job.uuid] = job
            self._on_change()

    def is_following(self, uuid: str) -> bool:
        return uuid in self._following

    def follow(self, uuid: str) -> None:
        """Start a worker whose videos grow with the recording."""
        finish = asyncio.Event()
        result: asyncio.Future[JobResult] = asyncio.get_running_loop().create_future()
        self._following[uuid] = finish, result
        self.keep(replace(self.job(uuid), state=JobState.FOLLOWING, error=None))
        self._tasks.start_job(f"follow {uuid}", self._follow(uuid, finish, result))

    async def make(self, uuid: str) -> JobResult:
        """Make a session ready."""
        job = self.job(uuid)
        self.keep(replace(job, state=JobState.RUNNING, attempts=job.attempts + 1, error=None))
        if uuid in self._following:
            finish, result = self._following[uuid]
            finish.set()
            made = await result
            if not made.failed:
                return made
            _log.warning("following failed; made in one go", uuid=uuid, error=made.error)
        return await self._run(Task.PROCESS, self.job(uuid), self.keep, None)

    async def verify(self, uuid: str) -> JobResult:
        """Read a ready session back from the disk."""
        self.keep(replace(self.job(uuid), state=JobState.VERIFYING))
        return await self._run_light(Task.VERIFY, uuid, None)

    def end(self, uuid: str, result: JobResult) -> None:
        """Keep how a job has ended."""
        state = JobState.FAILED if result.failed else JobState.DONE
        self.keep(replace(self.job(uuid), state=state, attempts=0, eta_s=None, error=result.error))

    def drop(self, uuid: str) -> None:
        """Let go of a session of which there is nothing to make: one that follows it is told to
        finish, and no job is left."""
        self._tasks.start_job(f"drop {uuid}", self._drop(uuid))

    async def _drop(self, uuid: str) -> None:
        if uuid in self._following:
            finish, result = self._following[uuid]
            finish.set()
            await result
        if self.job(uuid).state is not JobState.RUNNING:  # nothing has come meanwhile
            self._jobs.pop(uuid, None)
            self._on_change()

    async def release_readers(self) -> None:
        """End the workers that follow or read back, so that a drive is free; whoever started
        them does so again."""
        light = list(self._light)
        for running in light:
            running.cancel()
        await asyncio.gather(*light, return_exceptions=True)

    async def _run_light(self, task: Task, uuid: str, finish: asyncio.Event | None) -> JobResult:
        """A worker that may be let go."""
        running = asyncio.ensure_future(self._run(task, self.job(uuid), self.keep, finish))
        self._light.add(running)
        running.add_done_callback(self._light.discard)
        try:
            return await running
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            return JobResult(failed=True, release_readers=True, error="The drive was asked for.")

    async def _follow(
        self, uuid: str, finish: asyncio.Event, result: asyncio.Future[JobResult]
    ) -> None:
        ended = await self._run_light(Task.FOLLOW, uuid, finish)
        del self._following[uuid]
        result.set_result(ended)
        if not finish.is_set():
            _log.warning("following ended early", uuid=uuid, error=ended.error)
            self.keep(replace(self.job(uuid), state=JobState.WAITING, error=ended.error))
