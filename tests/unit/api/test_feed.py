"""Everybody is told the newest status, made once, and the time."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.model.virtual_time import SettableClock, VirtualLoop

from ctlr.api.changes import Changes
from ctlr.api.feed import TICK_S, USUAL, Feed, Limits, Listener


@contextmanager
def all_of(feed: Feed, count: int) -> Iterator[list[Listener]]:
    """So many phones listen."""
    with ExitStack() as stack:
        yield [stack.enter_context(feed.listening(f"phone {n}")) for n in range(count)]


class Rig:
    """A feed of a status that is a number; time passes when everybody waits."""

    def __init__(self, limits: Limits = USUAL) -> None:
        self.loop = VirtualLoop()
        self.number = 0
        self.changes = Changes()
        self.feed = Feed(lambda: str(self.number), self.changes, SettableClock(self.loop), limits)

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        async def beside_the_feed() -> None:
            running = asyncio.create_task(self.feed.run_forever())
            try:
                await story
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

        try:
            self.loop.run(beside_the_feed())
        finally:
            self.loop.close()

    def change(self, number: int) -> None:
        self.number = number
        self.changes.notify()


def test_twenty_hear_the_same_and_it_is_made_once() -> None:
    rig = Rig()

    async def story() -> None:
        with all_of(rig.feed, 20) as listeners:
            first = [await listener.heard() for listener in listeners]
            assert all(b"event: status\ndata: 0\n\n" in heard for heard in first)
            await asyncio.sleep(0.3)
            assert all([await listener.heard() for listener in listeners])  # the loop's first tick
            made = rig.feed.made
            rig.change(7)
            told = [await listener.heard() for listener in listeners]
            assert {heard[: len(b"event: status\ndata: 7\n\n")] for heard in told} == {
                b"event: status\ndata: 7\n\n"
            }
            assert rig.feed.made == made + 1

    rig.run(story())


def test_a_tick_with_the_time_comes_though_nothing_happens_and_what_moves_is_told_with_it() -> None:
    rig = Rig()

    async def story() -> None:
        with rig.feed.listening("phone") as listener:
            begin = await listener.heard()
            assert begin.count(b"event: tick") == 1
            ticks = [await listener.heard() for _ in range(3)]
            assert [heard.startswith(b'event: tick\ndata: {"now_ms":') for heard in ticks[1:]] == [
                True,
                True,
            ]
            rig.number = 3  # moves without being a change
            before_s = rig.loop.time()
            told = await listener.heard()
            assert b"data: 3\n" in told
            assert b"event: tick" in told
            assert rig.loop.time() - before_s <= TICK_S + 0.2

    rig.run(story())


def test_one_that_reads_slowly_gets_the_newest_and_holds_nothing_else() -> None:
    rig = Rig()

    async def story() -> None:
        with rig.feed.listening("phone") as slow:
            await slow.heard()
            for number in range(1, 200):
                rig.change(number)
                await asyncio.sleep(0.25)
            heard = await slow.heard()
            assert heard.count(b"event: status") == 1
            assert heard.count(b"event: tick") == 1
            assert b"data: 199\n" in heard

    rig.run(story())


def test_many_changes_are_told_at_most_five_times_a_second() -> None:
    rig = Rig()

    async def story() -> None:
        with rig.feed.listening("phone") as listener:
            heard: list[bytes] = []

            async def listen() -> None:
                while True:
                    heard.append(await listener.heard())

            listening = asyncio.create_task(listen())
            for number in range(1000):
                rig.change(number)
                await asyncio.sleep(0.01)
            listening.cancel()
            assert 40 <= len(heard) <= 10 / 0.2 + 2

    rig.run(story())


def test_the_oldest_gives_way_of_its_address_and_of_all() -> None:
    rig = Rig(Limits(of_one=2, of_all=3))

    async def story() -> None:
        feed = rig.feed
        with (
            feed.listening("a") as a1,
            feed.listening("b") as b1,
            feed.listening("a") as a2,
        ):
            assert not a1.replaced.is_set()
            with feed.listening("a"):
                assert a1.replaced.is_set()
                assert not b1.replaced.is_set()
                with feed.listening("c"):
                    assert b1.replaced.is_set()
                    assert not a2.replaced.is_set()
                    assert feed.listeners == 3
        assert feed.listeners == 0

    rig.run(story())
