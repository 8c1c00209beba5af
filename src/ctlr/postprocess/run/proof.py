"""What a session's manifest says of clocks, step and marks: its record and frame times, put together.

``certificate``, ``frame_distance`` and ``marks`` know how; here the joined ``frames.csv`` are found
and read. It sits between the last segment and the manifest, so whoever followed the recording has
compared most of it before. A run without the session's record (another computer, a lost database)
keeps what an earlier one has proved, as long as the videos are still those.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ctlr.kernel.hashing import hash_bytes
from ctlr.postprocess.clocks.camera_facts import CameraFacts
from ctlr.postprocess.clocks.certificate import clock_section, sync_section
from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.clocks.frame_distance import Comparison, TimedFrames, compare
from ctlr.postprocess.manifest.shapes import Manifest, Source, VideoSource
from ctlr.postprocess.manifest.sync import MarkEntry, SyncSection
from ctlr.postprocess.run.plan import Plan
from ctlr.sessions.model import Session

NO_RECORD = (
    "Whether the cameras were in step is not known: the record of this session, "
    "which holds how far their clocks were off, was not at hand."
)

FindFile = Callable[[str], Path]
"""Where a file of the session's folder lies now, by its name."""

Compare = Callable[[Mapping[str, TimedFrames]], Comparison]
"""Compares frame times; ``frame_distance.compare``, or one that was begun ahead."""


def fingerprint(facts: Session | None, tolerance_ms: float | None) -> str:
    """Differs whenever the record would say something else of clocks, step or marks."""
    if facts is None:
        return ""
    starts = [(node.name, node.start_at_ms) for node in facts.nodes]
    told = repr((facts.clocks, facts.marks, facts.start_at_ms, starts, tolerance_ms))
    return hash_bytes(told.encode())


def prove(
    plan: Plan,
    sources: Mapping[str, Source],
    facts: Session | None,
    previous: Manifest | None,
    find: FindFile,
    tolerance_ms: float | None,
    compare_frames: Compare = compare,
) -> dict[str, Any]:
    """The manifest's keys ``sync``, ``clock``, ``marks`` and ``measured``."""
    videos = {node: s for node, s in sources.items() if isinstance(s, VideoSource)}
    if facts is None:
        return _as_before(videos, previous)
    return {
        "sync": _sync(videos, facts, find, tolerance_ms, compare_frames, _doubles(plan)),
        "clock": clock_section(facts.clocks),
        "marks": _marks(plan, videos, previous),
        "measured": fingerprint(facts, tolerance_ms),
    }


def _as_before(videos: Mapping[str, VideoSource], previous: Manifest | None) -> dict[str, Any]:
    if previous is None or not previous.measured:
        return {"sync": SyncSection(text=NO_RECORD)}
    same = {n: s for n, s in previous.sources.items() if isinstance(s, VideoSource)} == videos
    return {
        "sync": previous.sync if same else SyncSection(text=NO_RECORD),
        "clock": previous.clock,
        "marks": previous.marks,
        "measured": previous.measured,
    }


def _sync(
    videos: Mapping[str, VideoSource],
    facts: Session,
    find: FindFile,
    tolerance_ms: float | None,
    compare_frames: Compare,
    doubles: Mapping[str, str],
) -> SyncSection:
    cameras = {
        node: replace(_camera(node, source, facts), problem=doubles.get(node))
        for node, source in videos.items()
    }
    read = {
        node: TimedFrames(
            [find(v.frames_file) for v in videos[node].videos if v.frames_file], clock
        )
        for node, camera in cameras.items()
        if (clock := camera.clock) and camera.unknown_because is None
    }
    try:
        comparison = compare_frames(read)
    except (OSError, ValueError) as error:
        text = f"Whether the cameras were in step is not known: {error}."
        return SyncSection(text=text)
    read = comparison.cameras
    cameras |= {node: _after_reading(cameras[node], frames) for node, frames in read.items()}
    distances = {
        pair: found
        for pair, found in comparison.found.items()
        if all(cameras[node].unknown_because is None for node in pair)
    }
    return sync_section(facts.start_at_ms, cameras, distances, tolerance_ms)


def _doubles(plan: Plan) -> dict[str, str]:
    """Why cameras whose pictures are another's are not compared: they would be in perfect step."""
    pairs = [found.cameras for found in plan.twins]
    both = [*pairs, *((other, one) for one, other in pairs)]
    return {one: f"it delivered the same pictures as {other}" for one, other in both}


def _camera(node: str, source: VideoSource, facts: Session) -> CameraFacts:
    samples = facts.clocks.get(node)
    part = facts.node(node)
    told_ms = part.start_at_ms if part else None
    return CameraFacts(
        clock=ClockTrack(samples) if samples else None,
        first_us=source.first_frame_at_us,
        told_start_us=None if told_ms is None else told_ms * 1000,
    )


def _after_reading(camera: CameraFacts, frames: TimedFrames) -> CameraFacts:
    problem = camera.problem
    if frames.backwards:
        problem = f"{frames.backwards} of its frame times run backwards"
    elif frames.first_us is None:
        problem = "it left no frame times"
    return CameraFacts(
        clock=camera.clock,
        first_us=camera.first_us,
        last_us=frames.last_us,
        told_start_us=camera.told_start_us,
        period_us=frames.period_us,
        late=frames.late,
        problem=problem,
    )


def _marks(
    plan: Plan, videos: Mapping[str, VideoSource], previous: Manifest | None
) -> tuple[MarkEntry, ...]:
    """Every mark with its place in each video; in a video that an earlier run made of other files
    than lie there now, as it was then."""
    made = [v for v in plan.videos if v.node in videos and videos[v.node].inputs == v.raw.inputs]
    before = {(m.at_ms, m.label): m.offset_s for m in previous.marks} if previous else {}
    return tuple(
        MarkEntry(
            at_ms=mark.at_ms,
            label=mark.label,
            offset_s=before.get((mark.at_ms, mark.label), {})
            | {video.node: video.marks[index].offset_s for video in made},
        )
        for index, mark in enumerate(plan.marks)
    )
