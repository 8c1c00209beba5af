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
