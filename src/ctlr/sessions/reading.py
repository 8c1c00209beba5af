"""A second process's look at the database: read-only."""

from dataclasses import replace
from pathlib import Path

from ctlr.kernel.database import open_readonly
from ctlr.sessions.model import Session
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


def read_session(database: Path, uuid: str) -> Session | None:
    """One session with all that was measured; None where nothing knows it.

    Raises ``sqlite3.Error`` when the database is there but cannot be read.
    """
    if not database.is_file():
        return None
    connection = open_readonly(database)
    try:
        row = connection.execute(SELECT_SESSION, (uuid,)).fetchone()
        if row is None:
            return None
        clocks = connection.execute(SELECT_CLOCKS, (uuid,)).fetchall()
        marks = connection.execute(SELECT_MARKS, (uuid,)).fetchall()
        steps = connection.execute(SELECT_STEPS, (uuid,)).fetchall()
        return replace(
            session_of(row),
            clocks=clocks_of(clocks),
            marks=marks_of(marks),
            clock_steps=steps_of(steps),
        )
    finally:
        connection.close()


def read_binned(database: Path) -> list[Session]:
    """The sessions in the bin. Raises ``sqlite3.Error``."""
    if not database.is_file():
        return []
    connection = open_readonly(database)
    try:
        rows = connection.execute(f"{SELECT_SESSIONS}WHERE binned_at_ms IS NOT NULL").fetchall()
        return [session_of(row) for row in rows]
    finally:
        connection.close()
