"""Reading a camera's frame times: ``seg_NNNN.frames.csv``, rows ``frame,pts_us,captured_at_us``.

Of each row ``captured_at_us`` (Unix microseconds) is used, and the frame's number: when the
joined video shows a frame follows from the video itself.
"""

import os
from pathlib import Path

from ctlr.layout.frame_times import column
from ctlr.postprocess.video.facts import CaptureTimes
from ctlr.postprocess.video.stills import find_stills

_MAX_SIDECAR_BYTES = 64 << 20


def read_frame_columns(path: Path) -> tuple[list[str], list[str]]:
    """Capture instants and numbers of a segment's frames, as digits; empty what cannot be used."""
    lines = _read_lines(path)
    return column(lines, "captured_at_us"), column(lines, "frame")


def read_capture_times(path: Path) -> CaptureTimes | None:
    """How many rows a sidecar has, the first's and last's instant and number, and where the picture
    stood still."""
    lines = _read_lines(path)
    times = column(lines, "captured_at_us")
    if not times:
        return None
    taken_us = [int(time) for time in times]
    numbers = [int(number) for number in column(lines, "frame")]
    return CaptureTimes(
        len(taken_us),
        taken_us[0],
        taken_us[-1],
        (numbers[0], numbers[-1]) if numbers else None,
        find_stills(taken_us, numbers or None),
    )


def _read_lines(path: Path) -> list[str]:
    try:
        if os.stat(path).st_size > _MAX_SIDECAR_BYTES:
            return []
        return path.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return []  # the plan reports the frames that have no capture time
