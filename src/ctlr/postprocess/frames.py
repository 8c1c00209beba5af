"""Frame times: a camera's ``seg_NNNN.frames.csv`` in, one ``{node}.frames.csv`` a video out.

A row is ``frame,pts_us,captured_at_us``. In the joined file ``frame`` counts on, ``pts_us`` is
the time at which the joined video shows the frame, and ``captured_at_us`` (Unix microseconds) is
the camera's word for when it was taken; it stays empty where the camera left none. Rows are in
the order shown, one for every frame of the video.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from ctlr.postprocess.facts import CaptureTimes

HEADER = b"frame,pts_us,captured_at_us\n"
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


def frame_rows(first_frame: int, shown_us: Sequence[int], captured_us: Sequence[str]) -> bytes:
    """Rows of one segment's frames; ``shown_us`` in the order shown."""
    captured = [*captured_us[: len(shown_us)], *[""] * (len(shown_us) - len(captured_us))]
    numbers = range(first_frame, first_frame + len(shown_us))
    return "".join(
        map("%d,%d,%s\n".__mod__, zip(numbers, shown_us, captured, strict=True))
    ).encode()
