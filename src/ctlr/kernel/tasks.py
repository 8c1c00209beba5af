"""Background loops that are never silently dead.

A recording rig whose poll loop has ended looks healthy and records nothing. So a background
task here either runs until it is asked to stop, or takes the process down with a logged
reason, and systemd starts it again; the state on disk makes that safe.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

_log = structlog.get_logger("tasks")


class BackgroundTasks:
    """Named tasks of one service. ``on_death`` is called once, when one ends by itself."""

    def __init__(self, on_death: Callable[[], None]) -> None:
        self._on_death = on_death
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    def start_loop(self, name: str, loop: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a loop that is meant to last as long as the service, or until it is cancelled."""
        return self._start(name, loop, must_last=True)

    def start_job(self, name: str, job: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run work that ends by itself; an exception that escapes it is as fatal as a loop's."""
        return self._start(name, job, must_last=False)

    def _start(
        self, name: str, work: Coroutine[Any, Any, None], *, must_last: bool
    ) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, must_last=must_last))
        return task

    def _ended(self, task: asyncio.Task[None], *, must_last: bool) -> None:
        self._tasks.discard(task)
        if self._closing or task.cancelled():
            return
        error = task.exception()
        if error is None and not must_last:
            return
        self._closing = True
        _log.error("background task died; the process ends", task=task.get_name(), exc_info=error)
        self._on_death()

    async def close(self) -> None:
        """Cancel what still runs and wait for it to end."""
        self._closing = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
