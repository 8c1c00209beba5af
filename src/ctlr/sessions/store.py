"""Sessions in SQLite, written by one process.

Every method is one transaction that is durable when it returns: the caller may act on it.
States change only along ``lifecycle``; the database refuses a second active session.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiosqlite

from ctlr.kernel.database import Database, load_migrations
from ctlr.sessions.lifecycle import check_transition
from ctlr.sessions.model import (
    ACTIVE_STATES,
    ClockSample,
    Mark,
    Session,
    SessionState,
    TakeStart,
)
from ctlr.sessions.rows import (
    NODE_COLUMNS,
    SELECT_CLOCKS,
    SELECT_EVENTS,
    SELECT_MARKS,
    SELECT_NODES,
    SELECT_SESSION,
    SELECT_STARTS,
    SELECT_STEPS,
    SESSION_COLUMNS,
    clocks_of,
    marks_of,
    session_of,
    steps_of,
)


class SessionStore:
    """The one writer's view. Open with ``SessionStore.open``, end with ``close``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @classmethod
    async def open(cls, path: Path) -> "SessionStore":
        """Raises ``DatabaseError`` (a plain sentence) when the database cannot be used."""
        return cls(await Database.open(path, load_migrations("ctlr.sessions.schema")))

    async def close(self) -> None:
        await self._db.close()

    async def create(
        self,
        uuid: str,
        state: SessionState,
        *,
        created_at_ms: int,
        start_at_ms: int | None,
        node_names: Iterable[str],
    ) -> Session:
        """Store a new session, arm again one whose start failed, or reopen one; returns it.

        What is known of the nodes stays, except after a failed start, also of one whose uploads
        were made ready since.
        """
        async with self._db.transaction() as db:
            for table in ("session_node", "node_start"):
                await db.execute(
                    f"DELETE FROM {table} WHERE uuid = ? AND EXISTS"  # noqa: S608 - one of the two
                    " (SELECT 1 FROM session WHERE uuid = ? AND (state = 'failed' OR (start_at_ms"
                    " IS NOT NULL AND stopped_at_ms IS NULL"
                    " AND state NOT IN ('arming', 'recording', 'stopping'))))",
                    (uuid, uuid),
                )
            await db.execute(
                "INSERT INTO session (uuid, state, created_at_ms, start_at_ms) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (uuid) DO UPDATE SET state = excluded.state, error = NULL,"
                " start_at_ms = excluded.start_at_ms",
                (uuid, state, created_at_ms, start_at_ms),
            )
            await db.executemany(
                "INSERT INTO session_node (uuid, name) VALUES (?, ?) ON CONFLICT DO NOTHING",
                [(uuid, name) for name in node_names],
            )
        return await self._existing(uuid)

    @property
    def problem(self) -> str | None:
        """Why the database failed lately; None once something could be written since."""
        return self._db.problem

    async def check(self) -> None:
        """See whether the database can be written again. Raises ``sqlite3.Error``."""
        await self._db.check()

    async def change(
        self, uuid: str, state: SessionState | None = None, **columns: object
    ) -> Session:
        """Move a session on and set columns of it; returns it as it is now."""
        _check_columns(columns, SESSION_COLUMNS)
        async with self._db.transaction() as db:
            if state is not None:
                current = (await self._existing(uuid)).state
                if current != state:
                    check_transition(current, state)
                columns = {"state": state, **columns}
            await _update(db, "session", columns, "uuid = ?", (uuid,))
        return await self._existing(uuid)

    async def change_node(self, uuid: str, name: str, **columns: object) -> None:
        """Set columns of one node's part; the row is made when the node is new to the session."""
        await self.change_nodes(uuid, {name: columns})

    async def change_nodes(self, uuid: str, changes: Mapping[str, Mapping[str, object]]) -> None:
        """``change_node`` for several nodes in one commit."""
        async with self._db.transaction() as db:
            for name, columns in changes.items():
                _check_columns(columns, NODE_COLUMNS)
                await db.execute(
                    "INSERT INTO session_node (uuid, name) VALUES (?, ?) ON CONFLICT DO NOTHING",
                    (uuid, name),
                )
                await _update(db, "session_node", columns, "uuid = ? AND name = ?", (uuid, name))

    async def keep_start(self, uuid: str, name: str, start: TakeStart) -> None:
        """Remember when a node was told to begin a take; of one take the last time counts."""
        async with self._db.transaction() as db:
            await db.execute(
                "INSERT INTO node_start (uuid, name, take, at_ms) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms",
                (uuid, name, start.take, start.at_ms),
            )

    async def newest_take(self, uuid: str, name: str) -> int:
        """The take that a node was last told to begin in a session; 1 where it was told but one."""
        rows = await self._db.fetch(
            "SELECT max(take) FROM node_start WHERE uuid = ? AND name = ?", (uuid, name)
        )
        return rows[0][0] or 1

    async def add_event(self, uuid: str, at_ms: int, kind: str, text: str) -> None:
        async with self._db.transaction() as db:
            await db.execute(
                "INSERT INTO session_event (uuid, at_ms, kind, text) VALUES (?, ?, ?, ?)",
                (uuid, at_ms, kind, text),
            )

    async def keep_answer(self, uuid: str, command: str, answer: Mapping[str, Any]) -> None:
        """Remember what a ``start`` or ``stop`` was answered, for the phone that asks again."""
        column = f"{command}_answer"
        async with self._db.transaction() as db:
            await _update(db, "session", {column: json.dumps(answer)}, "uuid = ?", (uuid,))

    async def kept_answer(self, uuid: str, command: str) -> dict[str, Any] | None:
        rows = await self._db.fetch(
            "SELECT start_answer, stop_answer FROM session WHERE uuid = ?", (uuid,)
        )
        text = rows[0][f"{command}_answer"] if rows else None
        return json.loads(text) if text else None

    async def get(self, uuid: str) -> Session | None:
        found = await self._db.fetch(SELECT_SESSION, (uuid,))
        if not found:
            return None
        nodes = await self._db.fetch(SELECT_NODES, (uuid,))
        starts = await self._db.fetch(SELECT_STARTS, (uuid,))
        events = await self._db.fetch(SELECT_EVENTS, (uuid,))
        return session_of(found[0], nodes, starts, events)

    async def with_measurements(self, session: Session) -> Session:
        """The session with its clock samples, marks and steps, which ``get`` leaves out."""
        clocks = await self._db.fetch(SELECT_CLOCKS, (session.uuid,))
        marks = await self._db.fetch(SELECT_MARKS, (session.uuid,))
        steps = await self._db.fetch(SELECT_STEPS, (session.uuid,))
        return replace(
            session, clocks=clocks_of(clocks), marks=marks_of(marks), clock_steps=steps_of(steps)
        )

    async def add_clock_samples(self, uuid: str, samples: Mapping[str, ClockSample]) -> None:
        """Keep one sample per source, in one commit."""
        async with self._db.transaction() as db:
            await db.executemany(
                "INSERT INTO clock_sample (uuid, source, at_ms, offset_ms, uncertainty_ms, method)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [
                    (uuid, source, s.at_ms, s.offset_ms, s.uncertainty_ms, s.method)
                    for source, s in samples.items()
                ],
            )

    async def add_mark(self, uuid: str, mark: Mark) -> None:
        async with self._db.transaction() as db:
            await db.execute(
                "INSERT INTO session_mark (uuid, at_ms, label) VALUES (?, ?, ?)",
                (uuid, mark.at_ms, mark.label),
            )

    async def active(self) -> Session | None:
        """The session that is arming, recording or stopping."""
        found = await self._with_states(ACTIVE_STATES)
        return found[0] if found else None

    async def with_states(self, states: Iterable[SessionState]) -> list[Session]:
        """All sessions in one of the states, oldest first."""
        return await self._with_states(states)

    async def awaiting_stop(self) -> list[Session]:
        """Sessions past their stop (or called back) in which a node has not acknowledged it."""
        rows = await self._db.fetch(
            "SELECT DISTINCT uuid FROM session JOIN session_node USING (uuid)"
            " WHERE state NOT IN ('arming', 'recording', 'stopping') AND NOT stop_acknowledged"
        )
        return [await self._existing(row["uuid"]) for row in rows]

    async def latest_of_node(self, name: str) -> Session | None:
        """The session that a node has a part in and that is active, else was created last.

        In the order of their rows: the wall clock may have been set back between two.
        """
        rows = await self._db.fetch(
            "SELECT uuid FROM session JOIN session_node USING (uuid) WHERE name = ?"
            " ORDER BY state IN ('arming', 'recording', 'stopping') DESC, session.rowid DESC LIMIT 1",
            (name,),
        )
        return await self._existing(rows[0]["uuid"]) if rows else None

    async def finished_of_node(self, name: str, limit: int) -> list[str]:
        """The uuids of the last sessions that a node has a part in and that are done or failed."""
        rows = await self._db.fetch(
            "SELECT uuid FROM session JOIN session_node USING (uuid) WHERE name = ?"
            " AND state IN ('done', 'failed') ORDER BY session.rowid DESC LIMIT ?",
            (name, limit),
        )
        return [row["uuid"] for row in rows]

    async def newest(self, limit: int, before_ms: int | None = None) -> list[Session]:
        """Sessions, newest first; ``before_ms`` is the start of the last one already seen."""
        rows = await self._db.fetch(
            "SELECT uuid FROM session WHERE ? IS NULL OR coalesce(start_at_ms, created_at_ms) < ?"
            " ORDER BY coalesce(start_at_ms, created_at_ms) DESC, uuid LIMIT ?",
            (before_ms, before_ms, limit),
        )
        return [await self._existing(row["uuid"]) for row in rows]

    async def count_by_state(self) -> dict[str, int]:
        """How many sessions are in each state, also in those that none is in."""
        rows = await self._db.fetch("SELECT state, count(*) FROM session GROUP BY state")
        return {state.value: 0 for state in SessionState} | {row[0]: row[1] for row in rows}

    async def hashes(
        self, uuid: str, node: str, names: Sequence[str]
    ) -> dict[str, tuple[int, int, str]]:
        """Per delivered file name: size in bytes, mtime in ns, xxh128 as hex."""
        rows = await self._db.fetch(
            "SELECT name, size, mtime_ns, xxh128 FROM delivered_file"
            " WHERE uuid = ? AND node = ? AND name IN (SELECT value FROM json_each(?))",
            (uuid, node, json.dumps(names)),
        )
        return {row["name"]: (row["size"], row["mtime_ns"], row["xxh128"]) for row in rows}

    async def hashed_names(self, uuid: str, node: str) -> list[str]:
        """Names of the files that a node has ever delivered of a session, in no order."""
        rows = await self._db.fetch(
            "SELECT name FROM delivered_file WHERE uuid = ? AND node = ?", (uuid, node)
        )
        return [row["name"] for row in rows]

    async def keep_hashes(
        self, uuid: str, node: str, hashes: Mapping[str, tuple[int, int, str]]
    ) -> None:
        async with self._db.transaction() as db:
            await db.executemany(
                "INSERT INTO delivered_file (uuid, node, name, size, mtime_ns, xxh128)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " size = excluded.size, mtime_ns = excluded.mtime_ns, xxh128 = excluded.xxh128",
                [(uuid, node, name, *values) for name, values in hashes.items()],
            )

    async def _with_states(self, states: Iterable[SessionState]) -> list[Session]:
        wanted = list(states)
        marks = ", ".join("?" for _ in wanted)
        rows = await self._db.fetch(
            f"SELECT uuid FROM session WHERE state IN ({marks}) ORDER BY created_at_ms",  # noqa: S608 - marks are question marks
            wanted,
        )
        return [await self._existing(row["uuid"]) for row in rows]

    async def _existing(self, uuid: str) -> Session:
        session = await self.get(uuid)
        if session is None:
            raise KeyError(uuid)
        return session


async def _update(
    db: aiosqlite.Connection,
    table: str,
    columns: Mapping[str, object],
    where: str,
    keys: tuple[str, ...],
) -> None:
    if not columns:
        return
    assignments = ", ".join(f"{name} = ?" for name in columns)
    await db.execute(
        f"UPDATE {table} SET {assignments} WHERE {where}",  # noqa: S608 - names are checked, values are bound
        (*columns.values(), *keys),
    )


def _check_columns(columns: Mapping[str, object], known: tuple[str, ...]) -> None:
    unknown = set(columns) - set(known)
    if unknown:
        raise KeyError(f"no such column: {', '.join(sorted(unknown))}")
