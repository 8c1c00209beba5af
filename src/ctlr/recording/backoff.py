"""How soon a camera that did not do as told is told again. Pure but for the clock given."""

from collections.abc import Callable

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0


class Backoff:
    """Per name: the wait doubles with each try, up to ``LONGEST_WAIT_S``."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._waits: dict[str, tuple[float, float]] = {}

    def may_try(self, name: str) -> bool:
        """Whether it is time; if so, the next time is set."""
        now = self._monotonic()
        due, wait = self._waits.get(name, (now, FIRST_WAIT_S))
        if now < due:
            return False
        self._waits[name] = (now + wait, min(wait * 2, LONGEST_WAIT_S))
        return True

    def succeeded(self, name: str) -> None:
        self._waits.pop(name, None)

    def forget(self) -> None:
        self._waits.clear()
