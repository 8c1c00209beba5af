"""What a session's folder on the sync drive was last seen to hold, kept where the drive is not.

A list of sessions says of each whether it is complete; to read a manifest for each would wait for
a drive, which may be in somebody's pocket. So what the manifest says is kept in the record.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ctlr.kernel.database import Database


@dataclass(frozen=True)
class SessionCopy:
    """``missing`` names the cameras of which nothing came. ``faults`` says by source what is wrong with it, "" standing for the session as a whole;
    ``segments`` how many of each camera's are in it; ``damaged`` how many files differ from what
    was written."""

    revision: int
    complete: bool
    verified_at_ms: int | None = None
    damaged: int = 0
    missing: tuple[str, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)
    segments: Mapping[str, int] = field(default_factory=dict)


class SessionCopies:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def keep(self, uuid: str, copy: SessionCopy) -> None:
        """Remember a copy in place of what was known of it; durable when it returns."""
        values = (
            uuid,
            copy.revision,
            copy.complete,
            copy.verified_at_ms,
            copy.damaged,
            json.dumps(copy.missing),
            json.dumps(dict(copy.faults)),
            json.dumps(dict(copy.segments)),
        )
        async with self._db.transaction() as db:
            await db.execute(
                "INSERT OR REPLACE INTO session_copy (uuid, revision, complete, verified_at_ms,"
                " damaged, missing, faults, segments) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )

    async def forget(self, uuid: str) -> None:
        """A session has no copy any more."""
        async with self._db.transaction() as db:
            await db.execute("DELETE FROM session_copy WHERE uuid = ?", (uuid,))

    async def find(self, uuids: Iterable[str]) -> dict[str, SessionCopy]:
        """What is known of these sessions' copies; those of which nothing is are left out."""
        rows = await self._db.fetch(
            "SELECT * FROM session_copy WHERE uuid IN (SELECT value FROM json_each(?))",
            (json.dumps(list(uuids)),),
        )
        return {row["uuid"]: _copy(row) for row in rows}

    async def unknown(self) -> list[str]:
        """Sessions that were made ready and of whose copy nothing is known, newest first."""
        rows = await self._db.fetch(
            "SELECT uuid FROM session WHERE processed_at IS NOT NULL"
            " AND uuid NOT IN (SELECT uuid FROM session_copy) ORDER BY created_at_ms DESC"
        )
        return [row["uuid"] for row in rows]


def _copy(row: sqlite3.Row) -> SessionCopy:
    return SessionCopy(
        revision=row["revision"],
        complete=bool(row["complete"]),
        verified_at_ms=row["verified_at_ms"],
        damaged=row["damaged"],
        missing=tuple(json.loads(row["missing"])),
        faults=json.loads(row["faults"]),
        segments=json.loads(row["segments"]),
    )
