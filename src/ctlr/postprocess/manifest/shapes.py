"""``manifest.json``: what a session folder says about itself. Pure.

The shapes here are the committed JSON Schema (``docs/reference/manifest.schema.json``). The keys
of the first manifests (``uuid`` to ``sources``, ``file``, ``segments``, ``size_mb``, ``files``)
keep their meaning; readers ignore what they don't know. ``document`` reads and writes them: there,
what is for the next run (``inputs``, ``told``, ``measured``) stands under one key at the end.
"""

from typing import Literal

from pydantic import Field, SerializeAsAny

from ctlr.postprocess.manifest.alignment import TruthEntry
from ctlr.postprocess.manifest.can import CanSource
from ctlr.postprocess.manifest.inside import Inside
from ctlr.postprocess.manifest.shape import Shape
from ctlr.postprocess.manifest.sync import ClockEntry, MarkEntry, SyncSection
from ctlr.postprocess.manifest.tables import TableEntry

MANIFEST_VERSION = 1


class ChunkEntry(Shape):
    """Bytes ``offset`` to ``offset + length`` of the video are this segment's media, as sent;
    ``source_bytes`` is how large the segment's file was."""

    segment: str
    offset: int
    length: int
    xxh128: str
    source_bytes: int | None = None


class IndexEntry(Shape):
    """The ``moov`` box of the video."""

    offset: int
    length: int
    xxh128: str


class GapEntry(Shape):
    """A hole in a video: it shows the frame before for ``expected_ms`` longer. It begins ``offset_s``
    into the camera's first file (``part`` 1), or into a further one; null where nothing tells."""

    after_segment: str | None
    expected_ms: int
    reason: str
    segments: tuple[str, ...] = ()
    estimated: bool = False
    offset_s: float | None = None
    part: int | None = None


class StillEntry(Shape):
    """Where a video's picture stands still for more than one and a half frames: ``offset_s`` into it,
    for ``length_ms``. ``dropped`` frames are missing there; none: the next one was late."""

    offset_s: float
    taken_at_us: int | None = None
    length_ms: float
    dropped: int | None = None


class ProblemEntry(Shape):
    code: str
    text: str
    segment: str | None = None
    harms: bool = True


class VideoFile(Shape):
    """One video file. ``chunks`` tell of a spliced one which segments it holds, ``made_of`` of a
    remuxed one."""

    file: Inside
    segments: int
    size_mb: float
    bytes: int
    frames: int
    dropped: int | None = None
    stills: tuple[StillEntry, ...] = ()
    duration_s: float
    codec: str
    width: int
    height: int
    fps: float
    first_frame_at_us: int | None = None
    frames_file: Inside | None = None
    method: Literal["splice", "remux"] = "splice"
    chunks: tuple[ChunkEntry, ...] = ()
    made_of: tuple[str, ...] = ()
    index: IndexEntry | None = None
    xxh128: str | None = None


class VideoPart(VideoFile):
    """A further file of a camera whose parameters changed; ``starts_at_s`` after the first."""

    starts_at_s: float


class VideoSource(VideoFile):
    """A camera. ``segments`` to ``xxh128`` are of ``file``; ``parts`` are its further files;
    ``after_stop`` names segments that were recorded after the session and are in none of them."""

    gaps: tuple[GapEntry, ...] = ()
    problems: tuple[ProblemEntry, ...] = ()
    parts: tuple[VideoPart, ...] = ()
    after_stop: tuple[str, ...] = ()
    inputs: str
    told: str = ""

    @property
    def videos(self) -> tuple[VideoFile, ...]:
        """Its first file and its further ones."""
        return (self, *self.parts)

    @property
    def file_names(self) -> set[str]:
        """Its videos and their frame times."""
        return {n for video in self.videos for n in (video.file, video.frames_file) if n}


class FilesSource(Shape):
    """``phone`` or ``watch``: names below the folder of that name, and what is in those of them
    that are tables."""

    files: tuple[Inside, ...]
    tables: tuple[TableEntry, ...] = ()


class FailedSource(Shape):
    """A source that was expected and has nothing to show."""

    error: str
    gaps: tuple[GapEntry, ...] = ()
    problems: tuple[ProblemEntry, ...] = ()
    after_stop: tuple[str, ...] = ()
    inputs: str | None = None
    told: str = ""


Source = VideoSource | FilesSource | CanSource | FailedSource


class FileEntry(Shape):
    """A file of the folder; ``inputs`` tells a later run whether it has to be made again."""

    path: Inside
    bytes: int
    xxh128: str | None
    inputs: str


class Summary(Shape):
    """The session in words, for people; everything in it follows from the keys below it."""

    recorded: str
    whole: str
    step: str
    proof: str
    sources: dict[str, str] = {}


class Manifest(Shape):
    """A session folder. Times ``*_at`` are Unix milliseconds; ``processed_at``, and ``start_time`` and
    ``end_time``, which repeat ``started_at`` and ``stopped_at``, are ISO 8601 in UTC.

    ``measured`` is the fingerprint of what ``sync``, ``clock`` and ``marks`` follow from;
    ``damaged`` are paths of files that proved other than they were written, ``damaged_at`` when;
    ``label``, ``notes`` and ``verdict`` are what people say of it, also after it was made;
    ``unread`` are files that a camera or the phone sent and that could not be read, by path, with what
    they would have been made of;
    ``raw_deleted_at`` is when retention deleted the raw data that all this was made of;
    ``replaces`` is the xxh128 of the manifest that stood there before, null for the first.
    """

    summary: Summary | None = None
    manifest_version: int = MANIFEST_VERSION
    uuid: str
    folder: str
    revision: int = 1
    started_at: int | None
    stopped_at: int | None
    start_time: str | None = None
    end_time: str | None = None
    processed_at: str
    verified_at: int | None = None
    damaged_at: int | None = None
    damaged: tuple[Inside, ...] = ()
    raw_deleted_at: int | None = None
    complete: bool = True
    missing: tuple[str, ...] = ()
    label: str | None = None
    notes: str | None = None
    verdict: Literal["good", "bad"] | None = None
    sources: dict[str, SerializeAsAny[Source]] = Field(default_factory=dict)
    problems: tuple[ProblemEntry, ...] = ()
    sync: SyncSection = SyncSection()
    clock: dict[str, ClockEntry] = Field(default_factory=dict)
    marks: tuple[MarkEntry, ...] = ()
    truth: tuple[TruthEntry, ...] = ()
    measured: str = ""
    unread: dict[str, str] = Field(default_factory=dict)
    files: tuple[FileEntry, ...] = ()
    replaces: str | None = None

    def file(self, path: str) -> FileEntry | None:
        return next((entry for entry in self.files if entry.path == path), None)
