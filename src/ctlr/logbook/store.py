"""``logs.db``: the records of the whole rig on the drive, in the order in which they arrived.

SQLite in WAL mode with a flush per write: what has been stored is there after a power cut, and
readers need not wait. Bounded in records and in bytes; at a bound the oldest go. It never takes
the last of the drive either: a full drive refuses the write, and the records wait elsewhere.

A node's name stands once, and at most ``MAX_NODES`` are told apart, so that a stranger who makes
up names fills neither the file nor whatever groups by them; the rest is filed under ``other``.
How far a follower of the file has come (Loki) is kept in the file, because the numbers are its.

Blocking; ``ctlr.logbook.keeper`` calls it in threads, one call at a time.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ctlr.kernel.atomic import make_durable_directories
from ctlr.logbook.entry import Entry
from ctlr.telemetry.spool import put_aside

VERSION = 1
PAGE_BYTES = 4096
MAX_WAL_BYTES = 8 << 20
LOCK_S = 5.0
MAX_NODES = 256
OTHER_NODE = "other"
FULL = 0.9  # of the bytes; the rest is for what an insert touches before the oldest are gone

LEVEL_NUMBERS = {"METRICS": 0, "DEBUG": 1, "INFO": 2, "WARN": 3, "ERROR": 4}
LEVEL_NAMES = {number: name for name, number in LEVEL_NUMBERS.items()}

_SCHEMA = f"""
CREATE TABLE node (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE record (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT UNIQUE,
  received_ms INTEGER NOT NULL,
  ts_ms INTEGER NOT NULL,
  node INTEGER NOT NULL REFERENCES node,
  level INTEGER NOT NULL,
  payload TEXT NOT NULL
);
CREATE INDEX record_of_level ON record (level, number, ts_ms);
CREATE INDEX record_of_node ON record (node, level, number, ts_ms);
CREATE TABLE place (follower TEXT PRIMARY KEY, number INTEGER NOT NULL);
PRAGMA user_version={VERSION};
"""
_INSERT = """
INSERT INTO record (key, received_ms, ts_ms, node, level, payload)
SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS (SELECT 1 FROM record WHERE key = ?1)
"""


def log_path(logging: Path) -> Path:
    """Where the store is on a logging drive."""
    return logging / "logs" / "logs.db"


class NewerStoreError(Exception):
    """The file was made by a newer release."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A record in the file; ``number`` grows with each record ever stored there."""

    number: int
    node: str
    level: str
    ts_ms: int
    received_ms: int
    payload: str


class LogStore:
    """The writing end; one process has it. Methods raise ``sqlite3.Error``; after that the store
    is to be closed and opened again."""

    def __init__(self, path: Path, max_records: int, max_bytes: int) -> None:
        """Raises ``sqlite3.Error``, ``OSError`` and ``NewerStoreError``. A damaged file is moved
        to ``*.damaged``."""
        self._max_records = max_records
        self._max_pages = max_bytes // PAGE_BYTES
        self._nodes: dict[str, int] = {}
        make_durable_directories(path.parent)
        try:
            self._db = _open(path, self._max_pages)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            put_aside(path)
            self._db = _open(path, self._max_pages)

    def append(self, entries: Sequence[Entry]) -> int:
        """Store what is not there yet, durably; returns how many were repeats."""
        with self._db as db:
            self._make_room(sum(len(entry.payload) for entry in entries))
            added = sum(db.execute(_INSERT, self._row(entry)).rowcount for entry in entries)
            self._drop(self._count() - self._max_records)
        return len(entries) - added

    def after(self, number: int, limit: int) -> list[Stored]:
        """At most ``limit`` records that came after ``number``, oldest first."""
        rows = self._db.execute(
            "SELECT number, name, level, ts_ms, received_ms, payload FROM record "
            "JOIN node ON node.id = record.node WHERE number > ? ORDER BY number LIMIT ?",
            (number, limit),
        )
        return [stored(row) for row in rows]

    def position_of(self, follower: str) -> int:
        """Up to which number a follower has everything."""
        query = "SELECT number FROM place WHERE follower = ?"
        row = self._db.execute(query, (follower,)).fetchone()
        return int(row[0]) if row else 0

    def save_position(self, follower: str, number: int) -> None:
        with self._db as db:
            db.execute("INSERT OR REPLACE INTO place VALUES (?, ?)", (follower, number))

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._db.close()

    def _row(self, entry: Entry) -> tuple[str | int | None, ...]:
        times = entry.received_ms, entry.ts_ms
        kind = self._node_id(entry.node), LEVEL_NUMBERS[entry.level]
        return (entry.key, *times, *kind, entry.payload)

    def _node_id(self, name: str) -> int:
        if name not in self._nodes:
            self._nodes[name] = self._find_node(name)
        return self._nodes[name]

    def _find_node(self, name: str) -> int:
        db = self._db
        known = int(db.execute("SELECT count(*) FROM node").fetchone()[0])
        row = db.execute("SELECT id FROM node WHERE name = ?", (name,)).fetchone()
        if row is None and known >= MAX_NODES and name != OTHER_NODE:
            return self._find_node(OTHER_NODE)
        if row is None:
            row = db.execute("INSERT INTO node (name) VALUES (?) RETURNING id", (name,)).fetchone()
        return int(row[0])

    def _make_room(self, incoming_bytes: int) -> None:
        """Have the oldest go until what comes fits into the bytes."""
        incoming = 2 * incoming_bytes // PAGE_BYTES
        while self._pages_used() + incoming > FULL * self._max_pages and (count := self._count()):
            self._drop(min(count, max(100, count // 64)))

    def _pages_used(self) -> int:
        pages, free = (
            int(self._db.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count")
        )
        return pages - free

    def _count(self) -> int:
        # Removed only from the old end, so the numbers have no holes: no need to count.
        first, last = self._db.execute("SELECT min(number), max(number) FROM record").fetchone()
        return 0 if first is None else int(last - first + 1)

    def _drop(self, excess: int) -> None:
        if excess > 0:
            self._db.execute(
                "DELETE FROM record WHERE number < (SELECT min(number) + ? FROM record)", (excess,)
            )


def stored(row: Sequence[int | str]) -> Stored:
    """A row of number, name, level, ts_ms, received_ms, payload."""
    number, node, level, ts_ms, received_ms, payload = row
    return Stored(
        int(number), str(node), LEVEL_NAMES[int(level)], int(ts_ms), int(received_ms), str(payload)
    )


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file's content is no database (any more), as against a drive that fails."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _open(path: Path, max_pages: int) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=LOCK_S, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(f"PRAGMA journal_size_limit={MAX_WAL_BYTES}")
        db.execute(f"PRAGMA max_page_count={max_pages}")
        _migrate(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise NewerStoreError(f"{path} has version {version}, this program knows {VERSION}")
    if version == 0:
        db.executescript(f"BEGIN;{_SCHEMA}COMMIT;")
    db.execute("SELECT count(*) FROM node").fetchone()
