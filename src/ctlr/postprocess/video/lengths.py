"""How long segments are, and what is missing between them. Pure.

Counted in a unit that divides every segment's tick and the microsecond, so that lengths of segments
with other timescales add up exactly.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import lcm

from ctlr.postprocess.video.facts import Readability, SegmentFacts
from ctlr.postprocess.video.holes import Hole
from ctlr.postprocess.video.parts import rounded


class Lengths:
    """Of one node's segments; ``second`` units are a second, ``usual`` is how long most are."""

    def __init__(self, found: Iterable[SegmentFacts], usable: Sequence[SegmentFacts]) -> None:
        self.second = lcm(1_000_000, *{facts.timescale for facts in found})
        self.usual = self._usual_length(usable)

    def of(self, facts: SegmentFacts) -> int:
        """How long the camera recorded it, after the stop too."""
        return self.ticks(facts.duration_ticks + facts.after_stop_ticks, facts)

    def ticks(self, ticks: int, facts: SegmentFacts) -> int:
        return ticks * (self.second // facts.timescale)

    def us(self, us: int) -> int:
        return us * (self.second // 1_000_000)

    def seconds(self, seconds: Fraction) -> int:
        return round(seconds * self.second)

    def expected(self, before: SegmentFacts | None, hole: Hole) -> int:
        """How long a hole should be, by what its segments say of themselves or by the usual."""
        length = hole.absent * self.usual + sum(map(self._meant, hole.bad))
        if before and before.readability is Readability.CUT:
            length += max(self._meant(before) - self.of(before), 0)
        return length

    def _meant(self, facts: SegmentFacts) -> int:
        """How long a bad segment was before it went bad."""
        if facts.captured and facts.captured.rows > 1:
            rows = facts.captured.rows
            span = self.us(facts.captured.last_us - facts.captured.first_us)
            return span * rows // (rows - 1)
        if facts.declared_ticks:
            return self.ticks(facts.declared_ticks, facts)
        return self.usual

    def ms(self, length: int) -> int:
        return rounded(length * 1000, self.second)

    def _usual_length(self, usable: Sequence[SegmentFacts]) -> int:
        """The usual length of a segment: the median of the whole ones, without the last."""
        whole = [self.of(f) for f in usable if f.readability is Readability.WHOLE]
        whole = whole[:-1] or whole
        return sorted(whole)[len(whole) // 2] if whole else 0
