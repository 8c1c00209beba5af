"""What a run will do, decided from facts alone. Pure: ``--dry-run`` prints exactly this.

A plan names every output file with its inputs, everything that is missing or odd, and whether
the session will be complete. ``inputs`` is a fingerprint of what was found: a later run compares
it to tell what has changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import xxhash

from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.manifest.portable import portable_paths
from ctlr.postprocess.video.dropped import dropped_frames
from ctlr.postprocess.video.facts import NodeFiles, SegmentFacts, SessionFiles
from ctlr.postprocess.video.marks import PlacedMark, chapter_problems, place_marks
from ctlr.postprocess.video.placing import place
from ctlr.postprocess.video.span import expected_span
from ctlr.postprocess.video.timeline import Gap, Part, Problem
from ctlr.sessions.model import Mark, Session, SessionNode

if TYPE_CHECKING:  # a controller plans nothing, and does without numpy
    from ctlr.postprocess.can.runs import CanRows

CAN_MARGIN_MS = 120_000
MAX_PARTS = 100
CLOCK_DOUBT_US = 3600 * 1_000_000
"""How far outside of the session a camera's clock may put a segment before that is reported."""


def video_file(node: str, part: int) -> str:
    """Name of a camera's first, second, ... file."""
    return f"{node}.mp4" if part == 0 else f"{node}.part{part + 1}.mp4"


def frames_file(node: str, part: int) -> str:
    """Name of the frame times beside a camera's first, second, ... file."""
    return video_file(node, part).removesuffix(".mp4") + ".frames.csv"


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """One camera's video: its files, what is missing in it, and its inputs' fingerprint."""

    node: str
    parts: tuple[Part, ...]
    gaps: tuple[Gap, ...]
    problems: tuple[Problem, ...]
    frame_times: bool
    bytes: int
    names: frozenset[str]  # of all segments that lie there, usable or not
    inputs: str
    told: str  # what the session record says of this camera; empty where there is none
    dropped: tuple[int | None, ...] = ()  # frames by part; None where nothing tells
    marks: tuple[PlacedMark, ...] = ()

    def file(self, part: int) -> str:
        return video_file(self.node, part)

    def frames_file(self, part: int) -> str:
        return frames_file(self.node, part)

    @property
    def frames(self) -> int:
        return sum(part.frames for part in self.parts)


@dataclass(frozen=True, slots=True)
class PlannedCopy:
    """A file carried over as it is: ``source`` below the logging disk, ``target`` in the folder."""

    source: str
    target: str
    size: int
    mtime_ns: int

    @property
    def inputs(self) -> str:
        return f"{self.size}-{self.mtime_ns}"


@dataclass(frozen=True, slots=True)
class CanCut:
    """Rows of the CAN recording between two instants (Unix milliseconds, inclusive).

    ``found`` is where they are; None where that has not been looked for, or nothing can be read.
    """

    first_ms: int
    last_ms: int
    found: "CanRows | None" = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run will do, and what it will have to say."""

    uuid: str
    folder: str
    started_at: int | None
    stopped_at: int | None
    videos: tuple[PlannedVideo, ...]
    copies: tuple[PlannedCopy, ...]
    can: CanCut | None
    missing: tuple[tuple[str, str], ...]  # node, why
    problems: tuple[Problem, ...]
    marks: tuple[Mark, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything that was meant to be recorded is in the result."""
        harmed = any(p.harms for v in self.videos for p in v.problems)
        gaps = any(v.gaps for v in self.videos)
        return not (self.missing or gaps or harmed or any(p.harms for p in self.problems))

    @property
    def bytes(self) -> int:
        return sum(v.bytes for v in self.videos) + sum(c.size for c in self.copies)


def make_plan(
    files: SessionFiles,
    segments: Mapping[str, Sequence[SegmentFacts]],
    folder: str,
    facts: Session | None,
) -> Plan:
    """Decide what to do with what was found.

    ``segments`` holds each node's examined segments; ``facts`` is what the session record says,
    None for a session that only the disk knows.
    """
    videos = tuple(
        _plan_video(node, segments[node.node], facts) for node in files.nodes if node.segments
    )
    started, stopped = _instants(facts, videos)
    return Plan(
        uuid=files.uuid,
        folder=folder,
        started_at=started,
        stopped_at=stopped,
        videos=videos,
        copies=tuple(plan_copies(files)),
        can=plan_can(files, started, stopped),
        missing=tuple(missing_nodes(files, facts)),
        problems=tuple(_session_problems(files, videos)),
        marks=facts.marks if facts else (),
    )


def _plan_video(
    files: NodeFiles, segments: Sequence[SegmentFacts], facts: Session | None
) -> PlannedVideo:
    known = (facts.node(files.node) if facts else None) or SessionNode(files.node)
    span = expected_span(facts, files.node)
    timeline = place(segments, known.segments_total, span)
    samples = facts.clocks.get(files.node) if facts else None
    clock = ClockTrack(samples) if samples else None
    marks = place_marks(facts.marks if facts else (), timeline.parts, clock, span.told_us)
    chapters = chapter_problems(marks, timeline.parts)
    gaps_after = {gap.after_segment for gap in timeline.gaps}
    dropped = tuple(dropped_frames(part, gaps_after) for part in timeline.parts)
    strays = [
        Problem("stray_file", f"{name} is neither a segment nor a sidecar.", name, harms=False)
        for name in files.strays
    ]
    return PlannedVideo(
        node=files.node,
        parts=timeline.parts,
        gaps=timeline.gaps,
        problems=(
            *timeline.problems,
            *_foreign(segments, facts),
            *_frames_dropped(sum(filter(None, dropped))),
            *chapters,
            *strays,
        ),
        frame_times=any(f.captured for f in segments),
        bytes=sum(f.size for f in segments if f.usable),
        names=frozenset(file.path for file in files.segments),
        inputs=node_inputs(files),
        told=node_told(facts, files.node),
        dropped=dropped,
        marks=marks,
    )


def _foreign(segments: Sequence[SegmentFacts], facts: Session | None) -> list[Problem]:
    """Segments whose own time lies far outside of the session: of another one, perhaps."""
    if facts is None or facts.start_at_ms is None or facts.stopped_at_ms is None:
        return []
    first = facts.start_at_ms * 1000 - CLOCK_DOUBT_US
    last = facts.stopped_at_ms * 1000 + CLOCK_DOUBT_US
    return [
        Problem(
            "other_time",
            f"{found.name} says that it was recorded long before or after this session: it belongs "
            "to another one, or the camera's clock was wrong. It was joined where it lay.",
            found.name,
        )
        for found in segments
        if (at_us := _own_time_us(found)) is not None and not first <= at_us <= last
    ]


def _frames_dropped(count: int) -> list[Problem]:
    if not count:
        return []
    text = f"The camera dropped {count} of its frames; their places on the timeline stay empty."
    return [Problem("frames_dropped", text, harms=False)]


def _own_time_us(found: SegmentFacts) -> int | None:
    if found.captured:
        return found.captured.first_us
    return found.created_at_s * 1_000_000 if found.created_at_s is not None else None


def node_told(facts: Session | None, node: str) -> str:
    """What the session record says that a camera's timeline depends on."""
    if facts is None:
        return ""
    known = facts.node(node) or SessionNode(node)
    return (
        f"segments {known.segments_total}, start {known.start_at_ms or facts.start_at_ms}, "
        f"session {facts.start_at_ms} to {facts.stop_requested_at_ms or facts.stopped_at_ms}"
    )


def node_inputs(files: NodeFiles) -> str:
    """xxh128 over names, sizes and times of a camera's files; equal means nothing has changed."""
    digest = xxhash.xxh3_128()
    for file in (*files.segments, *files.frame_files):
        digest.update(f"{file.path}\0{file.size}\0{file.mtime_ns}\n".encode())
    return digest.hexdigest()


def _instants(
    facts: Session | None, videos: Sequence[PlannedVideo]
) -> tuple[int | None, int | None]:
    """Start and stop: of the record, else of the first and last captured frame."""
    captured = [
        placed.facts.captured
        for video in videos
        for part in video.parts
        for placed in part.segments
        if placed.facts.captured
    ]
    first = min((c.first_us // 1000 for c in captured), default=None)
    last = max((c.last_us // 1000 for c in captured), default=None)
    started = facts.start_at_ms if facts and facts.start_at_ms is not None else first
    stopped = facts.stopped_at_ms if facts and facts.stopped_at_ms is not None else last
    return started, stopped


def plan_copies(files: SessionFiles) -> list[PlannedCopy]:
    """Uploads and sidecars with the names that they get, legal on any file system."""
    found = [(f"phone/{files.uuid}/{f.path}", f, f"phone/{f.path}") for f in files.phone]
    found += [(f"phone/{files.uuid}/{f.path}", f, f.path) for f in files.watch]
    for node in files.nodes:
        folder = f"{node.node}/{files.uuid}"
        found += [(f"{folder}/{f.path}", f, f"{node.node}.{f.path}") for f in node.sidecars]
    names = portable_paths((target for _, _, target in found), _own_names(files))
    return [PlannedCopy(source, names[to], f.size, f.mtime_ns) for source, f, to in found]


def _own_names(files: SessionFiles) -> list[str]:
    """What the session's own files may be called; nothing that was sent may take these names."""
    names = ["manifest.json", "can_raw.csv", "can_arrival.csv", "can.parquet", "can"]
    names += ["checksums.xxh128", "ascmhl"]
    for node in files.nodes:
        for part in range(MAX_PARTS):
            names += [video_file(node.node, part), frames_file(node.node, part)]
    return names


def plan_can(files: SessionFiles, started: int | None, stopped: int | None) -> CanCut | None:
    """The time of the session and two minutes more on either side, if there is a CAN recording."""
    if files.can is None or started is None or stopped is None:
        return None
    return CanCut(started - CAN_MARGIN_MS, stopped + CAN_MARGIN_MS)


def missing_nodes(files: SessionFiles, facts: Session | None) -> list[tuple[str, str]]:
    """Expected cameras that delivered nothing, and why as far as it is known."""
    delivered = {node.node for node in files.nodes if node.segments}
    expected = facts.nodes if facts else ()
    known = [
        (node.name, node.error or _silence(node)) for node in expected if node.name not in delivered
    ]
    names = {name for name, _ in known}
    empty = {node.node for node in files.nodes if not node.segments} - names
    return sorted(known + [(name, "its folder holds no segment") for name in empty])


def _silence(node: SessionNode) -> str:
    if node.started:
        return "it recorded, but no segment has arrived"
    return "it did not start"


def _session_problems(files: SessionFiles, videos: Sequence[PlannedVideo]) -> list[Problem]:
    problems = [
        Problem("stray_folder", f"{path} belongs to no camera name; its files were left out.", path)
        for path in files.strays
    ]
    if not videos and not (files.phone or files.watch):
        problems.append(Problem("nothing_recorded", "No camera and no phone delivered anything."))
    return problems
