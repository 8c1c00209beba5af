"""One table of all sessions below a folder, from their manifests alone.

A row a session. Manifests are read leniently: those of the first tools and of later versions have
a row too, with what they say; one that cannot be read has a row with its ``problem``. A manifest
that has not changed since the last time, by its size and time, is not read again. The table is
saved now and then while it is made, so a run that is stopped goes on where it was.

It is Parquet where pyarrow is installed (the extra ``data``), else a table in an SQLite file.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ctlr.export.catalog_file import read_rows, write_rows
from ctlr.export.jobs import find_sessions
from ctlr.layout.session import MANIFEST_NAME

Row = dict[str, Any]
SAVE_EVERY = 2000
COLUMNS: Mapping[str, type] = {
    "path": str, "uuid": str, "label": str, "notes": str, "verdict": str,
    "start_time": str, "started_at": int, "duration_s": float,
    "complete": bool, "verified_at": int, "damaged": int, "revision": int, "raw_deleted_at": int,
    "cameras": str, "frames": int, "dropped": int, "gaps": int, "gap_s": float, "missing": str,
    "step": str, "step_ms": float, "step_text": str,
    "tables": int, "can_frames": int, "marks": int, "mark_labels": str,
    "bytes": int, "problem": str,
    "manifest_bytes": int, "manifest_mtime_ns": int,
}  # fmt: skip
"""Names and types, in order; each may be unknown. Lists are words parted by commas."""


def update_catalog(
    folder: Path, target: Path, report: Callable[[int], None] = lambda _: None
) -> tuple[int, int]:
    """Bring the table up to date; returns how many sessions it has, and how many manifests were
    read for it. ``report`` is told how many have been looked at. Raises ``OSError``."""
    known = {row["path"]: row for row in read_rows(target)}
    rows: list[Row] = []
    read = 0
    for number, session in enumerate(find_sessions([folder]), 1):
        row, was_read = _row(folder, session, known)
        rows.append(row)
        read += was_read
        report(number)
        if was_read and read % SAVE_EVERY == 0:
            left = known.keys() - {row["path"] for row in rows}
            write_rows(target, COLUMNS, [*rows, *(known[path] for path in sorted(left))])
    if read or len(rows) != len(known):
        write_rows(target, COLUMNS, rows)
    return len(rows), read


def _row(folder: Path, session: Path, known: Mapping[str, Row]) -> tuple[Row, bool]:
    path = session.relative_to(folder).as_posix()
    status = os.stat(session / MANIFEST_NAME)
    before = known.get(path)
    seen = (status.st_size, status.st_mtime_ns)
    if before and (before["manifest_bytes"], before["manifest_mtime_ns"]) == seen:
        return before, False
    row: Row = dict.fromkeys(COLUMNS)
    row |= {"path": path, "manifest_bytes": seen[0], "manifest_mtime_ns": seen[1]}
    try:
        row |= _told(json.loads((session / MANIFEST_NAME).read_bytes()))
    except (ValueError, TypeError, AttributeError, OSError) as error:
        row["problem"] = f"its manifest cannot be read: {error}"
    return {name: _as(kind, row[name]) for name, kind in COLUMNS.items()}, True


def _told(manifest: Mapping[str, Any]) -> Row:
    """What a manifest says; what it does not say is left out."""
    sources: Mapping[str, Any] = manifest.get("sources") or {}
    videos = {name: s for name, s in sources.items() if isinstance(s, dict) and "file" in s and name != "can"}  # fmt: skip
    parts = [part for video in videos.values() for part in (video, *video.get("parts", ()))]
    gaps = [gap for video in videos.values() for gap in video.get("gaps", ())]
    sync, marks = manifest.get("sync") or {}, manifest.get("marks") or ()
    failed = [name for name, s in sources.items() if isinstance(s, dict) and "error" in s]
    started, stopped = manifest.get("started_at"), manifest.get("stopped_at")
    long_ms = stopped - started if isinstance(started, int) and isinstance(stopped, int) else None
    direct = (
        *("uuid", "label", "notes", "verdict", "start_time", "started_at", "complete"),
        *("verified_at", "revision", "raw_deleted_at"),
    )
    return {name: manifest.get(name) for name in direct} | {
        "duration_s": None if long_ms is None else long_ms / 1000,
        "damaged": len(manifest.get("damaged") or ()),
        "cameras": _words(videos),
        "frames": _sum(parts, "frames"),
        "dropped": _sum(parts, "dropped"),
        "gaps": len(gaps),
        "gap_s": _sum(gaps, "expected_ms") / 1000,
        "missing": _words({*(manifest.get("missing") or ()), *failed}),
        "step": sync.get("verdict"),
        "step_ms": sync.get("steady_ms"),
        "step_text": sync.get("text"),
        "tables": sum(len((sources.get(kind) or {}).get("tables", ())) for kind in ("phone", "watch")),
        "can_frames": (sources.get("can") or {}).get("frames"),
        "marks": len(marks),
        "mark_labels": _words(mark.get("label") for mark in marks),
        "bytes": _sum(manifest.get("files") or (), "bytes"),
    }  # fmt: skip


def _sum(parts: Iterable[Mapping[str, Any]], key: str) -> int:
    return sum(value for part in parts if isinstance(value := part.get(key), int))


def _words(names: Iterable[str | None]) -> str:
    return ", ".join(sorted({name for name in names if name}))


def _as(kind: type, value: object) -> object:
    """A value of the column's type; unknown where it is of another."""
    if kind is float and isinstance(value, int):
        return float(value)
    fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    return value if fits else None


def search_words(row: Row) -> str:
    """What a person may look for a session by."""
    names = ("path", "uuid", "label", "notes", "verdict", "start_time", "cameras", "mark_labels", "missing")  # fmt: skip
    return " ".join(str(row[name]) for name in names if row[name]).casefold()


def all_rows(target: Path) -> Iterator[Row]:
    """The table's rows, the newest session first. Raises ``OSError``."""
    return iter(sorted(read_rows(target), key=lambda row: -(row["started_at"] or 0)))
