"""How far a node's clock is off, from the calls that are made anyway. Pure.

A call leaves at t1 and its answer arrives at t4 on our clock; the node stamps its receipt (t2)
and its answer (t3) on its own. As nothing arrives before it was sent, the node's clock minus
ours lies between ``t3 - t4`` and ``t2 - t1``, however the round trip was split (the interval of
RFC 5905, section 8). A plain node gives one stamp in whole milliseconds, cut off: then the
truth lies up to a millisecond above it.

Every exchange confines the truth, so the estimate is the middle of what all intervals have in
common, each widened with its age by as much as two clocks may drift apart. Many coarse stamps
thereby say more than one: over loopback their overlap is far narrower than a millisecond. And
one call that was answered at once says more, for an hour, than any number of answers that were
long in the making: an installed node takes half a second to measure its load before it stamps
its status. Where an interval contradicts what was known, a clock was set; the past is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

DRIFT_LIMIT_PPM = 100.0
"""Two crystals of +-50 ppm; by so much the knowledge of a moment ages."""
_DRIFT_MS_PER_S = DRIFT_LIMIT_PPM / 1000
COARSE_STAMP_MS = 1.0
_FINEST_MS = 0.001  # no offset is known better than to the microsecond of its stamps
TOLERANCE_MS = 5.0


@dataclass(frozen=True)
class Exchange:
    """One call and its answer in Unix milliseconds; ``at_s`` is monotonic, for its age.

    ``resolution_ms``: the node's stamps are cut off to it.
    """

    at_s: float
    sent_ms: float
    node_received_ms: float
    node_sent_ms: float
    received_ms: float
    resolution_ms: float = 0.0

    @property
    def lowest_ms(self) -> float:
        return self.node_sent_ms - self.received_ms

    @property
    def highest_ms(self) -> float:
        return self.node_received_ms + self.resolution_ms - self.sent_ms


@dataclass(frozen=True)
class ClockOffset:
    """The node's clock minus ours, and the half-width of the interval that holds the truth."""

    offset_ms: float
    uncertainty_ms: float

    @property
    def correction_ms(self) -> int:
        """What to add to one of our instants to get it on the node's clock, in whole
        milliseconds; 0 unless the clock is surely off by more than ``TOLERANCE_MS``."""
        is_off = abs(self.offset_ms) > self.uncertainty_ms + TOLERANCE_MS
        return round(self.offset_ms) if is_off else 0


Interval = tuple[float, float]
"""Lowest and highest offset in ms, as they would have been at monotonic time 0: an interval widens
by the same on either side whichever it is, so it is widened once, when it is asked for."""


class OffsetEstimator:
    """What all exchanges with one node have in common, in constant time and space. Age forgets:
    an interval that has become wider than the newer ones confines nothing any more."""

    def __init__(self) -> None:
        self._known: Interval | None = None

    def add(self, exchange: Exchange) -> None:
        if exchange.lowest_ms > exchange.highest_ms:  # our own clock was set in between
            return
        slack_ms = exchange.at_s * _DRIFT_MS_PER_S
        found = exchange.lowest_ms + slack_ms, exchange.highest_ms - slack_ms
        self._known = _in_common(found, self._known, slack_ms) or found

    def estimate(self, now_s: float) -> ClockOffset | None:
        """What the exchanges say at a monotonic time; None before the first."""
        if self._known is None:
            return None
        lowest, highest = self._known
        slack_ms = now_s * _DRIFT_MS_PER_S
        return ClockOffset((lowest + highest) / 2, max((highest - lowest) / 2 + slack_ms, 0.0))


def _in_common(a: Interval, b: Interval | None, slack_ms: float) -> Interval | None:
    """None where the two contradict each other though both are widened."""
    if b is None:
        return a
    common = max(a[0], b[0]), min(a[1], b[1])
    return common if common[0] - common[1] <= 2 * slack_ms else None


@dataclass(frozen=True)
class Drift:
    """How fast an offset grows, in parts per million; the truth lies within ``uncertainty_ppm``."""

    ppm: float
    uncertainty_ppm: float


def fit_drift(samples: Sequence[tuple[float, ClockOffset]]) -> Drift | None:
    """The slope of a line through (seconds, offset), by least squares, weighted by how well each
    offset is known.

    The errors of offsets are bounds, not chances: all may lie on the side that tilts the line
    most, and that is its uncertainty. None for fewer than three samples or no time between them,
    and where two crystals cannot drift as much as the line may be wrong: then it says nothing.
    """
    if len(samples) < 3:
        return None
    weights = [1 / max(offset.uncertainty_ms, _FINEST_MS) ** 2 for _, offset in samples]
    mean_s = _mean(weights, [at_s for at_s, _ in samples])
    levers = [weight * (at_s - mean_s) for weight, (at_s, _) in zip(weights, samples, strict=True)]
    spread = sum(lever * (at_s - mean_s) for lever, (at_s, _) in zip(levers, samples, strict=True))
    if spread <= 0:
        return None
    offsets = [offset for _, offset in samples]
    slope = sum(map(mul, levers, (offset.offset_ms for offset in offsets))) / spread
    doubt = sum(map(mul, map(abs, levers), (offset.uncertainty_ms for offset in offsets))) / spread
    return Drift(slope * 1000, doubt * 1000) if doubt * 1000 <= DRIFT_LIMIT_PPM else None


def _mean(weights: Sequence[float], values: Sequence[float]) -> float:
    total: float = sum(map(mul, weights, values))
    return total / sum(weights)
