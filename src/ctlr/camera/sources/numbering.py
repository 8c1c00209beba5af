"""Frame numbers for a camera that runs on a rate of its own. Pure.

Numbers count from 0 at ``start_at``: the first frame that is kept gets the number of the slot of
the configured rate that it is nearest to. It also tells how far beside their slots this camera's
frames come; each later frame is placed by the instants so shifted, so that a camera halfway
between two slots is not numbered by its jitter. A number is always higher than the one before; a
hole in the numbers is a frame that did not come and counts as dropped. What comes before the
start leaves no trace: an uneven beginning would shift all numbers and hide the first real hole.
"""

from ctlr.camera.sources import Take
from ctlr.camera.sources.grid import Grid


class FrameNumbers:
    def __init__(self, take: Take, fps: float) -> None:
        self._grid = Grid(take.start_at_us, fps)
        self._keep_from_us = take.keep_from_us
        self._streams = False
        self._beside_us = 0
        self._last: int | None = None
        self.dropped = 0

    def next(self, captured_at_us: int) -> int:
        """The number of a frame; frames come in the order of their capture times."""
        number = self._nearest(captured_at_us - self._beside_us)
        if captured_at_us < self._keep_from_us:
            self._streams = True
            return number
        if self._last is None:
            self._beside_us = captured_at_us - self._grid.due_us(number)
            wanted = self._grid.next_slot(self._keep_from_us) if self._streams else number
        else:
            wanted = self._last + 1
            number = max(number, wanted)
        self.dropped += max(0, number - wanted)
        self._last = number
        return number

    def _nearest(self, at_us: int) -> int:
        return self._grid.slot_at(at_us + self._grid.period_us // 2)
