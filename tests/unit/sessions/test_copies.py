"""What is known of copies, in the record."""

from pathlib import Path

from ctlr.kernel.database import Database, load_migrations
from ctlr.sessions.copies import SessionCopies, SessionCopy
from ctlr.sessions.model import SessionState
from ctlr.sessions.store import SessionStore

MADE, UNMADE = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f", "99999999-9d4a-4c6b-8f0e-1a2b3c4d5e6f"


async def test_a_copy_is_kept_and_replaced(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "ctlr.db", load_migrations("ctlr.sessions.schema"))
    store, copies = SessionStore(database), SessionCopies(database)
    for uuid in (MADE, UNMADE):
        await store.create(
            uuid, SessionState.PROCESSING, created_at_ms=1, start_at_ms=1, node_names=["cam-01"]
        )
    await store.change(MADE, SessionState.DONE, processed_at="2026-04-14T00:00:00Z")
    assert await copies.unknown() == [MADE]
    first = SessionCopy(1, complete=False, missing=("cam-01",), faults={"cam-01": "it is away"})
    await copies.keep(MADE, first)
    assert await copies.find([MADE, UNMADE]) == {MADE: first}
    second = SessionCopy(2, complete=True, verified_at_ms=5, damaged=1, segments={"cam-01": 3})
    await copies.keep(MADE, second)
    assert await copies.find([MADE]) == {MADE: second}
    assert await copies.unknown() == []
    await database.close()
