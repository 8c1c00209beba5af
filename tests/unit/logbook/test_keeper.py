"""The keeper with a real store in a folder, a broker that remembers what it was told, and a drive
that comes, goes and hangs."""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ctlr.logbook.entry import Entry
from ctlr.logbook.keeper import DriveAwayError, Keeper
from ctlr.logbook.store import LogStore
from ctlr.logbook.tail import Arrived, Tail, Ticket

pytestmark = pytest.mark.usefixtures("logging_as_it_was")


class Rig:
    """A keeper and what is around it; ``problem`` is what is wrong with the drive."""

    def __init__(
        self,
        folder: Path,
        open_store: Callable[[Path], LogStore] | None = None,
        tail: Tail | None = None,
        deadline_s: float = 5.0,
    ) -> None:
        self.path = folder / "logs" / "logs.db"
        self.problem: str | None = None
        self.acknowledged: list[int] = []
        self.tail = Tail() if tail is None else tail
        make = open_store or (lambda path: LogStore(path, 1000, 16 << 20))
        self.keeper = Keeper(
            self.path,
            lambda: make(self.path),
            lambda: self.problem,
            self.tail,
            self.acknowledge,
            interval_s=0.001,
            deadline_s=deadline_s,
        )

    def acknowledge(self, tickets: Sequence[Ticket]) -> None:
        self.acknowledged += [ticket.mid for ticket in tickets]

    def arrive(self, *numbers: int) -> None:
        for number in numbers:
            entry = Entry(str(number), "cam-01", "INFO", 0, 0, f'{{"n":{number}}}')
            gone = self.tail.put(Arrived(entry, Ticket(1, number)))
            self.acknowledge([item.ticket for item in gone if item.ticket])

    async def stored(self) -> list[int]:
        return [int(record.payload[5:-1]) for record in await self.keeper.after(0, 1000)]

    def is_open(self) -> bool:
        return any(
            os.path.realpath(f"/proc/self/fd/{fd}").startswith(str(self.path))
            for fd in os.listdir("/proc/self/fd")
        )


async def test_what_is_stored_is_acknowledged_and_not_before(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.arrive(1, 2, 3)
    assert rig.acknowledged == []
    assert await rig.keeper.store_batch() is False
    assert (await rig.stored(), rig.acknowledged) == ([1, 2, 3], [1, 2, 3])
    rig.arrive(3, 4)
    await rig.keeper.store_batch()
    assert (await rig.stored(), rig.acknowledged) == ([1, 2, 3, 4], [1, 2, 3, 3, 4])
    assert (rig.keeper.records, rig.keeper.repeats) == (4, 1)
    await rig.keeper.close()


async def test_while_the_drive_is_away_records_wait_and_the_file_is_let_go(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.arrive(1)
    await rig.keeper.store_batch()
    assert rig.is_open()
    rig.problem = "ejected"
    rig.arrive(2, 3)
    for _ in range(3):
        with pytest.raises(DriveAwayError, match="ejected"):
            await rig.keeper.store_batch()
    assert not rig.is_open()
    assert (rig.acknowledged, len(rig.tail), rig.keeper.problem) == ([1], 2, "ejected")
    rig.problem = None
    await rig.keeper.store_batch()
    assert await rig.stored() == [1, 2, 3]
    assert rig.keeper.problem is None
    await rig.keeper.close()
    assert not rig.is_open()


async def test_nothing_is_made_below_a_drive_that_is_away(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.problem = "not mounted"
    rig.arrive(1)
    with pytest.raises(DriveAwayError):
        await rig.keeper.store_batch()
    await rig.keeper.close()
    assert list(tmp_path.iterdir()) == []
    assert len(rig.tail) == 1


async def test_the_newest_wait_where_the_tail_is_full(tmp_path: Path) -> None:
    rig = Rig(tmp_path, tail=Tail(max_records=3))
    rig.problem = "away"
    rig.arrive(1, 2, 3, 4, 5)
    rig.problem = None
    await rig.keeper.store_batch()
    assert await rig.stored() == [3, 4, 5]
    assert (rig.tail.dropped, sorted(rig.acknowledged)) == (2, [1, 2, 3, 4, 5])
    await rig.keeper.close()


class StickyStore(LogStore):
    """On a drive that hangs until ``released``; counts the calls that hang at once."""

    released = threading.Event()
    hanging = 0

    def append(self, entries: Sequence[Entry]) -> int:
        StickyStore.hanging += 1
        self.released.wait(20)
        StickyStore.hanging -= 1
        return super().append(entries)


async def test_a_drive_that_hangs_costs_one_thread_and_nothing_is_lost(tmp_path: Path) -> None:
    StickyStore.released.clear()
    rig = Rig(tmp_path, lambda path: StickyStore(path, 1000, 16 << 20), deadline_s=0.05)
    rig.arrive(1, 2)
    for _ in range(4):
        with pytest.raises(DriveAwayError):
            await rig.keeper.store_batch()
        assert StickyStore.hanging <= 1
    async with asyncio.timeout(20):
        while StickyStore.hanging == 0:  # noqa: ASYNC110 - a thread's progress has no event
            await asyncio.sleep(0.01)
    assert rig.acknowledged == []
    StickyStore.released.set()
    running = asyncio.create_task(rig.keeper.run())
    async with asyncio.timeout(20):
        await rig.keeper.stored.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await rig.stored() == [1, 2]
    assert rig.acknowledged == [1, 2]
    await rig.keeper.close()
    assert not rig.is_open()


async def test_damage_is_put_aside_and_what_waits_is_stored(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.arrive(1)
    await rig.keeper.store_batch()
    await rig.keeper.close_store()
    content = rig.path.read_bytes()  # damaged where the records are, not what opening looks at
    rig.path.write_bytes(content[: 3 * 4096] + b"\xa5" * (len(content) - 3 * 4096))
    rig.arrive(2)
    with pytest.raises(DriveAwayError, match="malformed"):
        await rig.keeper.store_batch()
    await rig.keeper.store_batch()
    assert await rig.stored() == [2]
    assert rig.path.with_suffix(".damaged").exists()
    await rig.keeper.close()


async def test_told_to_end_it_stores_what_it_has(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    running = asyncio.create_task(rig.keeper.run())
    await asyncio.sleep(0)
    rig.arrive(1, 2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await rig.keeper.close()
    assert not rig.is_open()
    assert await rig.stored() == [1, 2]
    await rig.keeper.close()
