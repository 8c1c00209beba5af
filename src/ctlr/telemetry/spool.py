"""Records that wait for the broker, on the SD card: in order, bounded, across restarts.

One SQLite file per process. ``synchronous=NORMAL`` in WAL mode: no flush per commit, so that a
record costs microseconds and the card little wear; a power cut may take the last seconds of log
with it, a crash of the program nothing that was stored. The bound is on records and on bytes; at
the bound the oldest go, and are counted. The write-ahead log beside the file is cut back to
``MAX_WAL_BYTES`` after a burst.

Blocking; ``ctlr.telemetry.outbox`` calls it in threads, one call at a time.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PAGE_BYTES = 4096
MAX_WAL_BYTES = 4 << 20
LOCK_S = 5.0
OPEN_S = 1.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
  number INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS lost (records INTEGER NOT NULL);
INSERT INTO lost SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM lost);
"""


@dataclass(frozen=True)
class Waiting:
    """A record in the spool; ``number`` grows with each record ever stored."""

    number: int
    topic: str
    payload: bytes


class RecordSpool:
    """Opened for one process. Methods raise ``sqlite3.Error``, or ``TimeoutError`` when an
    earlier call is still stuck on a dead card."""

    def __init__(
        self, path: Path, max_records: int, max_bytes: int, wait_s: float = OPEN_S
    ) -> None:
        """Raises ``sqlite3.Error`` or ``OSError``, after ``wait_s`` where another process has the
        file. A damaged file is moved to ``*.damaged``."""
        self._max_records = max_records
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = _open(path, max_bytes, wait_s)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # cannot be opened, or is locked
                raise
            put_aside(path)
            self._db = _open(path, max_bytes, wait_s)

    @contextmanager
    def _held(self) -> Iterator[sqlite3.Connection]:
        if not self._lock.acquire(timeout=LOCK_S):
            raise TimeoutError("an earlier access to the record spool has not come back")
        try:
            yield self._db
        finally:
            self._lock.release()

    def append(self, records: Sequence[tuple[str, bytes]]) -> int:
        """Store ``(topic, payload)`` records; returns how many old ones had to go."""
        with self._held() as db:
            return self._append(db, records)

    def _append(self, db: sqlite3.Connection, records: Sequence[tuple[str, bytes]]) -> int:
        try:
            return self._insert(db, records)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise
            # The file's bound. On a card that is full, making room fails too, and it ends there.
            if count := self._count(db):
                return self._drop(db, max(1, count // 4)) + self._append(db, records)
            if len(records) == 1:
                raise
            middle = len(records) // 2
            return self._append(db, records[:middle]) + self._append(db, records[middle:])

    def _insert(self, db: sqlite3.Connection, records: Sequence[tuple[str, bytes]]) -> int:
        with db:
            db.executemany("INSERT INTO record (topic, payload) VALUES (?, ?)", records)
        return self._drop(db, self._count(db) - self._max_records)

    def _drop(self, db: sqlite3.Connection, excess: int) -> int:
        if excess <= 0:
            return 0
        with db:
            db.execute(
                "DELETE FROM record WHERE number < (SELECT min(number) + ? FROM record)", (excess,)
            )
            db.execute("UPDATE lost SET records = records + ?", (excess,))
        return excess

    def oldest(self, after: int, limit: int) -> list[Waiting]:
        """At most ``limit`` records with numbers above ``after``, oldest first."""
        with self._held() as db:
            rows = db.execute(
                "SELECT number, topic, payload FROM record WHERE number > ? "
                "ORDER BY number LIMIT ?",
                (after, limit),
            )
            return [Waiting(*row) for row in rows]

    def remove_through(self, number: int) -> None:
        """Forget the records up to and with ``number``: the broker has them."""
        with self._held() as db, db:
            db.execute("DELETE FROM record WHERE number <= ?", (number,))

    def counts(self) -> tuple[int, int]:
        """Records waiting, and records ever lost at the bound."""
        with self._held() as db:
            return self._count(db), int(db.execute("SELECT records FROM lost").fetchone()[0])

    def close(self) -> None:
        with self._held() as db, suppress(sqlite3.Error):
            db.close()

    @staticmethod
    def _count(db: sqlite3.Connection) -> int:
        # Removed only from the old end, so the numbers have no holes: no need to count.
        first, last = db.execute("SELECT min(number), max(number) FROM record").fetchone()
        return 0 if first is None else int(last - first + 1)


def _open(path: Path, max_bytes: int, wait_s: float) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=wait_s, check_same_thread=False)
    try:
        db.execute("PRAGMA locking_mode=EXCLUSIVE")  # one process; no shared memory file
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute(f"PRAGMA journal_size_limit={MAX_WAL_BYTES}")
        db.execute(f"PRAGMA max_page_count={max_bytes // PAGE_BYTES}")
        db.executescript(_SCHEMA)
        db.execute("SELECT count(*) FROM lost").fetchone()
    except BaseException:
        db.close()
        raise
    return db


def put_aside(path: Path) -> None:
    """Keep a damaged file for whoever wants to look at it; only the latest. Raises ``OSError``."""
    path.replace(path.with_suffix(".damaged"))
    for beside in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
