"""Wall time for one recording, tied to the monotonic clock once.

The two clocks are read in turn a few times and the pair with the shortest gap counts, so that
a thread switch between the two reads does not shift every frame of the recording.

A Pi has no clock that runs without power: after a cut it may wake up in the past. A recording
that goes on must not go back in time, so its clock then starts right after the last frame that
was recorded, ahead of the machine's; ``StepWatch`` says by how much, and says so again when
the machine's clock is set.
"""

import threading
import time

LONGEST_WAIT_S = 3600.0  # the wait of a thread takes no arbitrary time
STEP_US = 50_000
"""A change of the machine's clock against the frame times that is worth a word."""


class AnchoredClock:
    """``ctlr.camera.sources.CaptureClock`` on the machine's clocks.

    ``not_before_us``: Unix time at which it starts at the earliest.
    """

    def __init__(self, stopped: threading.Event, not_before_us: int | None = None) -> None:
        self._stopped = stopped
        self._ahead_of_monotonic_ns = _measure_offset_ns()
        if not_before_us is not None:
            self._ahead_of_monotonic_ns += max(0, not_before_us - self.now_us()) * 1000

    def now_us(self) -> int:
        return self.at_monotonic_us(time.monotonic_ns() // 1000)

    def at_monotonic_us(self, monotonic_us: int) -> int:
        return monotonic_us + self._ahead_of_monotonic_ns // 1000

    def wait_until(self, at_us: int) -> bool:
        while not self._stopped.is_set():
            missing_us = at_us - self.now_us()
            if missing_us <= 0:
                return True
            self._stopped.wait(min(missing_us / 1_000_000, LONGEST_WAIT_S))
        return False

    def wall_ahead_us(self) -> int:
        """How far the machine's clock is ahead of this one now."""
        return (_measure_offset_ns() - self._ahead_of_monotonic_ns) // 1000


class StepWatch:
    """Tells steps of the machine's clock from looks at ``AnchoredClock.wall_ahead_us``. Pure."""

    def __init__(self) -> None:
        self._last_us = 0

    def check(self, wall_ahead_us: int) -> int | None:
        """By how much the clock has moved since the last step, if that is a step too."""
        moved_us = wall_ahead_us - self._last_us
        if abs(moved_us) <= STEP_US:
            return None
        self._last_us = wall_ahead_us
        return moved_us


def _measure_offset_ns() -> int:
    return min(_read_both() for _ in range(5))[1]


def _read_both() -> tuple[int, int]:
    before = time.monotonic_ns()
    wall = time.time_ns()
    after = time.monotonic_ns()
    return after - before, wall - (before + after) // 2
