"""How many frames a camera dropped, by the numbers of those that it kept. Pure.

A frame's number is its slot since the start, so a number that is missing is a frame that was
never recorded. What lies in a gap is counted there and not here. Numbers that start again with
each segment tell of the frames within it only.
"""

from collections.abc import Container
from itertools import pairwise

from ctlr.postprocess.video.facts import CaptureTimes
from ctlr.postprocess.video.timeline import Part, Placement


def dropped_frames(part: Part, before_gaps: Container[str | None]) -> int | None:
    """Numbers that are missing in a part; None where its segments have no numbers.

    ``before_gaps`` holds the names of the segments that a gap follows.
    """
    if not any(_numbers(placed) for placed in part.segments):
        return None
    inside = sum(_dropped_in(p.facts.captured) for p in part.segments if p.facts.captured)
    return inside + sum(
        _dropped_between(before, after)
        for before, after in pairwise(part.segments)
        if before.facts.name not in before_gaps
    )


def _dropped_in(captured: CaptureTimes) -> int:
    if captured.numbers is None:
        return 0
    first, last = captured.numbers
    return max(last - first + 1 - captured.rows, 0)


def _dropped_between(before: Placement, after: Placement) -> int:
    known, following = _numbers(before), _numbers(after)
    return max(following[0] - known[1] - 1, 0) if known and following else 0


def _numbers(placed: Placement) -> tuple[int, int] | None:
    return placed.facts.captured.numbers if placed.facts.captured else None
