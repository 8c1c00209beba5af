"""The bin is emptied on real folders, and what must stay stays."""

import os
from pathlib import Path

import pytest
from tests.unit.postprocess.rig import UUID, Rig

from ctlr.kernel.database import Database, load_migrations
from ctlr.retention import empty_bin, removal
from ctlr.retention.bin_plan import DAY_MS
from ctlr.retention.lines import Emptied, parse_line
from ctlr.sessions.model import REHEARSAL, SessionEvent, SessionState
from ctlr.sessions.store import SessionStore

NOW = 100 * DAY_MS


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    rig = Rig(tmp_path)
    rig.record()
    rig.upload("notes.csv")
    assert rig.process().exit_code == 0
    return rig


async def throw_in(rig: Rig, scope: str, days_ago: float = 8) -> None:
    path = rig.settings.database.path
    path.parent.mkdir(exist_ok=True)
    store = SessionStore(await Database.open(path, load_migrations("ctlr.sessions.schema")))
    await store.create(
        UUID, SessionState.PROCESSING, created_at_ms=1, start_at_ms=1, node_names=["cam-a"]
    )
    binned_at_ms = round(NOW - days_ago * DAY_MS)
    await store.change(UUID, SessionState.DONE, binned_at_ms=binned_at_ms, bin_scope=scope)
    await store.close()


def raw_files(rig: Rig) -> set[str]:
    return {p.relative_to(rig.logging).as_posix() for p in rig.logging.rglob("*") if p.is_file()}


async def test_the_copy_goes_and_the_raw_data_stays(rig: Rig) -> None:
    await throw_in(rig, "copy")
    before = raw_files(rig)
    [gone] = empty_bin.empty(rig.settings, NOW)
    assert gone.uuid == UUID
    assert gone.raw_bytes == 0
    assert gone.copy_bytes > 0
    assert parse_line(gone.to_line().encode()) == gone
    assert list(rig.sync.iterdir()) == []
    assert raw_files(rig) == before
    assert list(empty_bin.empty(rig.settings, NOW)) == []
    assert rig.process().exit_code == 0  # taken out again, it is made again
    assert rig.folder.is_dir()


async def test_everything_goes_where_it_was_said_twice(rig: Rig) -> None:
    await throw_in(rig, "everything")
    [gone] = empty_bin.empty(rig.settings, NOW)
    assert gone.raw_bytes > 0
    assert list(rig.sync.iterdir()) == []
    assert raw_files(rig) == set()
    assert list(empty_bin.empty(rig.settings, NOW)) == []


@pytest.mark.parametrize(
    ("hours_ago", "is_taken_out", "goes"),
    [(1.1, False, True), (0.9, False, False), (9, True, False)],
)
async def test_a_rehearsal_goes_whole_after_an_hour_unless_it_was_taken_out(
    rig: Rig, hours_ago: float, is_taken_out: bool, goes: bool
) -> None:
    path = rig.settings.database.path
    path.parent.mkdir(exist_ok=True)
    store = SessionStore(await Database.open(path, load_migrations("ctlr.sessions.schema")))
    await store.create(
        UUID,
        SessionState.ARMING,
        created_at_ms=round(NOW - hours_ago * DAY_MS / 24),
        start_at_ms=1,
        node_names=["cam-a"],
        rehearsal=SessionEvent(1, REHEARSAL, "This was a rehearsal."),
    )
    for state in (SessionState.RECORDING, SessionState.STOPPING, SessionState.COLLECTING):
        assert list(empty_bin.empty(rig.settings, NOW)) == []  # not while it is worked on
        await store.change(UUID, state)
    await store.change(UUID, SessionState.PROCESSING)
    await store.change(UUID, SessionState.DONE)
    if is_taken_out:
        await store.change(UUID, binned_at_ms=None, bin_scope=None)
    await store.close()
    before = raw_files(rig)
    assert [gone.uuid for gone in empty_bin.empty(rig.settings, NOW)] == ([UUID] if goes else [])
    assert raw_files(rig) == (set() if goes else before)
    assert rig.folder.exists() is not goes


async def test_what_was_thrown_in_lately_stays(rig: Rig) -> None:
    await throw_in(rig, "everything", days_ago=6.9)
    before = raw_files(rig)
    assert list(empty_bin.empty(rig.settings, NOW)) == []
    assert (rig.folder / "manifest.json").is_file()
    assert raw_files(rig) == before


async def test_a_run_that_was_cut_short_is_ended_by_the_next(rig: Rig) -> None:
    await throw_in(rig, "everything")
    raw = rig.node("cam-a")
    os.rename(raw, raw.with_name(f"{removal.RETIRED}{UUID}"))
    os.rename(rig.folder, rig.sync / f"{empty_bin.GOING}{UUID}")
    (rig.sync / f"{empty_bin.GOING}mine").mkdir()
    gone = list(empty_bin.empty(rig.settings, NOW))
    assert [type(one) for one in gone] == [Emptied]  # what the phone sent was still there
    assert raw_files(rig) == set()
    assert [path.name for path in rig.sync.iterdir()] == [f"{empty_bin.GOING}mine"]
