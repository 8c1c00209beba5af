"""Reading ``logs.db``: pages of records, for ``GET /api/logs`` and ``ctlr logs``.

A page is in the order of arrival, oldest first. ``before`` a number pages backwards, ``after`` one
forwards; without either it is the newest page. The file is opened for each page and closed again,
so that a reader holds the drive for milliseconds, in a lane with a deadline, so that a drive that
hangs costs one thread and an answer in words.
"""

import json
import math
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctlr.kernel.errors import Refusal
from ctlr.kernel.texts import show_surrogates
from ctlr.kernel.threads import Lane
from ctlr.logbook.store import LEVEL_NUMBERS, Stored, stored

DEADLINE_S = 2.0
LOCK_S = 1.0
MAX_DEPTH = 32


@dataclass(frozen=True)
class LogQuery:
    """``level``: this and what is worse; METRICS: the measurements, which no other level brings.
    ``since_ms``: said then or later, by the clock of who said it."""

    node: str | None = None
    level: str = "DEBUG"
    since_ms: int | None = None
    before: int | None = None
    after: int | None = None
    limit: int = 100


@dataclass(frozen=True)
class LogPage:
    """``newest`` is the number of the newest record in the store, whatever was asked for."""

    records: list[Stored]
    newest: int


class LogReader:
    """``find_problem`` says in words why the drive cannot be read, from memory."""

    def __init__(
        self, path: Path, find_problem: Callable[[], str | None], deadline_s: float = DEADLINE_S
    ) -> None:
        self._path = path
        self._find_problem = find_problem
        self._lane = Lane("read-logs", deadline_s)

    async def read(self, query: LogQuery) -> LogPage:
        """Raises ``Refusal``: ``storage_unavailable``, ``no_logs``."""
        if problem := self._find_problem():
            raise _unavailable(problem)
        try:
            return await self._lane.run(lambda: read_page(self._path, query))
        except FileNotFoundError as error:
            raise Refusal(
                "no_logs",
                "There is no log store on the logging drive yet. Recording is not affected; start "
                "ctlr subscribe-logs to have one.",
            ) from error
        except TimeoutError as error:
            raise _unavailable("it does not answer") from error
        except (sqlite3.Error, OSError) as error:
            raise _unavailable(str(error)) from error


def read_page(path: Path, query: LogQuery) -> LogPage:
    """One page; opens and closes the file. Raises ``FileNotFoundError``, ``OSError`` and
    ``sqlite3.Error``."""
    path.stat()
    try:
        return _read_as("mode=ro", path, query)
    except sqlite3.OperationalError as error:
        # Who may not write beside the file can read it while somebody has it open, or nobody has.
        unwritable = error.sqlite_errorcode & 0xFF in (
            sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_CANTOPEN,
        )
        if not unwritable or path.with_name(path.name + "-wal").exists():
            raise
        return _read_as("mode=ro&immutable=1", path, query)


def _read_as(mode: str, path: Path, query: LogQuery) -> LogPage:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=LOCK_S)
    try:
        db.execute("BEGIN")  # all that follows sees the same records
        if db.execute("PRAGMA user_version").fetchone()[0] == 0:
            raise FileNotFoundError(f"{path} is about to be made")
        newest = db.execute("SELECT max(number) FROM record").fetchone()[0]
        return LogPage(_read(db, query), newest or 0)
    finally:
        db.close()


def _read(db: sqlite3.Connection, query: LogQuery) -> list[Stored]:
    values: dict[str, Any] = {"limit": query.limit}
    if query.node is not None:
        values["node"] = query.node
    numbers, order = page_numbers(query, values)
    rows = db.execute(
        "SELECT number, name, level, ts_ms, received_ms, payload FROM record "  # noqa: S608 - made of constants
        f"JOIN node ON node.id = record.node WHERE number IN ({numbers}) ORDER BY number {order}",
        values,
    )
    records = [stored(row) for row in rows]
    return records if query.after is not None else records[::-1]


def page_numbers(query: LogQuery, values: dict[str, Any]) -> tuple[str, str]:
    """The query for the page's numbers: one arm per level, each along an index that is in the
    order of the numbers already, merged."""
    order = "ASC" if query.after is not None else "DESC"
    conditions = ["level = {level}"]
    if query.node is not None:
        conditions.append("node = (SELECT id FROM node WHERE name = :node)")
    for name, condition in (
        ("since_ms", "ts_ms >="),
        ("before", "number <"),
        ("after", "number >"),
    ):
        if (value := getattr(query, name)) is not None:
            values[name] = value
            conditions.append(f"{condition} :{name}")
    index = "record_of_node" if query.node is not None else "record_of_level"
    arm = f"SELECT number FROM record INDEXED BY {index} WHERE {' AND '.join(conditions)}"  # noqa: S608 - made of constants
    arms = " UNION ALL ".join(arm.format(level=level) for level in _levels(query.level))
    return f"SELECT number FROM ({arms} ORDER BY number {order} LIMIT :limit)", order  # noqa: S608 - made of constants


def _levels(lowest: str) -> list[int]:
    number = LEVEL_NUMBERS[lowest]
    metrics = LEVEL_NUMBERS["METRICS"]
    return [metrics] if number == metrics else [n for n in LEVEL_NUMBERS.values() if n >= number]


def fields_of(record: Stored) -> dict[str, Any]:
    """The record as it was sent, but so that it can be sent on whatever it was: what is nested too
    deeply is given as JSON text, and half a surrogate pair is written out."""
    fields: dict[str, Any] = json.loads(record.payload)
    return {show_surrogates(key): _sendable(value, MAX_DEPTH) for key, value in fields.items()}


def _sendable(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return show_surrogates(value)
    if not isinstance(value, dict | list):
        return value if not isinstance(value, float) or math.isfinite(value) else str(value)
    if depth == 0:
        return json.dumps(value)
    if isinstance(value, list):
        return [_sendable(item, depth - 1) for item in value]
    items = value.items()
    return {show_surrogates(key): _sendable(item, depth - 1) for key, item in items}


def _unavailable(problem: str) -> Refusal:
    return Refusal(
        "storage_unavailable",
        f"The log store cannot be read: the logging drive is away or does not work ({problem}). "
        "Records wait until it is back.",
    )
