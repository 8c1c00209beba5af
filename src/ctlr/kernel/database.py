"""SQLite opened so that an acknowledged commit survives a power cut.

``journal_mode=WAL`` with ``synchronous=FULL``: in 150 power cuts NORMAL lost acknowledged
commits in 123, FULL in none. What can be found out again may be stored without waiting for the
disk: commits reach it in their order, so a power cut takes the last of them and nothing before a
durable one. One process writes (``ctlr serve``); others open read-only.
Migrations are numbered SQL files, applied in order, each in one transaction that also sets
``user_version``; a database from a newer release is refused instead of being guessed at.

A disk that is full, read-only or broken fails every write with ``sqlite3.OperationalError``, for
as long as it lasts. That is logged here, once, and shown as ``problem``; loops go on and try again.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import structlog

BUSY_TIMEOUT_S = 5.0
WRITE_AGAIN_S = 0.5

_T = TypeVar("_T")
_log = structlog.get_logger("database")


class DatabaseError(Exception):
    """The database cannot be used; the message says why and what to do."""


def load_migrations(package: str) -> list[str]:
    """The ``NNNN_*.sql`` scripts of a package in order; number N is at index N - 1."""
    scripts = sorted(
        (entry for entry in files(package).iterdir() if entry.name.endswith(".sql")),
        key=lambda entry: entry.name,
    )
    for number, script in enumerate(scripts, start=1):
        if not script.name.startswith(f"{number:04d}_"):
            raise DatabaseError(f"Migration {number:04d} of {package} is missing.")
    return [script.read_text(encoding="utf-8") for script in scripts]


class Database:
    """One connection, one writer, one transaction at a time.

    Coroutines share the connection, so every write goes through ``transaction``: a statement
    of one coroutine can never slip into (and be rolled back with) the transaction of another.
    """

    def __init__(self, connection: aiosqlite.Connection, claim: int) -> None:
        self._connection = connection
        self._claim = claim
        self._writing = asyncio.Lock()
        self._waits_for_disk = True
        self.problem: str | None = None
        """Why it failed lately; None once something could be written since."""

    @classmethod
    async def open(cls, path: Path, migrations: list[str]) -> "Database":
        """Open (or create) the file and bring it up to date.

        Raises ``DatabaseError`` when it is damaged, newer than this program, or cannot be opened.
        """
        claim = _claim(path)
        try:
            connection = await aiosqlite.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        except sqlite3.Error as error:
            os.close(claim)
            raise DatabaseError(f"The database {path} cannot be opened: {error}.") from error
        database = cls(connection, claim)
        try:
            await _prepare(connection, path, migrations)
        except sqlite3.Error as error:
            await database.close()
            raise DatabaseError(
                f"The database {path} cannot be used ({error}). Recordings are not affected. "
                "If it is damaged, move the file away and start again."
            ) from error
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        await self._connection.close()
        os.close(self._claim)

    @asynccontextmanager
    async def transaction(self, *, durable: bool = True) -> AsyncIterator[aiosqlite.Connection]:
        """All statements of the block, or none. Not re-entrant.

        On the disk at its end; unless ``durable``, with the next one that is: a crash of this
        process does no harm to it, a power cut before that takes it whole.
        """
        async with self._writing:
            try:
                await self._wait_for_disk(durable)
                await self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                await self._connection.execute("COMMIT")
            except sqlite3.Error as error:  # a COMMIT that fails leaves the block open
                await self._connection.rollback()
                self._set_problem(error)
                raise
            except BaseException:  # also when cancelled in BEGIN, which then still takes place
                await self._connection.rollback()
                raise
            self._set_problem(None)

    async def _wait_for_disk(self, durable: bool) -> None:
        if durable != self._waits_for_disk:
            self._waits_for_disk = durable  # also if cancelled: the statement still takes place
            await self._connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")

    async def check(self) -> None:
        """After a write that has failed: find out whether one would succeed now."""
        if self.problem is None:
            return
        version = int(await _pragma(self._connection, "user_version"))
        with suppress(sqlite3.OperationalError):
            async with self.transaction() as db:
                await db.execute(f"PRAGMA user_version={version}")

    def _set_problem(self, error: sqlite3.Error | None) -> None:
        if error is not None and not isinstance(error, sqlite3.OperationalError):
            return  # not the disk's fault, but a defect: whoever asked hears of it
        before, self.problem = self.problem, str(error) if error else None
        if error and not before:
            _log.error("the database cannot be used; what runs goes on", error=str(error))
        elif before and not error:
            _log.warning("the database can be used again", before=before)

    async def fetch(self, query: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        try:
            return list(await self._connection.execute_fetchall(query, values))
        except sqlite3.Error as error:
            self._set_problem(error)
            raise


async def persist(write: Callable[[], Awaitable[_T]]) -> _T:
    """Try until the database takes it: for what has happened, whether it can be stored or not."""
    while True:
        try:
            return await write()
        except sqlite3.OperationalError:  # logged by the database
            await asyncio.sleep(WRITE_AGAIN_S)


def _claim(path: Path) -> int:
    """Become the one writer of a database, by a lock on a file beside it that ends with us."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise DatabaseError(f"The database {path} cannot be opened: {error}.") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise DatabaseError(
            f"The database {path} is in use: another controller runs on this machine already."
        ) from error
    return fd


async def _prepare(connection: aiosqlite.Connection, path: Path, migrations: list[str]) -> None:
    connection.row_factory = aiosqlite.Row
    await connection.execute("PRAGMA journal_mode=WAL")
    await connection.execute("PRAGMA synchronous=FULL")
    await connection.execute("PRAGMA foreign_keys=ON")
    verdict = await _pragma(connection, "quick_check(1)")
    if verdict != "ok":
        raise sqlite3.DatabaseError(str(verdict))
    version = int(await _pragma(connection, "user_version"))
    if version > len(migrations):
        raise DatabaseError(
            f"The database {path} has version {version}; this program knows versions up to "
            f"{len(migrations)}. Install the newer release again, or move the file away."
        )
    for number, script in enumerate(migrations[version:], start=version + 1):
        await connection.executescript(f"BEGIN;\n{script}\nPRAGMA user_version={number};\nCOMMIT;")


async def _pragma(connection: aiosqlite.Connection, name: str) -> Any:
    async with connection.execute(f"PRAGMA {name}") as cursor:
        row = await cursor.fetchone()
    return row[0] if row else None


def open_readonly(path: Path) -> sqlite3.Connection:
    """A second process's view of the database. Raises ``sqlite3.Error`` where there is none."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)
    connection.row_factory = sqlite3.Row
    return connection
