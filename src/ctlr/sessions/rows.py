"""Rows of the session database as values: what is selected, and what it becomes. Pure."""

import sqlite3
from collections.abc import Iterable

from ctlr.sessions.model import (
    ClockSample,
    ClockStep,
    Mark,
    Session,
    SessionEvent,
    SessionNode,
    SessionState,
    TakeStart,
)

NODE_COLUMNS = (
    "started",
    "start_at_ms",
    "error",
    "stop_acknowledged",
    "segments_total",
    "complete",
    "remaining",
    "last_report_at_ms",
)
SESSION_COLUMNS = (
    "start_at_ms",
    "stop_requested_at_ms",
    "stopped_at_ms",
    "processed_at",
    "folder",
    "error",
)

SELECT_SESSION = "SELECT * FROM session WHERE uuid = ?"
SELECT_NODES = "SELECT * FROM session_node WHERE uuid = ? ORDER BY name"
SELECT_STARTS = "SELECT * FROM node_start WHERE uuid = ? ORDER BY name, take"
SELECT_EVENTS = "SELECT * FROM session_event WHERE uuid = ? ORDER BY id"
SELECT_CLOCKS = "SELECT * FROM clock_sample WHERE uuid = ? ORDER BY source, at_ms"
SELECT_MARKS = "SELECT * FROM session_mark WHERE uuid = ? ORDER BY at_ms, id"
SELECT_STEPS = "SELECT * FROM clock_step WHERE uuid = ? ORDER BY id"


def session_of(
    row: sqlite3.Row,
    nodes: Iterable[sqlite3.Row],
    starts: Iterable[sqlite3.Row],
    events: Iterable[sqlite3.Row],
) -> Session:
    told: dict[str, tuple[TakeStart, ...]] = {}
    for start in starts:
        begun = TakeStart(start["take"], start["at_ms"])
        told[start["name"]] = (*told.get(start["name"], ()), begun)
    return Session(
        uuid=row["uuid"],
        state=SessionState(row["state"]),
        created_at_ms=row["created_at_ms"],
        nodes=tuple(_node(node, told.get(node["name"], ())) for node in nodes),
        events=tuple(
            SessionEvent(event["at_ms"], event["kind"], event["text"]) for event in events
        ),
        **{name: row[name] for name in SESSION_COLUMNS},
    )


def clocks_of(rows: Iterable[sqlite3.Row]) -> dict[str, tuple[ClockSample, ...]]:
    samples: dict[str, list[ClockSample]] = {}
    for row in rows:
        values = (row["at_ms"], row["offset_ms"], row["uncertainty_ms"], row["method"])
        samples.setdefault(row["source"], []).append(ClockSample(*values))
    return {source: tuple(found) for source, found in samples.items()}


def marks_of(rows: Iterable[sqlite3.Row]) -> tuple[Mark, ...]:
    return tuple(Mark(row["at_ms"], row["label"]) for row in rows)


def steps_of(rows: Iterable[sqlite3.Row]) -> tuple[ClockStep, ...]:
    return tuple(ClockStep(row["at_ms"], row["step_ms"]) for row in rows)


def _node(row: sqlite3.Row, starts: tuple[TakeStart, ...]) -> SessionNode:
    values = {name: row[name] for name in NODE_COLUMNS}
    for flag in ("started", "stop_acknowledged", "complete"):
        values[flag] = bool(values[flag])
    return SessionNode(name=row["name"], starts=starts, **values)
