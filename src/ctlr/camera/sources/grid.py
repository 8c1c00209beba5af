"""The instants at which a frame is due. Pure.

Slot ``n`` is due at ``start_at + n / fps``: the grid has no drift, and its phase is the same
on all cameras. Computed with a fraction, since 1/30 s is no whole number of microseconds.
"""

from fractions import Fraction

_MAX_DENOMINATOR = 1001  # 30000/1001 and its kind stay exact


class FrameGrid:
    def __init__(self, start_at_us: int, fps: float) -> None:
        self._start_at_us = start_at_us
        self._period_us = 1_000_000 / Fraction(fps).limit_denominator(_MAX_DENOMINATOR)

    @property
    def period_us(self) -> int:
        return round(self._period_us)

    def due_us(self, slot: int) -> int:
        """Instant of a slot, rounded up to the microsecond."""
        return self._start_at_us - (-slot * self._period_us // 1)

    def slot_at(self, at_us: int) -> int:
        """The last slot that is due at or before an instant."""
        return int((at_us - self._start_at_us) / self._period_us // 1)

    def next_slot(self, at_us: int) -> int:
        """The first slot that is due at or after an instant."""
        slot = self.slot_at(at_us)
        return slot if self.due_us(slot) >= at_us else slot + 1
