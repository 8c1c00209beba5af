"""A rehearsal in the record: in no list from its first instant, and due to go."""

from pathlib import Path

from ctlr.kernel.database import Database, load_migrations
from ctlr.sessions.model import REHEARSAL, SessionEvent, SessionState
from ctlr.sessions.search import SessionSearch
from ctlr.sessions.store import SessionStore

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
OTHER = "9d4a3f2b-8c1e-4c6b-8f0e-1a2b3c4d5e6f"


async def test_it_is_thrown_away_before_it_begins(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "ctlr.db", load_migrations("ctlr.sessions.schema"))
    store, search = SessionStore(database), SessionSearch(database)
    said = SessionEvent(1000, REHEARSAL, "This was a rehearsal.")
    made = await store.create(
        UUID,
        SessionState.ARMING,
        created_at_ms=1000,
        start_at_ms=4000,
        node_names=["cam-a"],
        rehearsal=said,
    )
    assert made.is_rehearsal
    assert (made.binned_at_ms, made.bin_scope, made.label) == (1000, "everything", "Rehearsal")
    assert await search.find(10) == []
    assert [session.uuid for session in await search.find(10, binned=True)] == [UUID]
    assert await search.longest_rehearsed() == 1000
    await store.change(UUID, SessionState.FAILED)
    session = await store.create(
        OTHER, SessionState.ARMING, created_at_ms=5, start_at_ms=9, node_names=[]
    )
    await store.change(OTHER, binned_at_ms=7, bin_scope="everything")
    assert not session.is_rehearsal
    assert await search.longest_rehearsed() == 1000
    await store.change(UUID, binned_at_ms=None, bin_scope=None)
    assert await search.longest_rehearsed() is None
    await database.close()
