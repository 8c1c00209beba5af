"""Where a mark lies in each camera's video. Pure.

A mark is an instant of the controller's clock. The camera's clock at that instant (by its
measured offset) says how long after the first frame of which segment it was, and the timeline
where that segment stands. Without frame times it is counted from the start that the camera was
told. A mark a little outside of a video belongs to its first or last frame; one further out
belongs to no frame of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ctlr.mp4.chapters import MAX_CHAPTERS, Chapter
from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.manifest.problem import Problem
from ctlr.postprocess.video.timeline import Part, Placement
from ctlr.sessions.model import Mark

EVENTS_FILE = "events.csv"
OUTSIDE_S = 1.0
"""How far outside of a video a mark may be and still count as its beginning or end."""


@dataclass(frozen=True, slots=True)
class PlacedMark:
    """A mark in one camera's video: ``offset_s`` on its timeline; None where
    the camera did not record."""

    mark: Mark
    title: str
    offset_s: float | None


def place_marks(
    marks: Sequence[Mark],
    parts: Sequence[Part],
    clock: ClockTrack | None,
    start_us: int | None,
) -> tuple[PlacedMark, ...]:
    """``start_us`` is the start that the camera was told, on its own clock.

    A clock that was never measured is taken to show the controller's time.
    """
    if not marks:
        return ()
    anchors = _anchors(parts, start_us)
    length_s = _end_s(parts[-1]) if parts else 0.0
    return tuple(
        PlacedMark(mark, mark.label or f"Mark {number}", _offset_s(mark, anchors, clock, length_s))
        for number, mark in enumerate(marks, 1)
    )


def chapters_of(marks: Sequence[PlacedMark], parts: Sequence[Part], number: int) -> list[Chapter]:
    """The chapters of one of a video's files."""
    start_s = float(parts[number].starts_at) if number else 0.0
    end_s = float(parts[number + 1].starts_at) if number + 1 < len(parts) else float("inf")
    return [
        Chapter(min(m.offset_s, _end_s(parts[number])) - start_s, m.title)
        for m in marks
        if m.offset_s is not None and start_s <= m.offset_s < end_s
    ]


def chapter_problems(marks: Sequence[PlacedMark], parts: Sequence[Part]) -> list[Problem]:
    """What a video's chapters cannot hold of its marks."""
    most = max((len(chapters_of(marks, parts, n)) for n in range(len(parts))), default=0)
    if most <= MAX_CHAPTERS:
        return []
    text = (
        f"A video has room for {MAX_CHAPTERS} chapters, and {most} marks were set; "
        f"all of them are in {EVENTS_FILE}."
    )
    return [Problem("chapters_cut", text, harms=False)]


def _anchors(parts: Sequence[Part], start_us: int | None) -> list[tuple[float, float]]:
    """Instants (camera's clock, microseconds) whose place in the video (seconds) is known."""
    known = [
        (float(placed.facts.captured.first_us), _start_s(part, placed))
        for part in parts
        for placed in part.segments
        if placed.facts.captured
    ]
    if known or start_us is None:
        return known
    return [(float(start_us), 0.0)]


def _offset_s(
    mark: Mark, anchors: Sequence[tuple[float, float]], clock: ClockTrack | None, length_s: float
) -> float | None:
    if not anchors:
        return None
    at_us = mark.at_ms * 1000
    own_us = clock.own_time_of(at_us) if clock else at_us
    before = [anchor for anchor in anchors if anchor[0] <= own_us]
    known_us, known_s = before[-1] if before else anchors[0]
    offset_s = known_s + (own_us - known_us) / 1e6
    if not -OUTSIDE_S <= offset_s <= length_s + OUTSIDE_S:
        return None
    return round(min(max(offset_s, 0.0), length_s), 3)


def _start_s(part: Part, placed: Placement) -> float:
    origin_s = float(part.starts_at)
    return origin_s + placed.at_ticks / placed.facts.timescale


def _end_s(part: Part) -> float:
    return float(part.starts_at + part.length_s)
