"""Late wake-ups change when things happen, never what comes of them."""

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from tests.delays import sitecustomize
from tests.delays.sitecustomize import LatePolicy, run_late


class Always(random.Random):
    """Every wake-up is late, by as much as there is."""

    def random(self) -> float:
        return 0.0

    def uniform(self, a: float, b: float) -> float:
        return b


async def add(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


async def test_what_comes_of_a_task_stays_the_same() -> None:
    assert await run_late(add(1, 2), Always()) == 3

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("as it was meant")

    with pytest.raises(ValueError, match="as it was meant"):
        await run_late(fail(), Always())


async def test_a_wake_up_comes_late() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await run_late(add(1, 2), Always())
    assert loop.time() - began >= sitecustomize.LONGEST_S * 0.9


async def test_a_task_can_be_cancelled_while_it_is_late_and_tidies_up() -> None:
    ended = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(run_late(waits(), Always()))
    await asyncio.sleep(sitecustomize.LONGEST_S / 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


def test_a_child_process_is_late_too() -> None:
    folder = Path(sitecustomize.__file__).parent
    code = "import asyncio; print(type(asyncio.get_event_loop_policy()).__name__)"
    found = {
        seed: subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(folder), "CTLR_DELAYS": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("7", "")
    }
    assert found["7"] == LatePolicy.__name__
    assert found[""] != LatePolicy.__name__
