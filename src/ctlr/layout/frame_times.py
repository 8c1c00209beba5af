"""Rows of frame times: beside each segment, and beside each joined video. Pure.

A row is ``frame,pts_us,captured_at_us``. Beside a segment, ``frame`` is the source's number,
counted from 0 at ``start_at``: a number that is missing is a frame that was never recorded;
``pts_us`` is the timestamp in the video, ``captured_at_us - start_at_us``, so the rows can be
written again from the video alone; only the frame numbers would have to be guessed.

Beside a joined video a row is ``frame,pts_us,captured_at_us,slot,t_s``. ``frame`` counts its
frames, ``pts_us`` is when it shows them, ``captured_at_us`` (Unix microseconds) is by the camera's
clock, ``slot`` is the source's number, with its holes, and ``t_s`` is ``captured_at_us`` on the
controller's clock, in seconds since the session's start. What is not known is empty. Columns may
be added behind these.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

MOST_DIGITS = 18
"""What has more is no instant and no frame's number."""
FRAMES_HEADER = "frame,pts_us,captured_at_us\n"
GROWING_HEADER = "frame,pts_us,captured_at_us,slot\n"
"""Beside a joined video that is being made: when its session began, and how far clocks were off, is
known in the end."""
JOINED_HEADER = "frame,pts_us,captured_at_us,slot,t_s\n"


class FrameRow(NamedTuple):
    frame: int
    pts_us: int
    captured_at_us: int


def format_row(row: FrameRow) -> str:
    return f"{row.frame},{row.pts_us},{row.captured_at_us}\n"


def format_rows(rows: Iterable[FrameRow]) -> str:
    return FRAMES_HEADER + "".join(format_row(row) for row in rows)


def parse_rows(text: str) -> list[FrameRow]:
    """The whole rows of a file that may have been cut off anywhere."""
    rows = []
    for line in text.splitlines(keepends=True):
        fields = line.removesuffix("\n").split(",")
        if line.endswith("\n") and len(fields) == 3 and all(map(_is_number, fields)):
            rows.append(FrameRow(*map(int, fields)))
    return rows


def column(lines: Sequence[str], name: str) -> list[str]:
    """The values of a column of whole numbers; empty when there is no such column."""
    try:
        column = lines[0].split(",").index(name)
        values = [line.split(",")[column] for line in lines[1:]]
    except (ValueError, IndexError):
        return []
    return values if all(map(_is_number, values)) else []


def _is_number(field: str) -> bool:
    return len(field) <= MOST_DIGITS and field.isascii() and field.isdigit()
