"""One source's clock against the controller's over a session, from its samples. Pure.

Between two samples the offset runs in a straight line; before the first and after the last it
stays, and its uncertainty grows by what two clocks may drift apart. Between samples it grows by
what a crystal's drift may change while nobody looks, and by whatever two samples contradict each
other (a clock that is slewed). A contradiction of more than ``STEP_MS`` says that the clock was
set: daemons slew what is less. Frame times are tied to the clock once, at the start of the
recording, and may or may not follow such a step, so what lies around it is not known.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise

from ctlr.nodes.offset import DRIFT_LIMIT_PPM, ClockOffset, Drift, fit_drift
from ctlr.sessions.model import ClockSample

WANDER_PPM = 10.0
"""How far a crystal's drift may stray from the straight line between two samples."""
STEP_MS = 100.0


class ClockTrack:
    """``samples`` in time order, at least one. Times and results are microseconds."""

    def __init__(self, samples: Sequence[ClockSample]) -> None:
        self.samples = tuple(samples)
        self._at = [sample.at_ms * 1000 for sample in samples]
        self._offsets = [sample.offset_ms * 1000 for sample in samples]
        self._own = [at + offset for at, offset in zip(self._at, self._offsets, strict=True)]
        self._widths = [sample.uncertainty_ms * 1000 for sample in samples]

    @cached_property
    def _excesses(self) -> list[float]:
        """Between each sample and the next."""
        return [_excess_ms(a, b) for a, b in pairwise(self.samples)]

    @cached_property
    def _between(self) -> list[float]:
        pairs = zip(pairwise(self.samples), self._excesses, strict=True)
        return [_width_between(a, b, excess_ms) for (a, b), excess_ms in pairs]

    @property
    def lines(self) -> tuple[list[float], list[float]]:
        """The source's times at the samples, and its offsets then; straight lines in between."""
        return self._own, self._offsets

    @property
    def drift(self) -> Drift | None:
        """How fast the source's clock gains on the controller's; None where the samples do not
        tell, and where it was set."""
        if self.set_at_ms is not None:
            return None
        return fit_drift(
            [(s.at_ms / 1000, ClockOffset(s.offset_ms, s.uncertainty_ms)) for s in self.samples]
        )

    @property
    def set_at_ms(self) -> int | None:
        """When (controller's clock) the clock was first seen to have been set; None if never."""
        later = zip(self.samples[1:], self._excesses, strict=True)
        return next((sample.at_ms for sample, excess_ms in later if excess_ms > STEP_MS), None)

    @property
    def trusted_until_us(self) -> float:
        """The time of the source's clock up to which its stamps are known to follow the samples:
        the last one before it was set; infinite where it was not."""
        steps = (number for number, ms in enumerate(self._excesses) if ms > STEP_MS)
        first = next(steps, None)
        return math.inf if first is None else self._own[first]

    def offset_at(self, own_us: float) -> float:
        """The source's clock minus the controller's when the source's shows ``own_us``."""
        return _along(self._own, self._offsets, own_us)

    def corrected(self, own_us: Sequence[int]) -> list[float]:
        """What the controller's clock showed at each of some times of the source's."""
        if any(b < a for a, b in pairwise(own_us)):
            return [time - self.offset_at(time) for time in own_us]
        found: list[float] = []
        while len(found) < len(own_us):
            start = len(found)
            after = bisect_right(self._own, own_us[start])
            end = bisect_right(own_us, self._own[after], start) if after < len(self._own) else None
            found += self._along_a_line(own_us[start:end])
        return found

    def _along_a_line(self, own_us: Sequence[int]) -> list[float]:
        """As ``corrected``, between two samples."""
        first, last = own_us[0], own_us[-1]
        offset = self.offset_at(first)
        slope = (self.offset_at(last) - offset) / max(last - first, 1)
        return [time - offset - slope * (time - first) for time in own_us]

    def own_time_of(self, at_us: float) -> float:
        """What the source's clock shows when the controller's shows ``at_us``."""
        return at_us + _along(self._at, self._offsets, at_us)

    def is_settled(self, own_us: float) -> bool:
        """Whether later samples leave the offset at this time as it is."""
        return own_us <= self._own[-1]

    def uncertainty_at(self, own_us: float) -> float:
        """Half the width of the interval that holds the true offset."""
        after = bisect_right(self._own, own_us)
        if 0 < after < len(self._own):
            return self._between[after - 1]
        nearest = 0 if after == 0 else -1
        return self._widths[nearest] + abs(own_us - self._own[nearest]) * DRIFT_LIMIT_PPM / 1e6

    def worst_uncertainty(self, first_us: float, last_us: float) -> float:
        """The largest ``uncertainty_at`` between two times of the source's clock."""
        low, high = bisect_right(self._own, first_us), bisect_right(self._own, last_us)
        ends = self.uncertainty_at(first_us), self.uncertainty_at(last_us)
        return max(*ends, *self._between[max(low - 1, 0) : high])


def _width_between(a: ClockSample, b: ClockSample, excess_ms: float) -> float:
    wander_ms = (b.at_ms - a.at_ms) / 2 * WANDER_PPM / 1e6
    return 1000 * (max(a.uncertainty_ms, b.uncertainty_ms) + wander_ms + excess_ms)


def _excess_ms(a: ClockSample, b: ClockSample) -> float:
    """By how much two samples differ beyond what uncertainty and drift explain."""
    explained = a.uncertainty_ms + b.uncertainty_ms
    explained += (b.at_ms - a.at_ms) * DRIFT_LIMIT_PPM / 1e6
    return max(abs(b.offset_ms - a.offset_ms) - explained, 0.0)


def _along(times: Sequence[float], values: Sequence[float], at: float) -> float:
    """The value at a time on the line through (times, values), which stays level outside."""
    after = bisect_right(times, at)
    if after in (0, len(times)):
        return values[0 if after == 0 else -1]
    start, end = times[after - 1], times[after]
    share = (at - start) / (end - start)
    return values[after - 1] + share * (values[after] - values[after - 1])
