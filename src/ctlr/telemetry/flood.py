"""Log lines that come over and over: a burst is said, then one every two seconds, and what was left out is
counted. Pure.

Whoever can make a line be said can have it said a thousand times a second, and would so push
everything else out of journal, spool and log store. So each kind of line has a rate: what it says,
without whom and what it says it of.
"""

from collections.abc import Hashable

from ctlr.telemetry.rate import RateLimit

BURST = 30
PER_SECOND = 0.5
MOST_KINDS = 512


class Flood:
    """``let`` is asked for each line; times are seconds on a monotonic clock."""

    def __init__(self, burst: int = BURST, per_second: float = PER_SECOND) -> None:
        self._burst = burst
        self._per_second = per_second
        self._kinds: dict[Hashable, tuple[RateLimit, int]] = {}
        """By kind, the one that was quiet for longest first: its rate, and how many were left out."""

    def let(self, kind: Hashable, now_s: float) -> int | None:
        """How many lines of this kind were left out before this one; None: leave this out too."""
        unknown = RateLimit(self._burst, self._per_second), 0
        rate, left_out = self._kinds.pop(kind, unknown)
        passes = rate.take(now_s)
        self._kinds[kind] = rate, 0 if passes else left_out + 1
        if len(self._kinds) > MOST_KINDS:
            del self._kinds[next(iter(self._kinds))]
        return left_out if passes else None
