"""How far apart two cameras' nearest frames were: the worst, how many, and what held. Pure.

One frame that came late says nothing of how the cameras stand to each other; a second in which
most frames are far apart does. So beside the worst distance all are counted, in bins of a
microsecond, and of every second's frames the median is taken: the largest is what held.
"""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat
from math import ceil


@dataclass(slots=True)
class Distance:
    """The distances between two cameras' nearest frames; instants on the controller's clock.

    ``frames`` of either camera could be compared; none: the rest means nothing. ``steady_us`` is
    the largest distance that held for a second: the median of that second's frames. ``counts``
    tells how many frames were so many times ``bin_us`` apart, cut off.
    """

    worst_us: float = -1.0
    at_us: float = 0.0
    frames: int = 0
    steady_us: float = -1.0
    steady_at_us: float = 0.0
    counts: "array[int]" = field(default_factory=lambda: array("L"))
    bin_us: float = 1.0

    def within_us(self, share: float) -> float:
        """The smallest distance that so large a share of the frames does not exceed."""
        wanted, seen = ceil(share * self.frames), 0
        for number, count in enumerate(self.counts):
            seen += count
            if count and seen >= wanted:
                return number * self.bin_us
        return self.worst_us

    def count_beyond(self, limit_us: float) -> int:
        """How many frames were further apart."""
        return sum(self.counts[int(limit_us / self.bin_us) + 1 :])

    def take(self, apart: Sequence[float], at: Sequence[float], a_second: int) -> None:
        """Add the distances of frames that follow one another, and when those were."""
        if not apart:
            return
        self.frames += len(apart)
        worst = max(apart)
        if worst > self.worst_us:
            self.worst_us, self.at_us = worst, at[apart.index(worst)]
        self._count(apart)
        last = max(len(apart) - a_second, 0)
        for first in (min(start, last) for start in range(0, len(apart), a_second)):
            second = sorted(apart[first : first + a_second])
            held, middle = second[len(second) // 2], first + len(second) // 2
            if held > self.steady_us:
                self.steady_us, self.steady_at_us = held, at[middle]

    def _count(self, apart: Sequence[float]) -> None:
        scale = 1 / self.bin_us
        found = Counter(map(int, apart) if scale == 1 else (int(us * scale) for us in apart))
        if (missing := max(found) + 1 - len(self.counts)) > 0:
            self.counts.extend(repeat(0, missing))
        for number, count in found.items():
            self.counts[number] += count
