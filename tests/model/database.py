"""Real SQLite, called on the event loop itself: every statement may be the last one before a
crash, and no thread brings chance into a run."""

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import aiosqlite

from ctlr.kernel.database import Database, load_migrations

_MIGRATIONS = load_migrations("ctlr.sessions.schema")


class SteppedConnection:
    """The part of ``aiosqlite.Connection`` that ``Database`` and ``SessionStore`` use.

    It counts what is asked, and keeps what the disk would hold if only those commits had reached
    it that were waited for.
    """

    def __init__(self, path: Path) -> None:
        self.queries = 0
        self.commits = 0
        self.durable_commits = 0
        self._path = path
        self._waits_for_disk = True
        self._on_disk: bytes | None = None  # None: all of it
        self._sqlite = sqlite3.connect(path, isolation_level=None)
        self._sqlite.row_factory = sqlite3.Row
        # What is tested is the order of commits, not the disk beneath them.
        self._sqlite.executescript("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF;")
        self._sqlite.execute("PRAGMA foreign_keys=ON")

    def migrate(self) -> None:
        if self._sqlite.execute("PRAGMA user_version").fetchone()[0] == 0:
            for script in _MIGRATIONS:
                self._sqlite.executescript(script)
            self._sqlite.execute(f"PRAGMA user_version={len(_MIGRATIONS)}")

    async def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        await asyncio.sleep(0)
        if statement.startswith("PRAGMA synchronous="):
            self._waits_for_disk = statement.endswith("FULL")
            return
        if statement.startswith("BEGIN") and not self._waits_for_disk and self._on_disk is None:
            self._on_disk = self._sqlite.serialize()
        self._sqlite.execute(statement, values)
        if statement == "COMMIT":
            self._has_committed()

    def _has_committed(self) -> None:
        self.commits += 1
        if self._waits_for_disk:
            self.durable_commits += 1
            self._on_disk = None

    async def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        await asyncio.sleep(0)
        self._sqlite.executemany(statement, rows)

    async def execute_fetchall(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        await asyncio.sleep(0)
        self.queries += 1
        return self._sqlite.execute(query, values).fetchall()

    async def rollback(self) -> None:
        self._sqlite.rollback()

    def take_nothing(self, full: bool) -> None:
        """Whether each write fails from now on, as on a full disk."""
        self._sqlite.execute(f"PRAGMA query_only={int(full)}")

    def cut(self) -> None:
        """The power is gone: what was not committed is not there, nor what was committed after
        the last commit that was waited for; nothing more gets through."""
        self._sqlite.close()
        if self._on_disk is not None:
            self._path.write_bytes(self._on_disk)


def open_database(path: Path) -> tuple[Database, SteppedConnection]:
    connection = SteppedConnection(path)
    connection.migrate()
    claim = 0  # one process only, so nobody else can claim it
    return Database(cast("aiosqlite.Connection", connection), claim), connection
