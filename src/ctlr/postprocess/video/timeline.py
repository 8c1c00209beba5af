"""What a camera's timeline is made of: segments in their places, the holes between, what is odd. Pure.

``placing`` makes it of what was found.
"""

from dataclasses import dataclass
from fractions import Fraction

from ctlr.postprocess.manifest.problem import Problem
from ctlr.postprocess.video.facts import SegmentFacts


@dataclass(frozen=True, slots=True)
class Gap:
    """A hole: after which segment (None: before the first), how long, why, which segments.

    ``estimated`` says that the length follows from the usual segment length alone.
    """

    after_segment: str | None
    expected_ms: int
    reason: str
    segments: tuple[str, ...] = ()
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """A usable segment, and the tick of its part's timeline at which its first frame is shown."""

    facts: SegmentFacts
    at_ticks: int


@dataclass(frozen=True, slots=True)
class Part:
    """Segments that share one header and become one file; ``starts_at`` seconds after the first."""

    segments: tuple[Placement, ...]
    starts_at: Fraction
    method: str  # "splice" or "remux"
    why_remux: str = ""

    @property
    def frames(self) -> int:
        return sum(placement.facts.frames for placement in self.segments)

    @property
    def played_s(self) -> Fraction:
        """How long frames are shown, holes left out: a segment that claims to last into the next
        one lasts until that."""
        until = [Fraction(p.at_ticks, p.facts.timescale) for p in self.segments[1:]]
        lengths = [length_of(placed.facts) for placed in self.segments]
        ends = zip(self.segments, lengths, until, strict=False)
        overlaps = (
            max(Fraction(placed.at_ticks, placed.facts.timescale) + length - end, Fraction(0))
            for placed, length, end in ends
        )
        return sum(lengths, Fraction(0)) - sum(overlaps, Fraction(0))

    @property
    def length_s(self) -> Fraction:
        """From the first frame to the end of the last."""
        last = self.segments[-1]
        return Fraction(last.at_ticks, last.facts.timescale) + length_of(last.facts)


@dataclass(frozen=True, slots=True)
class Timeline:
    """``after_stop`` names segments that were recorded after the session; of ``cut`` only the
    first so many ticks were not."""

    parts: tuple[Part, ...]
    gaps: tuple[Gap, ...]
    problems: tuple[Problem, ...]
    after_stop: tuple[str, ...] = ()
    cut: tuple[str, int] | None = None


def length_of(facts: SegmentFacts) -> Fraction:
    """How long a segment lasts, from its first frame to the end of its last."""
    return Fraction(facts.duration_ticks, facts.timescale)
