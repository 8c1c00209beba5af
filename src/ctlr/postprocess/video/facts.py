"""What was found on the logging disk for a session, as values. Pure.

``scan`` and ``examine`` fill these in; ``timeline`` and ``plan`` decide on nothing else.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from ctlr.layout.raw import frames_name, frames_name_of


def times_name(segment: str, number: int, *, stray: bool) -> str:
    """The name of the frame times beside a segment's file; a stray has those of its number."""
    return frames_name(number) if stray else frames_name_of(segment)


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
    length that its index claims (0 where it does not say). ``signature`` is what its picture has to
    have in common with that of a neighbour to go into one file, ``sound`` that of its sound tracks.
    ``lost`` are its tracks that cannot be read, in words, ``lost_samples`` whether they hold any;
    ``sides`` are the kinds of its tracks that are neither picture nor sound; ``sizes`` the picture's
    sizes where it has several; ``hidden_ticks`` are hidden by its edit list;
    ``blank`` says which of its frames are none, ``doubt`` why its index may be wrong; ``longest_ticks``
    is how long a frame is shown at most, ``otherwise_s`` how long it is by what else of it tells that;
    ``stray`` says that its name is not quite right. ``take`` and ``version`` are those of ``FoundFile``;
    ``after_stop_ticks`` is how much of its end lies after the session's stop, and is not counted in the
    others. ``unshown`` frames of that are there for the decoder alone.
    """

    name: str
    number: int
    size: int
    mtime_ns: int
    readability: Readability
    reason: str = ""

    signature: bytes = b""
    sound: bytes = b""
    timescale: int = 1
    first_ticks: int = 0
    first_slack_ticks: int = 0
    duration_ticks: int = 0
    declared_ticks: int = 0
    frames: int = 0
    starts_with_keyframe: bool = True
    obstacle: str | None = None
    lost: tuple[str, ...] = ()
    lost_samples: bool = False
    sides: tuple[str, ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()
    hidden_ticks: int = 0
    blank: str = ""
    doubt: str = ""
    longest_ticks: int = 0
    otherwise_s: tuple[Fraction, ...] = ()
    stray: bool = False
    codec: str = ""
    width: int = 0
    height: int = 0
    created_at_s: int | None = None
    captured: CaptureTimes | None = None
    shown_stills: tuple[Still, ...] = ()
    take: int = 1
    version: int = 1
    after_stop_ticks: int = 0
    unshown: int = 0

    @property
    def stills(self) -> tuple[Still, ...]:
        """Where its picture stands still: by its frame times, else by the video's own."""
        return self.captured.stills if self.captured else self.shown_stills

    @property
    def usable(self) -> bool:
        return self.readability in {Readability.WHOLE, Readability.CUT}

    def continues(self, before: "SegmentFacts") -> bool:
        """Whether it can follow another in one file: a segment without sound fits to any."""
        sound = {self.sound, before.sound} - {b""}
        return self.signature == before.signature and len(sound) < 2

    @property
    def duration_us(self) -> int:
        return self.duration_ticks * 1_000_000 // self.timescale


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
    """What lies in ``{logging}/{node}/{uuid}/``, by name; nothing has been opened yet.

    ``stray_segments`` plainly are segments under other names; ``strays`` are names of what is left,
    as they can be written.
    """

    node: str
    segments: tuple[FoundFile, ...] = ()
    frame_files: tuple[FoundFile, ...] = ()
    sidecars: tuple[FoundFile, ...] = ()
    strays: tuple[str, ...] = ()
    stray_segments: tuple[FoundFile, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Of everything that may be made a video of."""
        return frozenset(file.path for file in (*self.segments, *self.stray_segments))


@dataclass(frozen=True, slots=True)
class SessionFiles:
    """Everything that lies on the logging disk for one session."""

    uuid: str
    nodes: tuple[NodeFiles, ...] = ()
    phone: tuple[FoundFile, ...] = ()
    watch: tuple[FoundFile, ...] = ()
    can: FoundFile | None = None
    strays: tuple[str, ...] = ()
