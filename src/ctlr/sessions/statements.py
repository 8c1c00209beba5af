"""Parts of a transaction on the session database: whoever calls them has opened one."""

from collections.abc import Iterable, Mapping

import aiosqlite

from ctlr.sessions.model import ClockSample, SessionEvent
from ctlr.sessions.rows import NODE_COLUMNS


async def change_nodes(
    db: aiosqlite.Connection, uuid: str, changes: Mapping[str, Mapping[str, object]]
) -> None:
    """Set columns of nodes' parts; a row is made for a node that is new to the session."""
    for name, columns in changes.items():
        check_columns(columns, NODE_COLUMNS)
        await db.execute(
            "INSERT INTO session_node (uuid, name) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (uuid, name),
        )
        await update(db, "session_node", columns, "uuid = ? AND name = ?", (uuid, name))


async def add_clock_samples(
    db: aiosqlite.Connection, uuid: str, samples: Mapping[str, ClockSample]
) -> None:
    """Keep one sample per source; one that is there already stays."""
    await db.executemany(
        "INSERT INTO clock_sample (uuid, source, at_ms, offset_ms, uncertainty_ms, method)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            (uuid, source, s.at_ms, s.offset_ms, s.uncertainty_ms, s.method)
            for source, s in samples.items()
        ],
    )


async def add_events(db: aiosqlite.Connection, uuid: str, events: Iterable[SessionEvent]) -> None:
    """Add to what happened to a session."""
    await db.executemany(
        "INSERT INTO session_event (uuid, at_ms, kind, text) VALUES (?, ?, ?, ?)",
        [(uuid, event.at_ms, event.kind, event.text) for event in events],
    )


async def update(
    db: aiosqlite.Connection,
    table: str,
    columns: Mapping[str, object],
    where: str,
    keys: tuple[str, ...],
) -> None:
    """Set columns, whose names the caller has checked."""
    if not columns:
        return
    assignments = ", ".join(f"{name} = ?" for name in columns)
    await db.execute(
        f"UPDATE {table} SET {assignments} WHERE {where}",  # noqa: S608 - names are checked, values are bound
        (*columns.values(), *keys),
    )


def check_columns(columns: Mapping[str, object], known: tuple[str, ...]) -> None:
    """Raise ``KeyError`` for a name that is none of the ``known``."""
    unknown = set(columns) - set(known)
    if unknown:
        raise KeyError(f"no such column: {', '.join(sorted(unknown))}")
