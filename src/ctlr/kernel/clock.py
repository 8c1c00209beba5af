"""Time as a dependency, so that tests can hold it.

Wall time names an instant for people and other machines. Orders, timeouts and durations
are decided on the monotonic clock only: the wall clock of a Pi steps when NTP finds it.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Source of both times."""

    def now_ms(self) -> int:
        """Unix time in integer milliseconds."""
        ...

    def now_us(self) -> int:
        """Unix time in integer microseconds."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never steps."""
        ...


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def now_us(self) -> int:
        return time.time_ns() // 1_000

    def monotonic(self) -> float:
        return time.monotonic()


def iso_from_ms(ms: int) -> str:
    """ISO 8601 in UTC with milliseconds, such as ``2026-04-14T10:40:00.123Z``."""
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"
