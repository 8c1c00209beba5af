"""A durable segment that was replaced while nobody looked: what can be known of it is said."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ctlr.ingest.inventory import Inventory
from ctlr.ingest.takes import Takes
from ctlr.kernel.clock import SystemClock
from ctlr.kernel.hashing import hash_bytes
from ctlr.layout.raw import TAKES_FOLDER, LoggingLayout
from ctlr.sessions.model import Session, SessionState
from ctlr.sessions.store import SessionStore

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
NAME = "seg_0001.mp4"
FIRST = b"what was durable"


class Rig:
    """One camera's folder, and the controller's processes that look at it, one after the other."""

    def __init__(self, store: SessionStore, logging: Path) -> None:
        self.store = store
        self.folder = logging / "cam-a" / UUID
        self.replaced: list[str] = []
        self.restart()

    def restart(self) -> None:
        clock, layout = SystemClock(), LoggingLayout(self.folder.parent.parent)
        self.takes = Takes(
            self.store, layout, clock, on_replaced=lambda _, node: self.replaced.append(node)
        )
        self.inventory = Inventory(
            self.store, layout, clock.monotonic, on_other=self.takes.note_lost
        )

    def deliver(self, data: bytes, name: str = NAME, like: os.stat_result | None = None) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        hidden = self.folder / f".{name}.AbCdEf"
        hidden.write_bytes(data)
        if like is not None:
            os.utime(hidden, ns=(like.st_atime_ns, like.st_mtime_ns))
        os.replace(hidden, self.folder / name)

    async def list_durable(self) -> dict[str, str]:
        found = await self.inventory.list_durable(UUID, "cam-a")
        return {file.name: file.xxh128 for file in found.durable}

    async def session(self) -> Session:
        session = await self.store.get(UUID)
        assert session is not None
        return session

    async def lost(self) -> tuple[str, ...]:
        return (await self.session()).nodes[0].lost

    async def events(self) -> list[str]:
        return [event.kind for event in (await self.session()).events]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    store = await SessionStore.open(tmp_path / "ctlr.db")
    await store.create(
        UUID, SessionState.COLLECTING, created_at_ms=1, start_at_ms=1, node_names=["cam-a"]
    )
    made = Rig(store, tmp_path / "logging")
    made.deliver(FIRST)
    assert await made.list_durable() == {NAME: hash_bytes(FIRST)}
    yield made
    await store.close()


async def test_what_replaced_it_is_named_once(rig: Rig) -> None:
    rig.deliver(b"another one")
    for _ in range(2):
        rig.restart()
        await rig.takes.keep(UUID, "cam-a")
        await rig.takes.keep(UUID, "cam-a")
        assert await rig.list_durable() == {NAME: hash_bytes(b"another one")}
    assert await rig.lost() == (NAME,)
    assert await rig.events() == ["segment_lost"]
    assert rig.replaced == ["cam-a"]


async def test_one_of_its_size_and_time_is_not_taken_for_it(rig: Rig) -> None:
    """As of a camera whose segments are all as large and whose clock begins where it did."""
    other = FIRST[:-1] + b"X"
    rig.deliver(other, like=os.stat(rig.folder / NAME))
    rig.restart()
    await rig.takes.keep(UUID, "cam-a")
    assert await rig.list_durable() == {NAME: hash_bytes(other)}
    assert await rig.lost() == (NAME,)
    assert await rig.events() == ["segment_lost"]


@pytest.mark.parametrize("other", [b"another one", FIRST[:-1] + b"X"])
async def test_what_is_held_under_a_second_name_is_not_lost(rig: Rig, other: bytes) -> None:
    await rig.takes.keep(UUID, "cam-a")
    rig.deliver(other, like=os.stat(rig.folder / NAME))
    rig.restart()
    await rig.takes.keep(UUID, "cam-a")
    assert (await rig.list_durable())[NAME] == hash_bytes(other)
    assert await rig.lost() == ()
    assert await rig.events() == ["segment_kept"]
    shown = {path.read_bytes() for path in rig.folder.glob("seg_*")}
    assert shown == {FIRST, other}


async def test_a_copy_of_the_drive_has_lost_nothing(rig: Rig) -> None:
    """Its files have other times and other inodes, and the same bytes."""
    logging = rig.folder.parent.parent
    shutil.copytree(logging, logging.with_name("copy"), copy_function=shutil.copyfile)
    shutil.rmtree(logging)
    logging.with_name("copy").rename(logging)
    os.utime(rig.folder / NAME, ns=(1, 1))
    rig.restart()
    await rig.takes.keep(UUID, "cam-a")
    assert await rig.list_durable() == {NAME: hash_bytes(FIRST)}
    assert await rig.lost() == ()
    assert rig.replaced == []


async def test_what_somebody_deleted_is_a_hole_and_no_loss_by_replacement(rig: Rig) -> None:
    (rig.folder / NAME).unlink()
    rig.deliver(b"", "notes.json")
    rig.restart()
    await rig.takes.keep(UUID, "cam-a")
    assert await rig.lost() == ()


async def test_a_drive_that_comes_back_is_checked_again(rig: Rig) -> None:
    await rig.takes.keep(UUID, "cam-a")
    shutil.rmtree(rig.folder / TAKES_FOLDER)
    rig.deliver(b"by hand, on another machine")
    rig.takes.check_again()
    await rig.takes.keep(UUID, "cam-a")
    assert await rig.lost() == (NAME,)
