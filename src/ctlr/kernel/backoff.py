"""How long to wait before the next try: longer after each failure in a row, up to a limit. Pure.

What is tried here is tried for as long as the process lasts: a drive, a broker or a camera comes
back after seconds or after days, and who waits is often woken earlier by an event. So this says only
how long; the loops do the waiting.
"""

from collections.abc import Callable
from dataclasses import dataclass

_MOST_STEPS = 64  # far beyond any limit, and no float overflows on the way there


@dataclass(frozen=True)
class Backoff:
    """``first_s`` after the first failure, ``factor`` times as long after each further one."""

    first_s: float
    longest_s: float
    factor: float = 2.0

    def delay_s(self, failures: int) -> float:
        """The wait after so many failures in a row, counted from 1."""
        steps = min(max(failures - 1, 0), _MOST_STEPS)
        return min(self.first_s * self.factor**steps, self.longest_s)


class Attempts:
    """The failures in a row of one thing that is tried again and again."""

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._failures = 0

    def failed(self) -> float:
        """Count a failure; returns the wait before the next try, in seconds."""
        self._failures += 1
        return self._backoff.delay_s(self._failures)

    def succeeded(self) -> None:
        self._failures = 0


class AttemptsByName:
    """When each of several things may be tried again, on the clock ``monotonic``. A try counts as
    failed until ``succeeded`` is called."""

    def __init__(self, backoff: Backoff, monotonic: Callable[[], float]) -> None:
        self._backoff = backoff
        self._monotonic = monotonic
        self._due: dict[str, tuple[float, Attempts]] = {}

    def may_try(self, name: str) -> bool:
        """Whether it is time; if so, the next time is set."""
        now = self._monotonic()
        due, attempts = self._due.get(name, (now, Attempts(self._backoff)))
        if now < due:
            return False
        self._due[name] = (now + attempts.failed(), attempts)
        return True

    def succeeded(self, name: str) -> None:
        self._due.pop(name, None)

    def forget(self) -> None:
        self._due.clear()
