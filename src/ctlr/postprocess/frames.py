"""Reading a camera's frame times: ``seg_NNNN.frames.csv``, rows ``frame,pts_us,captured_at_us``.

Only ``captured_at_us`` (Unix microseconds) is used: when the joined video shows a frame follows
from the video itself.
"""

import os
from pathlib import Path

from ctlr.postprocess.facts import CaptureTimes

_MAX_SIDECAR_BYTES = 64 << 20


def read_captured_us(path: Path) -> list[str]:
    """Capture instants of a segment's frames, as digits; empty when the file cannot be used."""
    try:
        if os.stat(path).st_size > _MAX_SIDECAR_BYTES:
            return []
        head, *rows = path.read_text(encoding="utf-8").split()
        column = head.split(",").index("captured_at_us")
        times = [row.split(",")[column] for row in rows]
    except (OSError, ValueError, IndexError):
        return []  # the plan reports the frames that have no capture time
    return times if all(map(str.isdecimal, times)) else []


def read_capture_times(path: Path) -> CaptureTimes | None:
    """How many rows a sidecar has, and the first and last instant."""
    times = read_captured_us(path)
    return CaptureTimes(len(times), int(times[0]), int(times[-1])) if times else None
