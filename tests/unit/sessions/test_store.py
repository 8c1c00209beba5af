import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.model.database import open_database

from ctlr.sessions.lifecycle import IllegalTransitionError
from ctlr.sessions.model import ClockSample, HashedFile, SessionState
from ctlr.sessions.reading import read_session
from ctlr.sessions.store import SessionStore

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
OTHER = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SessionStore]:
    opened = await SessionStore.open(tmp_path / "ctlr.db")
    yield opened
    await opened.close()


async def create(
    store: SessionStore, uuid: str, state: SessionState = SessionState.ARMING, at_ms: int = 1000
) -> None:
    await store.create(uuid, state, created_at_ms=at_ms, start_at_ms=at_ms, node_names=["cam-01"])


async def test_a_session_is_kept_with_its_parts(store: SessionStore, tmp_path: Path) -> None:
    await create(store, UUID)
    await store.change(UUID, SessionState.RECORDING)
    await store.change_nodes(UUID, {"cam-01": {"started": True}, "cam-02": {"error": "off"}})
    await store.add_event(UUID, 5, "adopted", "It was found.")
    session = await store.get(UUID)
    assert session is not None
    assert [(node.name, node.started, node.error) for node in session.nodes] == [
        ("cam-01", True, None),
        ("cam-02", False, "off"),
    ]
    assert [event.kind for event in session.events] == ["adopted"]
    assert await store.active() == session
    assert read_session(tmp_path / "ctlr.db", UUID) == session


async def test_the_database_itself_refuses_a_second_active_session(store: SessionStore) -> None:
    await create(store, UUID)
    with pytest.raises(sqlite3.IntegrityError):
        await create(store, OTHER)
    assert await store.get(OTHER) is None


async def test_a_state_that_cannot_follow_changes_nothing(store: SessionStore) -> None:
    await create(store, UUID, SessionState.RECORDING)
    with pytest.raises(IllegalTransitionError):
        await store.change(UUID, SessionState.DONE, folder="x")
    session = await store.get(UUID)
    assert session is not None
    assert (session.state, session.folder) == (SessionState.RECORDING, None)


async def test_columns_are_known_by_name(store: SessionStore) -> None:
    await create(store, UUID)
    with pytest.raises(KeyError, match="no such column"):
        await store.change(UUID, None, **{"state = 'done' --": 1})
    with pytest.raises(KeyError):
        await store.change_node(UUID, "cam-01", nothing=1)
    with pytest.raises(KeyError):
        await store.change(OTHER, SessionState.DONE)


async def test_a_start_and_a_stop_are_noted_whole(store: SessionStore, tmp_path: Path) -> None:
    await create(store, UUID)
    assert await store.kept_answer(UUID, "start") is None
    clocks = {"cam-01": ClockSample(5, 0.25, 0.5)}
    session = await store.note_started(
        UUID, {"cam-01": {"started": True}, "cam-02": {"error": "off"}}, {"start_at": 9}, clocks
    )
    assert session.state is SessionState.RECORDING
    assert [(node.name, node.started) for node in session.nodes] == [
        ("cam-01", True),
        ("cam-02", False),
    ]
    assert await store.kept_answer(UUID, "start") == {"start_at": 9}

    stopping = replace(session, stop_requested_at_ms=70, stopped_at_ms=71)
    await store.note_stopping(stopping, {"duration": 6.5})
    known = await store.active()
    assert known is not None
    assert (known.state, known.stopped_at_ms) == (SessionState.STOPPING, 71)
    assert await store.kept_answer(UUID, "stop") == {"duration": 6.5}

    nodes = {"cam-01": {"stop_acknowledged": True}}
    later = {"cam-01": ClockSample(70, 0.5, 0.5)}
    await store.note_stopped(stopping, nodes, {"success": True}, later, durable=False)
    known = read_session(tmp_path / "ctlr.db", UUID)  # another process sees it at once
    assert known is not None
    assert (known.state, known.stop_requested_at_ms) == (SessionState.COLLECTING, 70)
    assert [node.stop_acknowledged for node in known.nodes] == [True, False]
    assert known.clocks == {"cam-01": (clocks["cam-01"], later["cam-01"])}
    assert await store.kept_answer(UUID, "stop") == {"success": True}
    assert await store.kept_answer(OTHER, "stop") is None


async def test_a_stop_that_could_not_be_stored_before_is_stored_with_its_end(
    store: SessionStore,
) -> None:
    await create(store, UUID, SessionState.RECORDING)
    active = await store.active()
    assert active is not None
    stopping = replace(active, stop_requested_at_ms=70, stopped_at_ms=71)
    await store.note_stopped(stopping, {}, {"success": True}, {}, durable=True)
    session = await store.get(UUID)
    assert session is not None
    assert (session.state, session.stopped_at_ms) == (SessionState.COLLECTING, 71)


async def test_a_start_that_failed_is_noted_whole(store: SessionStore) -> None:
    await create(store, UUID)
    await store.note_start_failed(UUID, {"cam-01": {"stop_acknowledged": True}}, "no camera")
    session = await store.get(UUID)
    assert session is not None
    assert (session.state, session.error) == (SessionState.FAILED, "no camera")
    assert [node.stop_acknowledged for node in session.nodes] == [True]


async def test_what_cannot_follow_is_not_noted_in_part(store: SessionStore) -> None:
    await create(store, UUID, SessionState.COLLECTING)
    with pytest.raises(IllegalTransitionError):
        await store.note_started(UUID, {"cam-01": {"started": True}}, {"start_at": 9}, {})
    with pytest.raises(KeyError):
        await store.note_start_failed(OTHER, {}, "unknown")
    session = await store.get(UUID)
    assert session is not None
    assert [node.started for node in session.nodes] == [False]
    assert await store.kept_answer(UUID, "start") is None


async def test_a_thousand_sessions_are_listed_by_one_query(tmp_path: Path) -> None:
    database, connection = open_database(tmp_path / "ctlr.db")
    store = SessionStore(database)
    for number in range(1000):
        uuid = f"{number:08d}-0000-4000-8000-000000000000"
        await create(store, uuid, SessionState.COLLECTING, at_ms=number)
        await store.change_nodes(uuid, {"cam-00": {"error": 'a "quote"'}})
        await store.add_event(uuid, number, "adopted", "It was found.")
    for several in (store.newest(1000), store.with_states(SessionState), store.awaiting_stop()):
        before = connection.queries
        sessions = await several
        assert connection.queries == before + 1
        assert len(sessions) == 1000
        assert {tuple(node.name for node in session.nodes) for session in sessions} == {
            ("cam-00", "cam-01")
        }
        assert {session.nodes[0].error for session in sessions} == {'a "quote"'}
        assert {len(session.events) for session in sessions} == {1}
    connection.cut()


async def test_a_session_is_collected_again_unless_it_is_recorded(store: SessionStore) -> None:
    await create(store, UUID)
    assert await store.collect_again(UUID) is False
    await store.note_start_failed(UUID, {}, "no camera")
    assert await store.collect_again(UUID) is True
    assert await store.collect_again(UUID) is True
    session = await store.get(UUID)
    assert session is not None
    assert session.state is SessionState.COLLECTING


async def test_who_still_owes_a_stop(store: SessionStore) -> None:
    await create(store, UUID, SessionState.RECORDING)
    assert await store.awaiting_stop() == []
    await store.change(UUID, SessionState.STOPPING)
    await store.change(UUID, SessionState.COLLECTING)
    assert [session.uuid for session in await store.awaiting_stop()] == [UUID]
    await store.change_node(UUID, "cam-01", stop_acknowledged=True)
    assert await store.awaiting_stop() == []


async def test_sessions_are_listed_newest_first(store: SessionStore) -> None:
    uuids = [f"{number:08d}-0000-4000-8000-000000000000" for number in range(5)]
    for number, uuid in enumerate(uuids):
        await create(store, uuid, SessionState.COLLECTING, at_ms=number)
    newest = await store.newest(2)
    assert [session.uuid for session in newest] == [uuids[4], uuids[3]]
    rest = await store.newest(9, before_ms=3)
    assert [session.uuid for session in rest] == uuids[2::-1]
    latest = await store.latest_of_node("cam-01")
    assert latest is not None
    assert latest.uuid == uuids[4]


async def test_a_failed_start_may_be_armed_again(store: SessionStore) -> None:
    await create(store, UUID)
    await store.change(UUID, SessionState.FAILED, error="no camera")
    await create(store, UUID, at_ms=2000)
    session = await store.get(UUID)
    assert session is not None
    assert (session.state, session.start_at_ms, session.error) == (SessionState.ARMING, 2000, None)


async def test_hashes_are_kept_by_file(store: SessionStore) -> None:
    await store.keep_hashes(UUID, "cam-01", {"seg_0001.mp4": HashedFile(1, 2, "aa")})
    await store.keep_hashes(UUID, "cam-01", {"seg_0001.mp4": HashedFile(1, 3, "bb", 9)})
    await store.keep_hashes(UUID, "cam-01", {"seg_0002.mp4": HashedFile(4, 5, "cc")})
    names = ["seg_0001.mp4", "seg_0003.mp4"]
    assert await store.hashes(UUID, "cam-01", names) == {"seg_0001.mp4": HashedFile(1, 3, "bb", 9)}
    assert await store.hashes(UUID, "cam-02", names) == {}
    assert await store.hashes(UUID, "cam-01", []) == {}
    assert set(await store.hashes(UUID, "cam-01")) == {"seg_0001.mp4", "seg_0002.mp4"}


async def test_a_file_that_was_lost_is_told_once(store: SessionStore) -> None:
    await create(store, UUID)
    was = {"seg_0001.mp4": HashedFile(1, 2, "aa")}
    assert await store.keep_lost(UUID, "cam-01", was) == ["seg_0001.mp4"]
    assert await store.keep_lost(UUID, "cam-01", was) == []
    assert await store.keep_lost(UUID, "cam-01", {"seg_0001.mp4": HashedFile(1, 3, "bb")}) != []
    session = await store.get(UUID)
    assert session is not None
    assert session.nodes[0].lost == ("seg_0001.mp4",)


async def test_the_sessions_that_were_begun_last(store: SessionStore) -> None:
    for uuid in (UUID, OTHER):
        await create(store, uuid, SessionState.COLLECTING)
    wanted = [SessionState.COLLECTING]
    assert await store.last_uuids(wanted, 9) == [UUID, OTHER]
    assert await store.last_uuids(wanted, 1) == [OTHER]
    assert await store.last_uuids([SessionState.DONE], 9) == []


async def test_many_at_once(store: SessionStore) -> None:
    await create(store, UUID, SessionState.RECORDING)
    names = [f"cam-{number}" for number in range(20)]
    await asyncio.gather(*(store.change_node(UUID, name, started=True) for name in names))
    session = await store.get(UUID)
    assert session is not None
    assert sum(node.started for node in session.nodes) == 20


def test_without_a_database_nothing_is_known(tmp_path: Path) -> None:
    assert read_session(tmp_path / "absent.db", UUID) is None


async def test_the_latest_session_of_a_node_is_told_without_a_wall_clock(
    store: SessionStore,
) -> None:
    await create(store, UUID, SessionState.COLLECTING, at_ms=2000)
    await create(store, OTHER, SessionState.COLLECTING, at_ms=1000)  # the clock was set back
    latest = await store.latest_of_node("cam-01")
    assert latest is not None
    assert latest.uuid == OTHER
