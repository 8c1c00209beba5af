"""Where things lie on the logging disk. Pure: one place that makes and reads paths and names.

::

    {logging}/{node}/{uuid}/seg_NNNN.mp4          a segment
    {logging}/{node}/{uuid}/seg_NNNN.frames.csv   its frame times
    {logging}/{node}/{uuid}/seg_NNNN.takeK.mp4    an earlier one, in whose place another came
    {logging}/{node}/{uuid}/.takes/               a second name of every segment that was seen
    {logging}/{node}/{uuid}/*.csv|*.json          other sidecars
    {logging}/phone/{uuid}/...                    uploads

Names that start with a dot or ``_tmp_`` are not there yet. ``seg_NNNN.take2-3.mp4`` is the third
file of that name in the camera's second take; sidecars are named likewise.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ctlr.kernel.ids import RESERVED_NODE_NAMES

TAKES_FOLDER = ".takes"
PRESERVED_FOLDER = ".ctlr-preserved"
"""With an empty file for each session that is asked to be kept."""
RESERVED_FOLDERS = (*sorted(RESERVED_NODE_NAMES), PRESERVED_FOLDER)
"""At the top of the disk, and the controller's alone."""
_SEGMENT = re.compile(r"seg_([0-9]{4,9})\.mp4")
_FRAMES = re.compile(r"seg_([0-9]{4,9})\.frames\.csv")
_KEPT = re.compile(r"([^.]+)\.take([1-9][0-9]{0,5})(?:-([1-9][0-9]{0,5}))?(\..*|)")
_DELIVERED = re.compile(_SEGMENT.pattern + r"|[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.(?:csv|json)")
_STRAY = re.compile(r"(?:.*[^a-z0-9])?seg[_ -]?([0-9]{1,9})(?![0-9])(.*)", re.IGNORECASE)
_OF_A_VIDEO = re.compile(
    r"$|.*[. _()-](?:mp4|m4v|mov|3gp|mkv|ts|avi|h26[45]|26[45]|hevc|part|partial|filepart"
    r"|crdownload|tmp|bak|old)(?![a-z0-9])",
    re.IGNORECASE,
)


def segment_name(number: int) -> str:
    return f"seg_{number:04d}.mp4"


def frames_name(number: int) -> str:
    return f"seg_{number:04d}.frames.csv"


def parse_segment_name(name: str) -> int | None:
    """The number of a segment's file name, or None. ``seg_10000.mp4`` follows ``seg_9999.mp4``."""
    match = _SEGMENT.fullmatch(name)
    return int(match[1]) if match else None


def parse_stray_segment(name: str) -> int | None:
    """The number of the segment that a file plainly is under a name that is not quite right, such
    as one in capitals, with "(1)" in it or with ``.part`` at its end; None for any other."""
    kept = _KEPT.fullmatch(name)
    name = kept[1] + kept[4] if kept else name
    match = _STRAY.fullmatch(name)
    if match is None or re.search(r"\.(?:csv|json)", match[2], re.IGNORECASE):
        return None
    return int(match[1]) if _OF_A_VIDEO.match(match[2]) else None


def parse_frames_name(name: str) -> int | None:
    """The number of the segment that a frame-time sidecar belongs to, or None."""
    match = _FRAMES.fullmatch(name)
    return int(match[1]) if match else None


def is_delivered_name(name: str) -> bool:
    """Whether a file in a node's session folder is one that a camera delivers."""
    return _DELIVERED.fullmatch(name) is not None and parse_kept_name(name) is None


class KeptName(NamedTuple):
    """What the name of an earlier file says: the ``plain`` name that it came under, in which of
    the camera's takes, and which file of that name it was in there. Both count from 1."""

    plain: str
    take: int
    version: int


def kept_name(plain: str, take: int, version: int = 1) -> str:
    """The name under which a segment, or its frame times, is kept once another has come."""
    stem, dot, ending = plain.partition(".")
    again = f"-{version}" if version > 1 else ""
    return f"{stem}.take{take}{again}{dot}{ending}"


def parse_kept_name(name: str) -> KeptName | None:
    """The parts of a kept file's name; None where it is another."""
    match = _KEPT.fullmatch(name)
    if match is None or not _is_held(plain := match[1] + match[4]):
        return None
    return KeptName(plain, int(match[2]), int(match[3] or 1))


def held_name(name: str) -> str | None:
    """The name under which a file came that is held, so that no other can replace it; None for any
    other file. Frame times are held as segments are, and a segment under whatever name."""
    kept = parse_kept_name(name)
    if kept:
        return kept.plain
    return name if _is_held(name) else None


def plain_name(name: str) -> str | None:
    """The name that a segment or its frame times came under, or None for any other file."""
    held = held_name(name)
    return held if held and _is_plain(held) else None


def _is_plain(name: str) -> bool:
    return bool(_SEGMENT.fullmatch(name) or _FRAMES.fullmatch(name))


def _is_held(name: str) -> bool:
    hidden = name.startswith((".", "_tmp_"))
    return not hidden and (_is_plain(name) or parse_stray_segment(name) is not None)


def frames_name_of(segment: str) -> str:
    """The name of the frame times beside a segment's file, an earlier take's likewise."""
    return segment.removesuffix(".mp4") + ".frames.csv"


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
