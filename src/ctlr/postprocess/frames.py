"""Frame times: a camera's ``seg_NNNN.frames.csv`` in, one ``{node}.frames.csv`` a video out.

A row is ``frame,pts_us,captured_at_us``. In the joined file ``frame`` counts on, ``pts_us`` is
the time at which the joined video shows the frame, and ``captured_at_us`` (Unix microseconds) is
the camera's word for when it was taken; it stays empty where the camera left none. Rows are in
the order shown, one for every frame of the video.
"""

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

from ctlr.postprocess.facts import CaptureTimes

HEADER = b"frame,pts_us,captured_at_us\n"
_MAX_SIDECAR_BYTES = 64 << 20


def read_captured_us(path: Path) -> list[int]:
    """Capture instants of a segment's frames; empty when the file cannot be used."""
    try:
        if os.stat(path).st_size > _MAX_SIDECAR_BYTES:
            return []
        text = path.read_text(encoding="utf-8")
        rows = csv.reader(io.StringIO(text))
        column = next(rows, []).index("captured_at_us")
        return [int(row[column]) for row in rows if row]
    except (OSError, ValueError, IndexError):
        return []  # the plan reports the frames that have no capture time


def read_capture_times(path: Path) -> CaptureTimes | None:
    """How many rows a sidecar has, and the first and last instant."""
    times = read_captured_us(path)
    return CaptureTimes(len(times), times[0], times[-1]) if times else None


def frame_rows(first_frame: int, shown_us: list[int], captured_us: list[int]) -> Iterator[bytes]:
    """Rows of one segment's frames; ``shown_us`` in the order shown."""
    known = len(captured_us)
    for index, shown in enumerate(shown_us):
        captured = captured_us[index] if index < known else ""
        yield b"%d,%d,%b\n" % (first_frame + index, shown, str(captured).encode())
