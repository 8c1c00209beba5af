"""Frame numbers for a camera that runs on a rate of its own. Pure.

Numbers count from 0 at ``start_at``: a frame gets the number of the slot of the configured rate
that it is nearest to, and always a higher one than the frame before. A hole in the numbers is
a frame that did not come and counts as dropped.
"""

from ctlr.camera.sources import Take
from ctlr.camera.sources.grid import Grid


class FrameNumbers:
    def __init__(self, take: Take, fps: float) -> None:
        self._grid = Grid(take.start_at_us, fps)
        self._keep_from_us = take.keep_from_us
        self._last: int | None = None
        self.dropped = 0

    def next(self, captured_at_us: int) -> int:
        """The number of a frame; frames come in the order of their capture times."""
        number = self._grid.slot_at(captured_at_us + self._grid.period_us // 2)
        if self._last is not None:
            number = max(number, self._last + 1)
        if captured_at_us >= self._keep_from_us and self._last is not None:
            wanted_from = max(self._last + 1, self._grid.next_slot(self._keep_from_us))
            self.dropped += max(0, number - wanted_from)
        self._last = number
        return number
