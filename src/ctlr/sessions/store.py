"""Sessions in SQLite, written by one process.

Every method here is one transaction. It is durable when it returns, so the caller may act on it;
but ``note_started`` and ``note_stopped`` do not wait for the disk (see there). What is only read
stands in ``queries``. States change only along ``lifecycle``; the database refuses a second
active session.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import aiosqlite

from ctlr.kernel.database import Database, load_migrations
from ctlr.sessions.clock_steps import OnClock, keep_clock
from ctlr.sessions.lifecycle import check_transition
from ctlr.sessions.model import (
    ACTIVE_STATES,
    ClockSample,
    HashedFile,
    Mark,
    Session,
    SessionEvent,
    SessionState,
    TakeStart,
)
from ctlr.sessions.queries import SessionQueries
from ctlr.sessions.rows import SESSION_COLUMNS
from ctlr.sessions.statements import (
    add_clock_samples,
    add_events,
    change_nodes,
    check_columns,
    update,
)


class SessionStore(SessionQueries):
    """The one writer's view. Open with ``SessionStore.open``, end with ``close``."""

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
        on_clock: OnClock | None = None,
        rehearsal: SessionEvent | None = None,
    ) -> Session:
        """Store a new session, arm again one whose start failed, or reopen one; returns it.

        A ``rehearsal`` says so by that event, and is in the bin from its first instant: whatever
        happens to this process, nobody takes it for a session.

        ``on_clock`` is the clock that its times are on, where it begins now. What is known of the
        nodes stays, except after a failed start, also of one whose uploads were made ready since.
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
            if rehearsal is not None:
                thrown = {"binned_at_ms": created_at_ms, "bin_scope": "everything"}
                await update(db, "session", {**thrown, "label": "Rehearsal"}, "uuid = ?", (uuid,))
                await add_events(db, uuid, [rehearsal])
            if on_clock is not None:
                await keep_clock(db, uuid, on_clock)
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
        check_columns(columns, SESSION_COLUMNS)
        async with self._db.transaction() as db:
            await self._move(db, uuid, state, **columns)
        return await self._existing(uuid)

    async def collect_again(self, uuid: str) -> bool:
        """Have a session that was processed collected once more, and return whether; not one
        that somebody has begun to record on meanwhile: it is collected when that is stopped."""
        async with self._db.transaction() as db:
            if (await self._existing(uuid)).state in ACTIVE_STATES:
                return False
            await self._move(db, uuid, SessionState.COLLECTING)
        return True

    async def change_node(self, uuid: str, name: str, **columns: object) -> None:
        """Set columns of one node's part; the row is made when the node is new to the session."""
        await self.change_nodes(uuid, {name: columns})

    async def change_nodes(self, uuid: str, changes: Mapping[str, Mapping[str, object]]) -> None:
        """``change_node`` for several nodes in one commit."""
        async with self._db.transaction() as db:
            await change_nodes(db, uuid, changes)

    async def note_started(
        self,
        uuid: str,
        nodes: Mapping[str, Mapping[str, object]],
        answer: Mapping[str, Any],
        clocks: Mapping[str, ClockSample],
    ) -> Session:
        """A start has been carried out: what became of it on each node, what was answered, how
        far each clock was off. Returns the session as it is now.

        That the session is to be recorded was durable before (``create``). All this the cameras
        tell again, so it is stored without waiting for the disk.
        """
        async with self._db.transaction(durable=False) as db:
            await self._move(db, uuid, SessionState.RECORDING, start_answer=json.dumps(answer))
            await change_nodes(db, uuid, nodes)
            await add_clock_samples(db, uuid, clocks)
        return await self._existing(uuid)

    async def note_start_failed(
        self, uuid: str, nodes: Mapping[str, Mapping[str, object]], error: str
    ) -> None:
        """Too few cameras have started, or that could not be stored: nothing is recorded."""
        async with self._db.transaction() as db:
            await self._move(db, uuid, SessionState.FAILED, error=error)
            await change_nodes(db, uuid, nodes)

    async def note_stopping(self, stopping: Session, answer: Mapping[str, Any]) -> None:
        """A stop is accepted, with ``answer`` as far as it is known before any camera is told."""
        async with self._db.transaction() as db:
            await self._move_to_stop(db, stopping, answer)

    async def note_stopped(
        self,
        stopping: Session,
        nodes: Mapping[str, Mapping[str, object]],
        answer: Mapping[str, Any],
        clocks: Mapping[str, ClockSample],
        events: Iterable[SessionEvent] = (),
        *,
        durable: bool,
    ) -> None:
        """A stop has been carried out: what became of it on each node, what was answered, how far
        each clock was off, and what else its reader should know.

        Where ``note_stopping`` has stored that it is to be, this need not be ``durable``: a stop
        whose end is lost is carried out again.
        """
        async with self._db.transaction(durable=durable) as db:
            await self._move_to_stop(db, stopping, answer)
            await self._move(db, stopping.uuid, SessionState.COLLECTING)
            await change_nodes(db, stopping.uuid, nodes)
            await add_clock_samples(db, stopping.uuid, clocks)
            await add_events(db, stopping.uuid, events)

    async def keep_start(self, uuid: str, name: str, start: TakeStart) -> None:
        """Remember when a node was told to begin a take; of one take the last time counts."""
        async with self._db.transaction() as db:
            await db.execute(
                "INSERT INTO node_start (uuid, name, take, at_ms) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms",
                (uuid, name, start.take, start.at_ms),
            )

    async def add_event(self, uuid: str, at_ms: int, kind: str, text: str) -> None:
        async with self._db.transaction() as db:
            await add_events(db, uuid, [SessionEvent(at_ms, kind, text)])

    async def add_clock_samples(self, uuid: str, samples: Mapping[str, ClockSample]) -> None:
        """Keep one sample per source, in one commit."""
        async with self._db.transaction() as db:
            await add_clock_samples(db, uuid, samples)

    async def add_mark(self, uuid: str, mark: Mark) -> None:
        async with self._db.transaction() as db:
            await db.execute(
                "INSERT INTO session_mark (uuid, at_ms, label) VALUES (?, ?, ?)",
                (uuid, mark.at_ms, mark.label),
            )

    async def keep_hashes(self, uuid: str, node: str, hashes: Mapping[str, HashedFile]) -> None:
        async with self._db.transaction() as db:
            await db.executemany(
                "INSERT INTO delivered_file (uuid, node, name, size, mtime_ns, xxh128, inode)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET size = excluded.size,"
                " mtime_ns = excluded.mtime_ns, xxh128 = excluded.xxh128, inode = excluded.inode",
                [(uuid, node, name, *values) for name, values in hashes.items()],
            )

    async def keep_lost(self, uuid: str, node: str, lost: Mapping[str, HashedFile]) -> list[str]:
        """Keep which files of a node were durable and are not there any more; returns the names of
        those that were not known to be."""
        rows = await self._db.fetch(
            "SELECT name, xxh128 FROM lost_file WHERE uuid = ? AND node = ?", (uuid, node)
        )
        known = {(row["name"], row["xxh128"]) for row in rows}
        new = {name: was for name, was in lost.items() if (name, was.xxh128) not in known}
        async with self._db.transaction() as db:
            await db.executemany(
                "INSERT INTO lost_file (uuid, node, name, size, xxh128) VALUES (?, ?, ?, ?, ?)",
                [(uuid, node, name, was.size, was.xxh128) for name, was in new.items()],
            )
        return sorted(new)

    async def _move_to_stop(
        self, db: aiosqlite.Connection, stopping: Session, answer: Mapping[str, Any]
    ) -> None:
        await self._move(
            db,
            stopping.uuid,
            SessionState.STOPPING,
            stop_requested_at_ms=stopping.stop_requested_at_ms,
            stopped_at_ms=stopping.stopped_at_ms,
            stop_answer=json.dumps(answer),
        )

    async def _move(
        self,
        db: aiosqlite.Connection,
        uuid: str,
        state: SessionState | None,
        **columns: object,
    ) -> None:
        if state is not None:
            current = (await self._existing(uuid)).state
            if current != state:
                check_transition(current, state)
            columns = {"state": state, **columns}
        await update(db, "session", columns, "uuid = ?", (uuid,))

    async def _existing(self, uuid: str) -> Session:
        session = await self.get(uuid)
        if session is None:
            raise KeyError(uuid)
        return session
