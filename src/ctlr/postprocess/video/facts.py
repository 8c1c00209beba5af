"""What was found on the logging disk for a session, as values. Pure.

``scan`` and ``examine`` fill these in; ``timeline`` and ``plan`` decide on nothing else.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Readability(StrEnum):
    """How much of a segment can be used."""

    WHOLE = "whole"
    CUT = "cut"
    EMPTY = "empty"
    DAMAGED = "damaged"


class Still(NamedTuple):
    """``after_us`` is counted from the segment's first frame; ``dropped`` is None where the frames
    have no numbers."""

    after_us: int
    length_us: int
    dropped: int | None = None


@dataclass(frozen=True, slots=True)
class CaptureTimes:
    """A segment's frame-time sidecar in short: rows, and the first and last capture instant.

    ``numbers`` are those of the first and last frame: slots of the camera's rate since its start.
    """

    rows: int
    first_us: int
    last_us: int
    numbers: tuple[int, int] | None = None
    stills: tuple[Still, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """One segment file.

    The second group is there if ``readability`` is ``WHOLE`` or ``CUT``: times are ticks of the
    reference track's ``timescale``. ``first_ticks`` is when its first frame is shown in its own
    presentation, ``first_slack_ticks`` how far that may be rounded; ``declared_ticks`` is the
    length that its index claims (0 where it does not say). ``take`` and ``version`` are those of
    ``FoundFile``; ``after_stop_ticks`` is how much of its end lies after the session's stop, and
    is not counted in the others.
    """

    name: str
    number: int
    size: int
    mtime_ns: int
    readability: Readability
    reason: str = ""

    signature: bytes = b""
    timescale: int = 1
    first_ticks: int = 0
    first_slack_ticks: int = 0
    duration_ticks: int = 0
    declared_ticks: int = 0
    frames: int = 0
    starts_with_keyframe: bool = True
    obstacle: str | None = None
    codec: str = ""
    width: int = 0
    height: int = 0
    created_at_s: int | None = None
    captured: CaptureTimes | None = None
    shown_stills: tuple[Still, ...] = ()
    take: int = 1
    version: int = 1
    after_stop_ticks: int = 0

    @property
    def stills(self) -> tuple[Still, ...]:
        """Where its picture stands still: by its frame times, else by the video's own."""
        return self.captured.stills if self.captured else self.shown_stills

    @property
    def usable(self) -> bool:
        return self.readability in {Readability.WHOLE, Readability.CUT}

    @property
    def duration_us(self) -> int:
        return self.duration_ticks * 1_000_000 // self.timescale

    @property
    def first_us(self) -> int:
        return self.first_ticks * 1_000_000 // self.timescale


class FoundFile(NamedTuple):
    """A file to be carried over: path below its own folder, size and modification time; of a
    segment also in which of the camera's takes it came, and which of its name it was in there."""

    path: str
    size: int
    mtime_ns: int
    take: int = 1
    version: int = 1


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """What lies in ``{logging}/{node}/{uuid}/``, by name; nothing has been opened yet."""

    node: str
    segments: tuple[FoundFile, ...] = ()
    frame_files: tuple[FoundFile, ...] = ()
    sidecars: tuple[FoundFile, ...] = ()
    strays: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionFiles:
    """Everything that lies on the logging disk for one session."""

    uuid: str
    nodes: tuple[NodeFiles, ...] = ()
    phone: tuple[FoundFile, ...] = ()
    watch: tuple[FoundFile, ...] = ()
    can: FoundFile | None = None
    strays: tuple[str, ...] = ()
