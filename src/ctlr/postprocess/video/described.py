"""The facts of a segment, from its tables. Pure."""

from fractions import Fraction

from ctlr.mp4.runs import read_runs
from ctlr.mp4.tables import SegmentTables, Track, first_shown_ticks, shown_ticks
from ctlr.postprocess.video.facts import CaptureTimes, FoundFile, Readability, SegmentFacts
from ctlr.postprocess.video.stills import find_stills

MOST_TIMED = 1 << 19
"""Frames of a segment up to which each one's time is looked at: five hours at 30 a second."""


def facts_of(
    file: FoundFile,
    number: int,
    tables: SegmentTables,
    captured: CaptureTimes | None,
    blank: str,
) -> SegmentFacts:
    track = tables.reference
    header = track.header
    slack = 0 if track.start_exact else header.timescale // tables.movie_timescale + 1
    obstacles = (t.obstacle for t in tables.tracks if t.obstacle)
    cut = tables.cut
    return SegmentFacts(
        name=file.path,
        number=number,
        size=file.size,
        mtime_ns=file.mtime_ns,
        readability=Readability.CUT if cut else Readability.WHOLE,
        reason=f"{tables.note or 'it ends early'}; {track.count} frames of it are readable"
        if cut
        else "",
        signature=track.header.signature,
        sound=b"\n".join(t.header.signature for t in tables.tracks if _is_sound(t)),
        timescale=header.timescale,
        first_ticks=track.start_ticks + first_shown_ticks(track),
        first_slack_ticks=slack,
        duration_ticks=track.length_ticks,
        declared_ticks=track.declared_ticks,
        frames=track.shown,
        unshown=track.unshown,
        starts_with_keyframe=track.first_is_sync,
        obstacle=next(obstacles, None),
        lost=tuple(lost.text for lost in tables.lost),
        lost_samples=any(lost.samples for lost in tables.lost),
        sides=tuple(t.header.codec for t in tables.tracks if t.count and _is_side(t)),
        sizes=tuple((d.width, d.height) for d in header.descriptions[1:] and header.descriptions),
        hidden_ticks=track.hidden_ticks,
        blank=blank,
        doubt=tables.doubt,
        longest_ticks=max((ticks for _, ticks in read_runs(track.times)), default=0),
        otherwise_s=() if cut else tuple(_lengths_otherwise(tables)),
        codec=header.codec,
        width=header.width,
        height=header.height,
        created_at_s=tables.created_at_s,
        captured=captured,
        shown_stills=() if captured else find_stills(_shown_us(track)),
        take=file.take,
        version=file.version,
    )


def _lengths_otherwise(tables: SegmentTables) -> list[Fraction]:
    """How long a segment is by what else tells it: the picture's header, the longest sound."""
    picture = tables.reference
    sounds = [t for t in tables.tracks if _is_sound(t) and t is not picture]
    heard = [Fraction(t.duration_ticks, t.header.timescale) for t in sounds]
    said = _said(picture.said_ticks, picture, tables.movie_timescale)
    return [length for length in (said, max(heard, default=Fraction(0))) if length]


def _said(ticks: int, picture: Track, movie_timescale: int) -> Fraction:
    """The length that a picture's header says. Browsers write it in the unit of the movie, which is
    another one (both are looked at, and the one that is nearer to the frames is meant)."""
    length = Fraction(picture.duration_ticks, picture.header.timescale)
    both = (Fraction(ticks, picture.header.timescale), Fraction(ticks, movie_timescale))
    return min(both, key=lambda said: abs(said - length))


def _is_sound(track: Track) -> bool:
    return track.count > 0 and track.header.kind == b"soun"


def _is_side(track: Track) -> bool:
    return track.header.kind not in {b"vide", b"soun"}


def _shown_us(track: Track) -> list[int]:
    """When each frame is shown, and when the last one ends; of so many that memory would grow, none."""
    if track.count > MOST_TIMED:
        return []
    shown, scale = sorted(shown_ticks(track)), track.header.timescale
    ends = shown[:1] and [shown[0] + track.duration_ticks]
    return [ticks * 1_000_000 // scale for ticks in (*shown, *ends)]


def captured_until(facts: SegmentFacts, frames: int) -> CaptureTimes | None:
    """The capture times of a segment's first ``frames``, spaced evenly as only their ends are known."""
    known = facts.captured
    if known is None or known.rows != facts.frames or known.rows < 2:
        return known
    gone = known.rows - frames
    last_us = known.last_us - (known.last_us - known.first_us) * gone // (known.rows - 1)
    numbers = known.numbers and (known.numbers[0], known.numbers[1] - gone)
    return CaptureTimes(frames, known.first_us, last_us, numbers)
