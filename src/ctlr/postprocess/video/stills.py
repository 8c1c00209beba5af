"""Where a video's picture stands still: a frame was dropped there, or taken late. Pure.

A frame that is shown for more than one and a half of the usual periods of its segment is a still.
Where the camera left frame times, those tell, and their numbers say how many frames were dropped
in it: none, where the next one was only late. Else the video's own times do. What lies in a gap
is a gap.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import pairwise
from typing import TypeVar

from ctlr.postprocess.video.facts import Still
from ctlr.postprocess.video.timeline import Part, Placement

STILL_PERIODS = 1.5
MOST_STILLS = 100
"""Of one video, the longest."""


@dataclass(frozen=True, slots=True)
class PlacedStill:
    """``offset_s`` is when the video first shows the frame that stands, ``taken_us`` when it was
    taken, by the camera's clock."""

    offset_s: float
    length_us: int
    taken_us: int | None = None
    dropped: int | None = None


_Any = TypeVar("_Any", Still, PlacedStill)


def find_stills(times_us: Sequence[int], numbers: Sequence[int] | None = None) -> tuple[Still, ...]:
    """Those between the frames of one segment, of which ``times_us`` are in order."""
    lengths = [after - before for before, after in pairwise(times_us)]
    if len(lengths) < 2:
        return ()
    limit_us = STILL_PERIODS * sorted(lengths)[len(lengths) // 2]
    found = (
        Still(times_us[index] - times_us[0], length, _dropped(numbers, index))
        for index, length in enumerate(lengths)
        if length > limit_us
    )
    return _longest(found)


def stills_of(part: Part, gaps_after: Container[str | None]) -> tuple[PlacedStill, ...]:
    """Those of one file; ``gaps_after`` holds the names of the segments that a gap follows."""
    found = [placed for segment in part.segments for placed in _inside(segment)]
    for before, after in pairwise(part.segments):
        if before.facts.name not in gaps_after:
            found += _between(before, after)
    return tuple(sorted(_longest(found), key=lambda still: still.offset_s))


def _dropped(numbers: Sequence[int] | None, index: int) -> int | None:
    return max(numbers[index + 1] - numbers[index] - 1, 0) if numbers else None


def _longest(stills: Iterable[_Any]) -> tuple[_Any, ...]:
    return tuple(nlargest(MOST_STILLS, stills, key=lambda still: still.length_us))


def _inside(placed: Placement) -> Iterator[PlacedStill]:
    until_us = placed.facts.duration_us  # what is behind a cut is not in the video
    for still in placed.facts.stills:
        if still.after_us < until_us:
            yield _place(placed, still.after_us, still.length_us, still.dropped)


def _between(before: Placement, after: Placement) -> Iterator[PlacedStill]:
    """The last frame of a segment, if the next one's first came late. Frame times tell alone: how
    long a segment without any lasts is known no better than where the next one begins."""
    known, following = before.facts.captured, after.facts.captured
    if known is None or following is None or known.rows < 2:
        return
    period_us = (known.last_us - known.first_us) / (known.rows - 1)
    length_us = following.first_us - known.last_us
    if length_us > STILL_PERIODS * period_us:
        dropped = None
        if known.numbers and following.numbers and following.numbers[0] > known.numbers[1]:
            dropped = following.numbers[0] - known.numbers[1] - 1
        yield _place(before, known.last_us - known.first_us, length_us, dropped)


def _place(placed: Placement, after_us: int, length_us: int, dropped: int | None) -> PlacedStill:
    captured = placed.facts.captured
    return PlacedStill(
        offset_s=round(placed.at_ticks / placed.facts.timescale + after_us / 1e6, 6),
        length_us=length_us,
        taken_us=captured.first_us + after_us if captured else None,
        dropped=dropped,
    )
