"""A network camera's timestamps on this node's clock. Pure.

Packets carry the camera's own timestamps, which are regular, and arrive after a delay that is
not. The packet that was delayed least tells best how the two clocks lie: until the first frame
is kept, the least difference of arrival and timestamp counts. From then on the distances of
the camera's timestamps are kept as they are, but for a drift of its oscillator, which is
followed by at most ``SLEW_US`` every ``WINDOW_US``. What the camera needs to expose and encode
a picture cannot be seen from here: times are late by that much, on all frames alike.
"""

WINDOW_US = 10_000_000
SLEW_US = 1_000  # 100 parts in a million


class SenderClock:
    """``settle_until_us``: from this instant on differences no longer jump."""

    def __init__(self, settle_until_us: int) -> None:
        self._settle_until_us = settle_until_us
        self._offset_us: int | None = None
        self._window_min_us: int | None = None
        self._window_ends_us: int | None = None

    def captured_at_us(self, sent_us: int, arrived_at_us: int) -> int:
        """Unix microseconds of a frame that the camera stamped ``sent_us``."""
        difference = arrived_at_us - sent_us
        if self._offset_us is None or arrived_at_us < self._settle_until_us:
            known = difference if self._offset_us is None else self._offset_us
            self._offset_us = min(known, difference)
        else:
            self._follow_drift(difference, arrived_at_us)
        return sent_us + self._offset_us

    def _follow_drift(self, difference: int, arrived_at_us: int) -> None:
        assert self._offset_us is not None
        if self._window_min_us is None or self._window_ends_us is None:
            self._window_ends_us = arrived_at_us + WINDOW_US
            self._window_min_us = difference
            return
        self._window_min_us = min(self._window_min_us, difference)
        if arrived_at_us >= self._window_ends_us:
            error = self._window_min_us - self._offset_us
            self._offset_us += max(-SLEW_US, min(SLEW_US, error))
            self._window_min_us = self._window_ends_us = None
