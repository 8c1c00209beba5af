"""What the CAN listener says of itself in its status file, as the controller reads it.

The file is written by another process (also by installed listeners), lives in a folder that
everybody can write to, and may be missing, half written, old or hostile. It is read up to a
bound and never through a link; what cannot be used counts as "not connected".
"""

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_BYTES = 64 * 1024
STALE_AFTER_S = 10.0
_LARGEST_EXACT = 2**53 - 1
_LONGEST_PROBLEM = 200
_REASONS = 20


@dataclass(frozen=True)
class CanStatus:
    """``stale`` says that there is no word of the last ``STALE_AFTER_S``. Installed listeners say
    only the first three. ``refused`` counts what came in and was no frame, by reason."""

    connected: bool = False
    file_size_bytes: int = 0
    frame_count: int = 0
    fps: int = 0
    errors: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    lost: int = 0
    last_frame_at: int | None = None
    problem: str | None = None
    stale: bool = True


def read_can_status(path: Path, now_s: float) -> CanStatus:
    """The listener's last word; not connected when it is absent, unusable or older than
    ``STALE_AFTER_S`` at Unix time ``now_s``."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return CanStatus()
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            return CanStatus()
        fresh = now_s - status.st_mtime <= STALE_AFTER_S
        return parse_can_status(os.read(fd, MAX_BYTES), fresh=fresh)
    except OSError:
        return CanStatus()
    finally:
        os.close(fd)


def parse_can_status(content: bytes, *, fresh: bool) -> CanStatus:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):  # deep nesting is cheap to write and costly to read
        return CanStatus()
    if not isinstance(values, dict):
        return CanStatus()
    return CanStatus(
        connected=fresh and values.get("connected") is True,
        file_size_bytes=_count(values.get("file_size_bytes")),
        frame_count=_count(values.get("frame_count")),
        fps=_count(values.get("fps")) if fresh else 0,
        errors=_count(values.get("errors")),
        refused=_refused(values.get("refused")),
        lost=_count(values.get("lost")),
        last_frame_at=_count(values.get("last_frame_at")) or None,
        problem=_problem(values) if fresh else None,
        stale=not fresh,
    )


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value <= _LARGEST_EXACT else 0


def _refused(value: object) -> dict[str, int]:
    reasons = value.items() if isinstance(value, dict) else ()
    return {f"{reason}"[:_LONGEST_PROBLEM]: _count(n) for reason, n in list(reasons)[:_REASONS]}


def _problem(values: dict[str, Any]) -> str | None:
    """What ails the drive, else the first bus that something ails."""
    if isinstance(problem := values.get("problem"), str):
        return problem[:_LONGEST_PROBLEM]
    buses = values.get("buses")
    for bus in buses if isinstance(buses, list) else ():
        if isinstance(bus, dict) and isinstance(problem := bus.get("problem"), str):
            return f"{bus.get('name')}: {problem}"[:_LONGEST_PROBLEM]
    return None
