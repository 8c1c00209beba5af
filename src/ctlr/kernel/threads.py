"""A blocking call that may hang for ever, kept away from the event loop and from the exit.

A call on a dead disk can block in the kernel where no signal reaches it. In the shared thread
pool a handful of those stops every other user of the pool, and the interpreter waits for the
pool when it exits. So each call here gets a thread of its own (about 0.1 ms), and the caller waits
no longer than its deadline; a thread that is stuck is left behind.

``threading.Thread.start`` waits until the new thread has run. On a busy machine that is the turn of
everybody else, and the event loop stands still meanwhile; ``_thread`` only starts it.
"""

import _thread
import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

import structlog

Result = TypeVar("Result")

_log = structlog.get_logger("tasks")


async def in_thread(deadline_s: float, call: Callable[[], Result]) -> Result:
    """Run ``call`` in a thread and return what it returns.

    Raises what it raises, and ``TimeoutError`` after ``deadline_s`` seconds; the call itself
    cannot be stopped and may still end, and have its effect, later.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Result] = loop.create_future()

    def deliver(result: Result | None, error: BaseException | None) -> None:
        if answer.done():  # the caller has gone
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]  # None only beside an error

    def work() -> None:
        result, error = None, None
        try:
            result = call()
        except BaseException as raised:
            error = raised
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(deliver, result, error)

    _thread.start_new_thread(work, ())
    async with asyncio.timeout(deadline_s):
        return await answer


class Lane:
    """Calls to one disk, one after the other, each in a thread with a deadline.

    A call that does not come back is left behind, and until it does no other is sent after it:
    on a disk that hangs, one thread hangs.
    """

    def __init__(self, name: str, deadline_s: float) -> None:
        self._name = name
        self._deadline_s = deadline_s
        self._one_at_a_time = asyncio.Lock()
        self._free = threading.Event()
        self._free.set()

    async def run(self, call: Callable[[], Result]) -> Result:
        """Raises what ``call`` raises, and ``TimeoutError``: also at once, while an earlier call
        hangs."""

        def work() -> Result:
            try:
                return call()
            finally:
                self._free.set()

        async with self._one_at_a_time:
            if not self._free.is_set():
                raise TimeoutError(f"{self._name}: an earlier access has not come back")
            self._free.clear()
            try:
                return await in_thread(self._deadline_s, work)
            except TimeoutError as error:
                reason = str(error) or f"no answer within {self._deadline_s:g} s"
                raise TimeoutError(f"{self._name}: {reason}") from error

    async def wait_until_free(self) -> None:
        """Wait for a call that whoever sent it no longer waits for, but not for ever."""
        with suppress(TimeoutError):
            await in_thread(self._deadline_s, self._free.wait)


class LastingThreads:
    """Threads that work until they are told to end; one that dies takes the service with it.

    ``on_death`` is called in the event loop in which this is made. A thread that hangs holds up
    no exit.
    """

    def __init__(self, on_death: Callable[[], None]) -> None:
        self._on_death = on_death
        self._loop = asyncio.get_running_loop()
        self._threads: dict[str, threading.Thread] = {}

    def start(self, name: str, call: Callable[[], None]) -> None:
        def work() -> None:
            try:
                call()
            except BaseException:
                _log.exception("thread died; the process ends", thread=name)
                with suppress(RuntimeError):  # the loop has been closed meanwhile
                    self._loop.call_soon_threadsafe(self._on_death)

        self._threads[name] = threading.Thread(target=work, name=name, daemon=True)
        self._threads[name].start()

    async def join(self, deadline_s: float, names: Iterable[str]) -> bool:
        """Wait for the threads of these names to end; returns whether they have."""
        end = time.monotonic() + deadline_s
        waited = [self._threads[name] for name in names]
        for thread in waited:
            await asyncio.to_thread(thread.join, max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in waited)
