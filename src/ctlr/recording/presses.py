"""Who pressed start and who pressed stop: a name that the client gives, else its address.

Kept in memory only: it is for those who look at the rig at the moment. A start or stop that is
repeated is answered with its first instant, and was pressed by the first. Pure.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Press:
    """``by`` is for a person to read; ``at_ms`` is the start or stop as it was answered."""

    uuid: str
    by: str
    at_ms: int


class Presses:
    """``on_change`` is called when somebody has pressed."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self.start: Press | None = None
        self.stop: Press | None = None

    def note_start(self, press: Press) -> None:
        self.start = self._newer(self.start, press)

    def note_stop(self, press: Press) -> None:
        self.stop = self._newer(self.stop, press)

    def _newer(self, known: Press | None, press: Press) -> Press:
        if known is not None and known.at_ms >= press.at_ms:
            return known
        self._on_change()
        return press
