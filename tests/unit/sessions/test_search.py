"""Sessions by what people said of them."""

from pathlib import Path
from typing import Any

import pytest

from ctlr.kernel.database import Database, load_migrations
from ctlr.sessions.model import Mark, SessionState
from ctlr.sessions.search import SessionSearch
from ctlr.sessions.store import SessionStore

IDS = [f"{n}f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f" for n in range(4)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [2, 1, 0]),
        ({"limit": 2}, [2, 1]),
        ({"before_ms": 1002}, [1, 0]),
        ({"text": "LAP"}, [1, 0]),
        ({"text": "fog"}, [0]),
        ({"text": "bump"}, [2]),
        ({"text": "2f2b"}, [2]),
        ({"text": "f2b"}, []),
        ({"text": "2026-04"}, [1]),
        ({"text": "100%"}, [0]),
        ({"text": "%"}, [0]),
        ({"text": "_"}, [1]),
        ({"text": "\\"}, []),
        ({"verdict": "bad"}, [1]),
        ({"verdict": "bad", "text": "fog"}, []),
        ({"binned": True}, [3]),
    ],
)
async def test_search(tmp_path: Path, wanted: dict[str, Any], found: list[int]) -> None:
    database = await Database.open(tmp_path / "ctlr.db", load_migrations("ctlr.sessions.schema"))
    store, search = SessionStore(database), SessionSearch(database)
    for number, uuid in enumerate(IDS):
        await store.create(
            uuid,
            SessionState.COLLECTING,
            created_at_ms=1,
            start_at_ms=1000 + number,
            node_names=[],
        )
    await store.change(IDS[0], label="Lap 1", notes="fog, 100%")
    await store.change(IDS[1], label="lap 2", verdict="bad", folder="2026-04-14_1040_lap-2")
    await store.add_mark(IDS[2], Mark(1500, "hard bump"))
    await store.change(IDS[3], label="lap 3", binned_at_ms=5)
    sessions = await search.find(**{"limit": 10, **wanted})
    assert [IDS.index(session.uuid) for session in sessions] == found
    await database.close()
