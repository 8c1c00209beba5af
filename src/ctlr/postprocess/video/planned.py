"""What a run will make of one camera's segments, decided from facts alone. Pure.

``inputs`` is a fingerprint of what was found, ``told`` of what the session record says: a later
run compares both to tell whether the video has to be made again.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from ctlr.kernel.clock import iso_from_ms
from ctlr.kernel.hashing import new_hash
from ctlr.layout.raw import held_name
from ctlr.layout.session import frames_file, video_file
from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.manifest.problem import Problem
from ctlr.postprocess.video.dropped import dropped_frames
from ctlr.postprocess.video.facts import NodeFiles, Readability, SegmentFacts
from ctlr.postprocess.video.marks import PlacedMark, chapter_problems, place_marks
from ctlr.postprocess.video.placing import place
from ctlr.postprocess.video.span import expected_span
from ctlr.postprocess.video.stills import PlacedStill, stills_of
from ctlr.postprocess.video.strays import choose, name_strays
from ctlr.postprocess.video.timeline import Gap, Part
from ctlr.sessions.model import Session, SessionNode

CLOCK_DOUBT_US = 3600 * 1_000_000
"""How far outside of the session a camera's clock may put a segment before that is reported."""


@dataclass(frozen=True, slots=True)
class RawState:
    """What a camera's video would be made of, as far as names and sizes tell: ``names`` of all
    segments that lie there, usable or not, and ``sizes`` by the name that each came under;
    fingerprints of what was found (``inputs``) and of what the session record says (``told``, empty
    where there is none)."""

    names: frozenset[str]
    inputs: str
    told: str
    sizes: Mapping[str, frozenset[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """One camera's video: its files, what is missing in it, and its inputs' fingerprint."""

    node: str
    parts: tuple[Part, ...]
    gaps: tuple[Gap, ...]
    problems: tuple[Problem, ...]
    frame_times: bool
    bytes: int
    raw: RawState
    dropped: tuple[int | None, ...] = ()  # frames by part; None where nothing tells
    harmed: Mapping[str, int] = field(default_factory=dict)
    """Of segments that are not whole: how many bytes at most can be read of them."""
    stills: tuple[tuple[PlacedStill, ...], ...] = ()  # by part
    marks: tuple[PlacedMark, ...] = ()
    after_stop: tuple[str, ...] = ()  # segments that are no part of the session
    cut: tuple[str, int] | None = None  # the one that the stop falls into, and its ticks before
    error: str = ""  # why nothing is made of it, where it is not that nothing is readable

    def file(self, part: int) -> str:
        return video_file(self.node, part)

    def frames_file(self, part: int) -> str:
        return frames_file(self.node, part)

    @property
    def frames(self) -> int:
        return sum(part.frames for part in self.parts)


def plan_video(
    files: NodeFiles, segments: Sequence[SegmentFacts], facts: Session | None
) -> PlannedVideo:
    """Decide what to make of one camera's segments, given what the session record says."""
    known = (facts.node(files.node) if facts else None) or SessionNode(files.node)
    span = expected_span(facts, files.node)
    choice = choose(segments)
    segments = choice.segments
    timeline = place(segments, known.segments_total, span)
    samples = facts.clocks.get(files.node) if facts else None
    clock = ClockTrack(samples) if samples else None
    marks = place_marks(facts.marks if facts else (), timeline.parts, clock, span.told_us)
    chapters = chapter_problems(marks, timeline.parts)
    gaps_after = {gap.after_segment for gap in timeline.gaps}
    dropped = tuple(dropped_frames(part, gaps_after) for part in timeline.parts)
    stills = tuple(stills_of(part, gaps_after) for part in timeline.parts)
    return PlannedVideo(
        node=files.node,
        parts=timeline.parts,
        gaps=timeline.gaps,
        problems=(
            *timeline.problems,
            *_foreign(segments, facts, timeline.after_stop),
            *_frames_dropped(sum(filter(None, dropped))),
            *_frames_late([s for of_part in stills for s in of_part if s.dropped == 0]),
            *chapters,
            *choice.problems,
            *map(_lost, known.lost),
            *name_strays(files.strays),
        ),
        frame_times=any(f.captured for f in segments),
        bytes=sum(placed.facts.size for part in timeline.parts for placed in part.segments),
        raw=raw_state(files, facts),
        dropped=dropped,
        harmed=_harmed(segments),
        stills=stills,
        marks=marks,
        after_stop=timeline.after_stop,
        cut=timeline.cut,
    )


def unplanned_video(files: NodeFiles, facts: Session | None, error: str) -> PlannedVideo:
    """Of a camera whose segments nobody understands: it failed, and the others are made."""
    return PlannedVideo(
        node=files.node,
        parts=(),
        gaps=(),
        problems=(Problem("not_understood", f"{error}."),),
        frame_times=False,
        bytes=0,
        raw=raw_state(files, facts),
        error=error,
    )


def _lost(name: str) -> Problem:
    text = (
        f"{name} was held and read back before; another file has its name now, and what it held is "
        "nowhere on the logging drive. The video has what lies there."
    )
    return Problem("segment_lost", text, name)


def _foreign(
    segments: Sequence[SegmentFacts], facts: Session | None, left: Container[str]
) -> list[Problem]:
    """Segments whose own time lies far outside of the session: of another one, perhaps.

    Many cameras write when a file was made in local time, or have a clock that was never set. Where
    most segments say so, that is their clock and no reason to doubt them; those that don't agree with
    the others are.
    """
    if facts is None or facts.start_at_ms is None or facts.stopped_at_ms is None:
        return []
    first = facts.start_at_ms * 1000 - CLOCK_DOUBT_US
    last = facts.stopped_at_ms * 1000 + CLOCK_DOUBT_US
    segments = [found for found in segments if found.name not in left]
    captured = [(f.captured.first_us, f) for f in segments if f.captured]
    made = [(f.created_at_s * 1_000_000, f) for f in segments if not f.captured and f.created_at_s]
    outside = [f for at_us, f in made if not first <= at_us <= last]
    notes = []
    if 2 * len(outside) > len(made):
        usual = sorted(at_us for at_us, _ in made)[len(made) // 2]
        outside = [f for at_us, f in made if abs(at_us - usual) > last - first]
        notes.append(_other_clock(usual // 1000))
    outside += [f for at_us, f in captured if not first <= at_us <= last]
    return [*notes, *map(_other_time, outside)]


def _other_clock(at_ms: int) -> Problem:
    text = (
        f"Its files say that they were made at {iso_from_ms(at_ms)}, outside of the session: its clock "
        "tells local time or was never set. These times were not used."
    )
    return Problem("other_clock", text, harms=False)


def _other_time(found: SegmentFacts) -> Problem:
    text = (
        f"{found.name} says that it was recorded long before or after this session: it belongs "
        "to another one, or the camera's clock was wrong. It was joined where it lay."
    )
    return Problem("other_time", text, found.name)


def _frames_dropped(count: int) -> list[Problem]:
    if not count:
        return []
    text = f"The camera dropped {count} of its frames; their places on the timeline stay empty."
    return [Problem("frames_dropped", text, harms=False)]


def _frames_late(stills: Sequence[PlacedStill]) -> list[Problem]:
    if not stills:
        return []
    longest_ms = max(still.length_us for still in stills) / 1000
    text = (
        f"The camera took {len(stills)} of its frames late: the frame before stands for up to "
        f"{longest_ms:.0f} ms. Where, stands in stills."
    )
    return [Problem("frames_late", text, harms=False)]


def _harmed(segments: Sequence[SegmentFacts]) -> dict[str, int]:
    return {
        found.name: found.size if found.usable else 0
        for found in segments
        if found.readability is not Readability.WHOLE
    }


def raw_state(files: NodeFiles, facts: Session | None) -> RawState:
    """What is known of a camera's raw data without opening it."""
    sizes: dict[str, frozenset[int]] = {}
    for file in (*files.segments, *files.stray_segments):
        came_as = held_name(file.path) or file.path
        sizes[came_as] = sizes.get(came_as, frozenset()) | {file.size}
    return RawState(files.names, node_inputs(files), node_told(facts, files.node), sizes)


def node_told(facts: Session | None, node: str) -> str:
    """What the session record says that a camera's timeline depends on."""
    if facts is None:
        return ""
    known = facts.node(node) or SessionNode(node)
    more = "".join(f", take {start.take} at {start.at_ms}" for start in known.starts)
    more += "".join(f", lost {name}" for name in known.lost)
    if known.stopped_at_ms is not None:
        more += f", stopped {known.stopped_at_ms}"
    return (
        f"segments {known.segments_total}, start {known.start_at_ms or facts.start_at_ms}, "
        f"session {facts.start_at_ms} to {facts.stop_requested_at_ms or facts.stopped_at_ms}{more}"
    )


def node_inputs(files: NodeFiles) -> str:
    """xxh128 over names, sizes and times of a camera's files; equal means nothing has changed."""
    digest = new_hash()
    for file in (*files.segments, *files.frame_files, *files.stray_segments):
        take = f"\0{file.take}-{file.version}" if (file.take, file.version) != (1, 1) else ""
        digest.update(f"{file.path}\0{file.size}\0{file.mtime_ns}{take}\n".encode())
    return digest.hexdigest()
