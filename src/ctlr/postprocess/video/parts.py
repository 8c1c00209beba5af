"""The files that a camera's placed segments become. Pure.

A segment with other parameters than the one before starts a new file, as does a hole that is
longer than a sample can last in the media timescale.
"""

from collections.abc import Iterable
from fractions import Fraction

from ctlr.mp4.merge import MAX_DELTA
from ctlr.postprocess.manifest.problem import Problem
from ctlr.postprocess.video.facts import SegmentFacts
from ctlr.postprocess.video.timeline import Part, Placement

Placed = tuple[SegmentFacts, int]
"""A segment and when it starts, in units."""


def make_parts(placed: Iterable[Placed], second: int) -> tuple[tuple[Part, ...], list[Problem]]:
    """``second`` is how many units a second has. Returns what is odd too."""
    parts: list[list[Placed]] = []
    problems: list[Problem] = []
    for facts, at in placed:
        reason = _why_new_part(*parts[-1][-1], facts, at, second) if parts else None
        problems += [reason] if reason else []
        if reason or not parts:
            parts.append([])
        parts[-1].append((facts, at))
    problems += _find_no_picture([facts for part in parts for facts, _ in part])
    starts = [0, *(part[0][1] for part in parts[1:])]
    made = (_make_part(part, start, second) for part, start in zip(parts, starts, strict=True))
    return (tuple(made) if parts else ()), problems


def _find_no_picture(joined: list[SegmentFacts]) -> list[Problem]:
    """Segments with nothing but sound, of a camera whose others have a picture."""
    blind = [facts for facts in joined if not facts.width]
    if len(blind) == len(joined):
        return []
    text = "{} has sound and no picture: what the camera saw in it is missing."
    return [Problem("no_picture", text.format(facts.name), facts.name) for facts in blind]


def _make_part(segments: list[Placed], starts_at: int, second: int) -> Part:
    placed = tuple(
        Placement(f, rounded((at - starts_at) * f.timescale, second)) for f, at in segments
    )
    obstacles = [f"{f.name}: {f.obstacle}" for f, _ in segments if f.obstacle]
    method = "remux" if obstacles else "splice"
    begins = Fraction(starts_at, second)
    return Part(placed, begins, method, obstacles[0] if obstacles else "")


def _why_new_part(
    last: SegmentFacts, last_at: int, facts: SegmentFacts, at: int, second: int
) -> Problem | None:
    if not facts.continues(last):
        text = f"{facts.name} has other video parameters than {last.name}: it starts a new file."
        return Problem("parameters_changed", text, facts.name, harms=False)
    if (at - last_at) * last.timescale >= MAX_DELTA * second:
        text = f"The hole before {facts.name} is too long for one file: it starts a new one."
        return Problem("long_gap", text, facts.name, harms=False)
    return None


def rounded(number: int, divisor: int) -> int:
    """The nearest whole number to a quotient; of two, the even one."""
    whole, rest = divmod(number, divisor)
    return whole + (2 * rest > divisor or (2 * rest == divisor and whole % 2))
