"""Where things lie on the logging disk. Pure: one place that makes and reads paths and names.

::

    {logging}/{node}/{uuid}/seg_NNNN.mp4          a segment
    {logging}/{node}/{uuid}/seg_NNNN.frames.csv   its frame times
    {logging}/{node}/{uuid}/*.csv|*.json          other sidecars
    {logging}/phone/{uuid}/...                    uploads

Names that start with a dot or ``_tmp_`` are not there yet.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_SEGMENT = re.compile(r"seg_([0-9]{4,9})\.mp4")
_FRAMES = re.compile(r"seg_([0-9]{4,9})\.frames\.csv")
_DELIVERED = re.compile(_SEGMENT.pattern + r"|[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.(?:csv|json)")


def segment_name(number: int) -> str:
    return f"seg_{number:04d}.mp4"


def frames_name(number: int) -> str:
    return f"seg_{number:04d}.frames.csv"


def parse_segment_name(name: str) -> int | None:
    """The number of a segment's file name, or None. ``seg_10000.mp4`` follows ``seg_9999.mp4``."""
    match = _SEGMENT.fullmatch(name)
    return int(match[1]) if match else None


def parse_frames_name(name: str) -> int | None:
    """The number of the segment that a frame-time sidecar belongs to, or None."""
    match = _FRAMES.fullmatch(name)
    return int(match[1]) if match else None


def is_delivered_name(name: str) -> bool:
    """Whether a file in a node's session folder is one that a camera delivers."""
    return _DELIVERED.fullmatch(name) is not None


@dataclass(frozen=True)
class LoggingLayout:
    """Paths below the logging mount."""

    root: Path

    def node_session(self, node: str, uuid: str) -> Path:
        return self.root / node / uuid

    def phone_session(self, uuid: str) -> Path:
        return self.root / "phone" / uuid

    def can_folder(self) -> Path:
        return self.root / "can"

    def can_raw(self) -> Path:
        return self.can_folder() / "raw.csv"


def next_segment(names: Iterable[str]) -> int:
    """The lowest number above those of all segments of which a file is among ``names``."""
    numbers = (
        parse_frames_name(name) if (number := parse_segment_name(name)) is None else number
        for name in names
    )
    return max((number + 1 for number in numbers if number is not None), default=0)
