"""How far a node's clock is off, from the calls that are made anyway. Pure.

A call leaves at t1 and its answer arrives at t4 on our clock; the node stamps its receipt (t2)
and its answer (t3) on its own. As nothing arrives before it was sent, the node's clock minus
ours lies between ``t3 - t4`` and ``t2 - t1``, however the round trip was split (the interval of
RFC 5905, section 8). A plain node gives one stamp in whole milliseconds, cut off: then the
truth lies up to a millisecond above it.

Every exchange confines the truth, so the estimate is the middle of what all recent intervals
have in common, widened with age by as much as two clocks may drift apart. Many coarse stamps
thereby say more than one: over loopback their overlap is far narrower than a millisecond.
Where the older ones contradict the newer, a clock was set; they are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

REMEMBERED_EXCHANGES = 32
DRIFT_LIMIT_PPM = 100.0
"""Two crystals of +-50 ppm; by so much the knowledge of a moment ages."""
_DRIFT_MS_PER_S = DRIFT_LIMIT_PPM / 1000
COARSE_STAMP_MS = 1.0
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
    """What the last exchanges of one node have in common, in constant time and space.

    ``_newer`` gathers up to ``REMEMBERED_EXCHANGES`` and then becomes ``_older``.
    """

    def __init__(self) -> None:
        self._newer: Interval | None = None
        self._older: Interval | None = None
        self._gathered = 0

    def add(self, exchange: Exchange) -> None:
        if exchange.lowest_ms > exchange.highest_ms:  # our own clock was set in between
            return
        slack_ms = exchange.at_s * _DRIFT_MS_PER_S
        found = exchange.lowest_ms + slack_ms, exchange.highest_ms - slack_ms
        if self._gathered == REMEMBERED_EXCHANGES:
            self._newer, self._older, self._gathered = None, self._newer, 0
        common = _in_common(found, self._newer, slack_ms)
        if common is None or _in_common(common, self._older, slack_ms) is None:
            self._older = None  # the node's clock was set: the past is worthless
        if common is None:
            common, self._gathered = found, 0
        self._newer = common
        self._gathered += 1

    def estimate(self, now_s: float) -> ClockOffset | None:
        """What the remembered exchanges say at a monotonic time; None before the first."""
        if self._newer is None:
            return None
        slack_ms = now_s * _DRIFT_MS_PER_S
        lowest, highest = _in_common(self._newer, self._older, slack_ms) or self._newer
        return ClockOffset((lowest + highest) / 2, (highest - lowest) / 2 + slack_ms)


def _in_common(a: Interval, b: Interval | None, slack_ms: float) -> Interval | None:
    """None where the two contradict each other though both are widened."""
    if b is None:
        return a
    common = max(a[0], b[0]), min(a[1], b[1])
    return common if common[0] - common[1] <= 2 * slack_ms else None


def fit_drift_ppm(samples: Sequence[tuple[float, float]]) -> float | None:
    """How fast an offset grows, in parts per million, by least squares.

    ``samples`` are (seconds, offset in ms). None for fewer than three or no time between them.
    """
    if len(samples) < 3:
        return None
    mean_s = sum(at for at, _ in samples) / len(samples)
    mean_ms = sum(offset for _, offset in samples) / len(samples)
    spread = sum((at - mean_s) ** 2 for at, _ in samples)
    if spread == 0:
        return None
    slope = sum((at - mean_s) * (offset - mean_ms) for at, offset in samples) / spread
    return slope * 1000
