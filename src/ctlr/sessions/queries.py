"""Questions to the session database; none of them changes anything. A list is one query."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ctlr.kernel.database import Database
from ctlr.kernel.ids import parse_session_prefix, the_only_one
from ctlr.sessions.model import ACTIVE_STATES, HashedFile, Session, SessionState
from ctlr.sessions.rows import (
    SELECT_CLOCKS,
    SELECT_MARKS,
    SELECT_SESSION,
    SELECT_SESSIONS,
    SELECT_STEPS,
    clocks_of,
    marks_of,
    session_of,
    steps_of,
)


class SessionQueries:
    """What can be read, by whoever may also write (``SessionStore``)."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def get(self, uuid: str) -> Session | None:
        found = await self._db.fetch(SELECT_SESSION, (uuid,))
        return session_of(found[0]) if found else None

    async def with_measurements(self, session: Session) -> Session:
        """The session with its clock samples, marks and steps, which ``get`` leaves out."""
        clocks = await self._db.fetch(SELECT_CLOCKS, (session.uuid,))
        marks = await self._db.fetch(SELECT_MARKS, (session.uuid,))
        steps = await self._db.fetch(SELECT_STEPS, (session.uuid,))
        return replace(
            session, clocks=clocks_of(clocks), marks=marks_of(marks), clock_steps=steps_of(steps)
        )

    async def resolve(self, prefix: str) -> str:
        """The id of the one session that begins so. Raises ``Refusal``: ``invalid_uuid``,
        ``unknown_session``, ``ambiguous_session``."""
        begins = parse_session_prefix(prefix)
        rows = await self._db.fetch(
            "SELECT uuid FROM session WHERE uuid >= ? AND uuid < ? ORDER BY uuid LIMIT 6",
            (begins, begins + "g"),
        )
        return the_only_one(begins, [row["uuid"] for row in rows], "that was recorded here")

    async def active(self) -> Session | None:
        """The session that is arming, recording or stopping."""
        found = await self.with_states(ACTIVE_STATES)
        return found[0] if found else None

    async def with_states(self, states: Iterable[SessionState]) -> list[Session]:
        """All sessions in one of the states, oldest first."""
        wanted = list(states)
        marks = ", ".join("?" for _ in wanted)
        return await self._sessions(f"WHERE state IN ({marks}) ORDER BY created_at_ms", wanted)

    async def last_uuids(self, states: Iterable[SessionState], limit: int) -> list[str]:
        """The ids of the sessions in one of the states that were begun last, oldest first."""
        rows = await self._db.fetch(
            "SELECT uuid FROM session WHERE state IN (SELECT value FROM json_each(?))"
            " ORDER BY rowid DESC LIMIT ?",
            (json.dumps(list(states)), limit),
        )
        return [row["uuid"] for row in reversed(rows)]

    async def awaiting_stop(self) -> list[Session]:
        """Sessions past their stop (or called back) in which a node has not acknowledged it, in the
        order of their rows: the wall clock may have been set back between two."""
        return await self._sessions(
            "WHERE state NOT IN ('arming', 'recording', 'stopping') AND EXISTS (SELECT 1 FROM"
            " session_node WHERE session_node.uuid = session.uuid AND NOT stop_acknowledged)"
            " ORDER BY session.rowid"
        )

    async def newest(self, limit: int, before_ms: int | None = None) -> list[Session]:
        """Sessions, newest first; ``before_ms`` is the start of the last one already seen."""
        return await self._sessions(
            "WHERE ? IS NULL OR coalesce(start_at_ms, created_at_ms) < ?"
            " ORDER BY coalesce(start_at_ms, created_at_ms) DESC, uuid LIMIT ?",
            (before_ms, before_ms, limit),
        )

    async def count_by_state(self) -> dict[str, int]:
        """How many sessions are in each state, also in those that none is in."""
        rows = await self._db.fetch("SELECT state, count(*) FROM session GROUP BY state")
        return {state.value: 0 for state in SessionState} | {row[0]: row[1] for row in rows}

    async def latest_of_node(self, name: str) -> Session | None:
        """The session that a node has a part in and that is active, else was created last.

        In the order of their rows: the wall clock may have been set back between two.
        """
        found = await self._sessions(
            "WHERE uuid IN (SELECT uuid FROM session_node WHERE name = ?)"
            " ORDER BY state IN ('arming', 'recording', 'stopping') DESC, session.rowid DESC LIMIT 1",
            (name,),
        )
        return found[0] if found else None

    async def finished_of_node(self, name: str, limit: int) -> list[str]:
        """The uuids of the last sessions that a node has a part in and that are done or failed."""
        rows = await self._db.fetch(
            "SELECT uuid FROM session JOIN session_node USING (uuid) WHERE name = ?"
            " AND state IN ('done', 'failed') ORDER BY session.rowid DESC LIMIT ?",
            (name, limit),
        )
        return [row["uuid"] for row in rows]

    async def newest_take(self, uuid: str, name: str) -> int:
        """The take that a node was last told to begin in a session; 1 where it was told but one."""
        rows = await self._db.fetch(
            "SELECT max(take) FROM node_start WHERE uuid = ? AND name = ?", (uuid, name)
        )
        return rows[0][0] or 1

    async def kept_answer(self, uuid: str, command: str) -> dict[str, Any] | None:
        """What a ``start`` or ``stop`` was answered, for the phone that asks again."""
        rows = await self._db.fetch(
            "SELECT start_answer, stop_answer FROM session WHERE uuid = ?", (uuid,)
        )
        text = rows[0][f"{command}_answer"] if rows else None
        return json.loads(text) if text else None

    async def hashes(
        self, uuid: str, node: str, names: Sequence[str] | None = None
    ) -> dict[str, HashedFile]:
        """What delivered files were when they were hashed, by name: those of ``names``, or all."""
        rows = await self._db.fetch(
            "SELECT name, size, mtime_ns, xxh128, inode FROM delivered_file WHERE uuid = ?1"
            " AND node = ?2 AND (?3 IS NULL OR name IN (SELECT value FROM json_each(?3)))",
            (uuid, node, None if names is None else json.dumps(names)),
        )
        return {name: HashedFile(*values) for name, *values in rows}

    async def hashed_names(self, uuid: str, node: str) -> list[str]:
        """Names of the files that a node has ever delivered of a session, in no order."""
        rows = await self._db.fetch(
            "SELECT name FROM delivered_file WHERE uuid = ? AND node = ?", (uuid, node)
        )
        return [row["name"] for row in rows]

    async def _sessions(self, condition: str, values: Sequence[object] = ()) -> list[Session]:
        rows = await self._db.fetch(SELECT_SESSIONS + condition, values)
        return [session_of(row) for row in rows]
