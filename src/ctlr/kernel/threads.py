"""A blocking call that may hang for ever, kept away from the event loop and from the exit.

A call on a dead disk can block in the kernel where no signal reaches it. In the shared thread
pool a handful of those stops every other user of the pool, and the interpreter waits for the
pool when it exits. So each call here gets a daemon thread of its own (about 0.1 ms), and the
caller waits no longer than its deadline; a thread that is stuck is left behind.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Result = TypeVar("Result")


async def in_thread(name: str, deadline_s: float, call: Callable[[], Result]) -> Result:
    """Run ``call`` in a thread and return what it returns.

    Raises what it raises, and ``TimeoutError`` after ``deadline_s`` seconds; the call itself
    cannot be stopped and may still end, and have its effect, later.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
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
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, name=name, daemon=True).start()
    async with asyncio.timeout(deadline_s):
        return await answer
