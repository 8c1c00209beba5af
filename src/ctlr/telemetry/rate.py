"""How many log entries a client may send: a burst, then a steady rate. Pure.

An app that logs in a loop must not push everyone else's records out of the spool.
"""

BURST = 200
PER_SECOND = 2.0


class RateLimit:
    """A bucket of ``burst`` entries that fills again by ``per_second``."""

    def __init__(self, burst: int = BURST, per_second: float = PER_SECOND) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = float(burst)
        self._at_s: float | None = None

    def take(self, now_s: float) -> bool:
        """Whether one more may pass at ``now_s``, seconds on a monotonic clock."""
        if self._at_s is not None:
            gained = (now_s - self._at_s) * self._per_second
            self._left = min(self._burst, self._left + gained)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
