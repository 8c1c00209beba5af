"""Reading a camera's frame times: ``seg_NNNN.frames.csv``, rows ``frame,pts_us,captured_at_us``.

Of each row ``captured_at_us`` (Unix microseconds) is used, and of the first and last row the
frame's number too: when the joined video shows a frame follows from the video itself.
"""

import os
from pathlib import Path

from ctlr.layout.frame_times import column
from ctlr.postprocess.video.facts import CaptureTimes

_MAX_SIDECAR_BYTES = 64 << 20


def read_captured_us(path: Path) -> list[str]:
    """Capture instants of a segment's frames, as digits; empty when the file cannot be used."""
    return column(_read_lines(path), "captured_at_us")


def read_capture_times(path: Path) -> CaptureTimes | None:
    """How many rows a sidecar has, and the first's and last's instant and number."""
    lines = _read_lines(path)
    times = column(lines, "captured_at_us")
    if not times:
        return None
    ends = [int(number) for number in column([lines[0], lines[1], lines[-1]], "frame")]
    numbers = (ends[0], ends[1]) if ends else None
    return CaptureTimes(len(times), int(times[0]), int(times[-1]), numbers)


def _read_lines(path: Path) -> list[str]:
    try:
        if os.stat(path).st_size > _MAX_SIDECAR_BYTES:
            return []
        return path.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return []  # the plan reports the frames that have no capture time
