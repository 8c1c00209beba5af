"""What of a camera's segments lies after the session's stop, and is not joined. Pure.

A camera that was out of reach at the stop records on until it hears of it. The join ends at the
stop, plus what the camera's clock leaves open; the rest stays among the raw data, and the manifest
names it. A stop takes its time to arrive: what goes on for less than ``LENIENCE_S`` stays in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ctlr.postprocess.manifest.problem import Problem
from ctlr.postprocess.video.facts import SegmentFacts
from ctlr.postprocess.video.parts import Placed
from ctlr.postprocess.video.span import LENIENCE_S, Span
from ctlr.postprocess.video.timeline import length_of


@dataclass(frozen=True, slots=True)
class Ending:
    """``kept`` is joined; of ``cut`` only the first so many ticks; ``left`` is not joined."""

    kept: tuple[Placed, ...]
    left: tuple[SegmentFacts, ...] = ()
    cut: tuple[str, int] | None = None

    @property
    def problems(self) -> list[Problem]:
        """What is said of all that was recorded after the stop; nothing where nothing was."""
        shortened = [f for f, _ in self.kept if f.after_stop_ticks]
        ends = [Fraction(f.after_stop_ticks, f.timescale) for f in shortened]
        length_s = sum([*ends, *map(length_of, self.left)], Fraction(0))
        if not length_s:
            return []
        what = [f"the end of {f.name}" for f in shortened] + _from_to(self.left)
        text = (
            f"It recorded on for {float(length_s):.1f} s after the stop. That is no part of the "
            f"session and not joined ({', '.join(what)}); it is kept with the raw data."
        )
        return [Problem("after_stop", text, harms=False)]


def end_at_stop(placed: Sequence[Placed], span: Span, second: int) -> Ending:
    """``second`` is how many units a second has in the times of ``placed``."""
    for index, (facts, at) in enumerate(placed):
        remaining = span.remaining_s(facts, Fraction(at, second))
        if remaining is None:
            continue
        limit = remaining + span.doubt_s(facts)
        if length_of(facts) <= limit + LENIENCE_S:
            continue
        inside = limit * facts.frames > length_of(facts)  # by a frame at least
        kept = tuple(placed[: index + inside])
        left = tuple(after for after, _ in placed[len(kept) :])
        cut = (facts.name, int(limit * facts.timescale)) if inside else None
        return Ending(kept, left, cut)
    return Ending(tuple(placed))


def _from_to(left: Sequence[SegmentFacts]) -> list[str]:
    names = [facts.name for facts in left]
    return names if len(names) < 3 else [f"{names[0]} to {names[-1]}"]
