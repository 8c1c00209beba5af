"""Time that passes only when somebody waits, for sources under test."""

from collections.abc import Callable


class VirtualClock:
    """A ``CaptureClock``. ``late_us(at)`` says how late the machine wakes for an instant."""

    def __init__(
        self,
        now_us: int,
        late_us: Callable[[int], int] = lambda _at_us: 0,
        stop_at_us: int | None = None,
    ) -> None:
        self._now_us = now_us
        self._late_us = late_us
        self._stop_at_us = stop_at_us

    def now_us(self) -> int:
        return self._now_us

    def at_monotonic_us(self, monotonic_us: int) -> int:
        return monotonic_us

    def wait_until(self, at_us: int) -> bool:
        if self._now_us < at_us:
            self._now_us = at_us + self._late_us(at_us)
        return self._stop_at_us is None or self._now_us < self._stop_at_us
