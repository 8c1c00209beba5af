"""Wall time for one recording, tied to the monotonic clock once.

The two clocks are read in turn a few times and the pair with the shortest gap counts, so that
a thread switch between the two reads does not shift every frame of the recording.
"""

import threading
import time

LONGEST_WAIT_S = 3600.0  # the wait of a thread takes no arbitrary time


class AnchoredClock:
    """``ctlr.camera.sources.CaptureClock`` on the machine's clocks."""

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped
        self._wall_minus_monotonic_ns = _measure_offset_ns()

    def now_us(self) -> int:
        return (time.monotonic_ns() + self._wall_minus_monotonic_ns) // 1000

    def wait_until(self, at_us: int) -> bool:
        while not self._stopped.is_set():
            missing_us = at_us - self.now_us()
            if missing_us <= 0:
                return True
            self._stopped.wait(min(missing_us / 1_000_000, LONGEST_WAIT_S))
        return False


def _measure_offset_ns() -> int:
    return min(_read_both() for _ in range(5))[1]


def _read_both() -> tuple[int, int]:
    before = time.monotonic_ns()
    wall = time.time_ns()
    after = time.monotonic_ns()
    return after - before, wall - (before + after) // 2
