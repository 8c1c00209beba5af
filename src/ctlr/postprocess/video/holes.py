"""What is missing by number: which segments should lie between, before and after the usable ones. Pure.

Segments are counted from 0 or from 1, both kinds are in the field; where the first ones are
missing, what else is known tells which it was.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from ctlr.layout.raw import segment_name
from ctlr.postprocess.video.facts import Readability, SegmentFacts

_FIRST_NUMBERS = (0, 1)
_MAX_NAMED = 100


@dataclass(slots=True)
class Hole:
    """What stands between two usable segments (or before the first, or after the last)."""

    bad: list[SegmentFacts] = field(default_factory=list)
    absent: int = 0
    named: list[int] = field(default_factory=list)  # the first of the absent numbers

    @property
    def names(self) -> tuple[str, ...]:
        named = [(f.number, f.name) for f in self.bad]
        named += [(number, segment_name(number)) for number in self.named]
        return tuple(name for _, name in sorted(named))

    def reasons(self, before: SegmentFacts | None) -> list[str]:
        """Why something is missing after ``before``; empty if nothing is."""
        cut = ["cut"] if before and before.readability is Readability.CUT else []
        bad = [str(f.readability) for f in self.bad]
        return list(dict.fromkeys([*cut, *bad, *(["missing"] if self.absent else [])]))


NO_HOLE = Hole()


class Numbers:
    """All segments of a node that were found, in order and each number once.

    ``total`` is how many the node says it made.
    """

    def __init__(self, found: Sequence[SegmentFacts], total: int | None) -> None:
        self._all = found
        self._total = total

    def between(self, before: SegmentFacts, after: SegmentFacts) -> Hole:
        if after.number == before.number + 1:
            return NO_HOLE
        return self.hole(before.number + 1, after.number - 1)

    def hole(self, first: int, last: int) -> Hole:
        """What is not usable among the numbers ``first`` to ``last``."""
        low = bisect_left(self._all, first, key=lambda f: f.number)
        high = bisect_right(self._all, last, key=lambda f: f.number)
        inside = self._all[low:high]
        present = {f.number for f in inside}
        absent = (n for n in range(first, last + 1) if n not in present)
        return Hole(
            [f for f in inside if not f.usable],
            max(last - first + 1, 0) - len(inside),
            list(islice(absent, _MAX_NAMED)),
        )

    def first(self, usable: int | None, offset: int | None, usual: int) -> int:
        """The number that this node counts from.

        ``usable`` is the number of the first usable segment, ``offset`` how far into the recording
        it begins, if that shows, and ``usual`` the usual length of a segment, in the same unit.
        """
        if not self._all:
            return 0
        lowest, highest = self._all[0].number, self._all[-1].number
        if offset is not None and usual and usable is not None:
            for base in _FIRST_NUMBERS:
                before = usable - base
                if before >= 0 and abs(offset - before * usual) * 2 < usual:
                    return base
        if self._total is not None and highest - self._total + 1 in _FIRST_NUMBERS:
            return min(highest - self._total + 1, lowest)
        return lowest if lowest in _FIRST_NUMBERS else 0

    def last(self, base: int) -> int:
        """The number of the last segment, if they are counted from ``base``."""
        highest = self._all[-1].number if self._all else base - 1
        return max(highest, base + self._total - 1) if self._total is not None else highest
