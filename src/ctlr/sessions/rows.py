"""Rows of the session database as values: what is selected, and what it becomes. Pure."""

import json
import sqlite3
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

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
    "stopped_at_ms",
    "segments_total",
    "complete",
    "remaining",
)
SESSION_COLUMNS = (
    "start_at_ms",
    "stop_requested_at_ms",
    "stopped_at_ms",
    "processed_at",
    "folder",
    "error",
    "label",
    "notes",
    "verdict",
    "binned_at_ms",
    "bin_scope",
)

_NODES = f"json_group_array(json_array(name, {', '.join(NODE_COLUMNS)}))"
_STARTS = "json_group_array(json_array(name, take, at_ms))"
_LOST = "json_group_array(json_array(node, name))"
_EVENTS = "json_group_array(json_array(id, at_ms, kind, text))"
SELECT_SESSIONS = (
    "SELECT session.*,"  # noqa: S608 - nothing but names of our own columns
    f" (SELECT {_NODES} FROM session_node WHERE session_node.uuid = session.uuid) AS nodes,"
    f" (SELECT {_STARTS} FROM node_start WHERE node_start.uuid = session.uuid) AS starts,"
    f" (SELECT {_LOST} FROM lost_file WHERE lost_file.uuid = session.uuid) AS lost,"
    f" (SELECT {_EVENTS} FROM session_event WHERE session_event.uuid = session.uuid) AS events"
    " FROM session "
)
"""Sessions whole, each in one row, however many there are; to be followed by a condition."""
SELECT_SESSION = f"{SELECT_SESSIONS}WHERE uuid = ?"
SELECT_CLOCKS = "SELECT * FROM clock_sample WHERE uuid = ? ORDER BY source, at_ms"
SELECT_MARKS = "SELECT * FROM session_mark WHERE uuid = ? ORDER BY at_ms, id"
SELECT_STEPS = "SELECT * FROM clock_step WHERE uuid = ? ORDER BY id"


def session_of(row: sqlite3.Row) -> Session:
    """A row of ``SELECT_SESSIONS``."""
    nodes = sorted(json.loads(row["nodes"]), key=itemgetter(0))
    starts: dict[str, tuple[TakeStart, ...]] = {}
    for name, take, at_ms in sorted(json.loads(row["starts"])):
        starts[name] = (*starts.get(name, ()), TakeStart(take, at_ms))
    lost: dict[str, tuple[str, ...]] = {}
    for node, name in sorted(set(map(tuple, json.loads(row["lost"])))):
        lost[node] = (*lost.get(node, ()), name)
    events = sorted(json.loads(row["events"]), key=itemgetter(0))
    return Session(
        uuid=row["uuid"],
        state=SessionState(row["state"]),
        created_at_ms=row["created_at_ms"],
        nodes=tuple(
            _node(*node, starts=starts.get(node[0], ()), lost=lost.get(node[0], ()))
            for node in nodes
        ),
        events=tuple(SessionEvent(*event) for _, *event in events),
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


def _node(
    name: str, *columns: Any, starts: tuple[TakeStart, ...], lost: tuple[str, ...]
) -> SessionNode:
    values = dict(zip(NODE_COLUMNS, columns, strict=True))
    for flag in ("started", "stop_acknowledged", "complete"):
        values[flag] = bool(values[flag])
    return SessionNode(name=name, starts=starts, lost=lost, **values)
