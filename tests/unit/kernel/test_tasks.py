import asyncio
import sys

from ctlr.kernel.tasks import BackgroundTasks
from ctlr.kernel.threads import in_thread


async def last() -> None:
    await asyncio.Event().wait()


async def end() -> None:
    return


async def fail() -> None:
    raise RuntimeError("defect")


class Deaths:
    count = 0

    def __call__(self) -> None:
        self.count += 1


async def test_a_loop_that_ends_takes_the_process_down_once() -> None:
    for work in (end, fail):
        deaths = Deaths()
        tasks = BackgroundTasks(deaths)
        tasks.start_loop("lasts", last())
        tasks.start_loop("one", work())
        tasks.start_loop("two", work())
        await asyncio.sleep(0.01)
        assert deaths.count == 1
        await tasks.close()


async def test_a_job_may_end_but_not_fail() -> None:
    deaths = Deaths()
    tasks = BackgroundTasks(deaths)
    tasks.start_job("ends", end())
    await asyncio.sleep(0.01)
    assert deaths.count == 0
    tasks.start_job("fails", fail())
    await asyncio.sleep(0.01)
    assert deaths.count == 1
    await tasks.close()


async def test_closing_ends_everything_quietly() -> None:
    deaths = Deaths()
    tasks = BackgroundTasks(deaths)
    tasks.start_loop("lasts", last())
    tasks.start_job("works", last())
    await tasks.close()
    assert deaths.count == 0
    assert len(asyncio.all_tasks()) == 1


async def test_a_call_that_hangs_is_left_behind() -> None:
    loop = asyncio.get_running_loop()
    release = asyncio.Event()

    def hang() -> None:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()

    try:
        await in_thread(0.01, hang)
    except TimeoutError:
        release.set()
    else:
        raise AssertionError("it was waited for")
    assert await in_thread(5, lambda: 7) == 7


async def test_nobody_waits_until_a_thread_has_begun() -> None:
    began: list[bool] = []
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1000)  # a thread gets its turn when this one waits, and not before
    try:
        calling = asyncio.create_task(in_thread(5, lambda: began.append(True)))
        await asyncio.sleep(0)
        assert began == []
    finally:
        sys.setswitchinterval(interval_s)
    await calling
    assert began == [True]
