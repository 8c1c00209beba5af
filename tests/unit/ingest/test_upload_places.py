"""Places for uploads: who moves keeps one, who stands still gives way when it is wanted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from ctlr.ingest.upload_places import QUANTUM_BYTES, Place, UploadPlaces

SLOW_S = 5.0

pytestmark = pytest.mark.looptime


async def hold(place: Place, waits_s: float = 600) -> bool:
    """Wait for the phone as an upload does; whether it gave way."""
    try:
        async with place.waiting(waits_s):
            await asyncio.Event().wait()
    except TimeoutError:
        return place.gave_way
    raise AssertionError


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def test_who_stands_still_gives_way_to_one_that_waits() -> None:
    places = UploadPlaces(in_all=2, per_address=2, slow_s=SLOW_S)

    async def upload() -> bool:
        async with places.take("stranger") as place:
            return await hold(place)

    holders = [asyncio.ensure_future(upload()) for _ in range(2)]
    await asyncio.sleep(1)
    began = asyncio.get_running_loop().time()
    async with places.take("phone"):
        waited_s = asyncio.get_running_loop().time() - began
    assert SLOW_S - 1 <= waited_s <= SLOW_S + 1
    done, going_on = await asyncio.wait(holders, timeout=1)
    assert [task.result() for task in done] == [True]
    for task in going_on:
        task.cancel()


async def test_who_moves_is_waited_for(stack: AsyncExitStack) -> None:
    places = UploadPlaces(in_all=1, per_address=1, slow_s=SLOW_S)
    ended_at = 0.0

    async def upload() -> None:
        nonlocal ended_at
        async with places.take("phone") as place:
            for _ in range(20):
                async with place.waiting(60):
                    await asyncio.sleep(SLOW_S - 1)
                place.note(QUANTUM_BYTES)
            ended_at = asyncio.get_running_loop().time()

    first = asyncio.ensure_future(upload())
    await asyncio.sleep(1)
    await stack.enter_async_context(places.take("other"))
    assert asyncio.get_running_loop().time() >= ended_at > 20 * (SLOW_S - 1) - 1
    await first


async def test_what_the_drive_takes_is_not_held_against_the_phone() -> None:
    places = UploadPlaces(in_all=1, per_address=1, slow_s=SLOW_S)
    async with places.take("phone") as place:
        await asyncio.sleep(10 * SLOW_S)  # on the drive: nothing is waited for
        assert place.is_moving()
        async with place.waiting(60):
            await asyncio.sleep(SLOW_S + 1)
        assert not place.is_moving()
        place.note(QUANTUM_BYTES)
        assert place.is_moving()


async def test_one_host_leaves_places_for_others(stack: AsyncExitStack) -> None:
    places = UploadPlaces(in_all=4, per_address=2, slow_s=SLOW_S)
    for host in ("stranger", "stranger", "phone", "phone"):
        async with asyncio.timeout(1):
            await stack.enter_async_context(places.take(host))


async def test_an_eject_ends_those_that_stand_still_and_no_other() -> None:
    places = UploadPlaces(in_all=4, per_address=4, slow_s=SLOW_S)
    ended: list[bool] = []

    async def upload() -> None:
        async with places.take("phone") as place:
            ended.append(await hold(place))

    still = asyncio.ensure_future(upload())
    await asyncio.sleep(SLOW_S + 1)
    fresh = asyncio.ensure_future(upload())
    await asyncio.sleep(0.1)
    await places.end_still()
    assert ended == [True]
    assert not fresh.done()
    fresh.cancel()
    await still
