"""Wakes asyncio tasks late, at random, in every Python process that finds this on its path.

What a task waited for has come, and the task hears of it up to ``LONGEST_S`` later: the order
of events that a busy machine makes now and then, made often. Each task still takes its own steps
in order. What waits for a time instead of for what it means, or takes two things that happened
one after another for one, shows itself within minutes.

``CTLR_DELAYS`` holds the seed; without it nothing happens. A process draws of its own, so that a
controller and its cameras are not late together.
"""

import asyncio
import os
import random
import types
from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any

SHARE = 0.2
"""Of all wake-ups, how many are late."""
LONGEST_S = 0.05


class LatePolicy(asyncio.DefaultEventLoopPolicy):
    """Its event loops make tasks that are woken late."""

    def __init__(self, seed: str) -> None:
        super().__init__()
        self._chance = random.Random(seed)

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        loop = super().new_event_loop()
        loop.set_task_factory(self._make_task)
        return loop

    def _make_task(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        context: Context | None = None,
    ) -> asyncio.Task[Any]:
        late = run_late(coroutine, self._chance)
        return asyncio.Task(late, loop=loop, context=context)


async def run_late(
    coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any], chance: random.Random
) -> Any:
    """What ``coroutine`` returns or raises, after a few late wake-ups."""
    return await _drive(coroutine, chance)


@types.coroutine
def _drive(
    coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any], chance: random.Random
) -> Generator[Any, Any, Any]:
    error: BaseException | None = None
    while True:
        try:
            waiting = coroutine.send(None) if error is None else coroutine.throw(error)
        except StopIteration as end:
            return end.value
        try:
            yield waiting
            error = None
            if chance.random() < SHARE:
                yield from asyncio.sleep(chance.uniform(0, LONGEST_S)).__await__()
        except GeneratorExit:
            coroutine.close()
            raise
        except BaseException as thrown:
            error = thrown


if seed := os.environ.get("CTLR_DELAYS"):
    asyncio.set_event_loop_policy(LatePolicy(f"{seed} {os.getpid()}"))
