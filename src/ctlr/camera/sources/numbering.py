"""Frame numbers for a camera that runs on a rate of its own. Pure.

Numbers count from 0 at ``start_at``. A camera that was streaming before has its first kept frame
in the first slot, wherever between two slots it comes; one that was not, in the slot of the
configured rate that it is nearest to. That also tells how far beside their slots this camera's
frames come; each later frame is placed by the instants so shifted, so that a camera halfway
between two slots is not numbered by its jitter. A number is always higher than the one before; a
hole in the numbers is a frame that did not come and counts as dropped. What comes before the
start only tells when the first kept frame was due: an uneven beginning would shift all numbers
and hide the first real hole.
"""

from ctlr.camera.sources import Take
from ctlr.camera.sources.grid import FrameGrid


class FrameNumbers:
    def __init__(self, take: Take, fps: float) -> None:
        self._grid = FrameGrid(take.start_at_us, fps)
        self._keep_from_us = take.keep_from_us
        self._first_slot = self._grid.next_slot(take.keep_from_us)
        self._before_us: int | None = None  # the newest frame that is not kept
        self._beside_us = 0
        self._last: int | None = None
        self.dropped = 0

    def next(self, captured_at_us: int) -> int:
        """The number of a frame; frames come in the order of their capture times."""
        if captured_at_us < self._keep_from_us:
            self._before_us = captured_at_us
            return self._grid.slot_at(captured_at_us)
        if self._last is None:
            number = self._first(captured_at_us)
            self._beside_us = captured_at_us - self._grid.due_us(number)
        else:
            wanted = self._last + 1
            number = max(self._nearest(captured_at_us - self._beside_us), wanted)
            self.dropped += number - wanted
        self._last = number
        return number

    def _first(self, captured_at_us: int) -> int:
        if self._before_us is None:
            return self._nearest(captured_at_us)
        period_us = self._grid.period_us
        due = -((self._before_us - self._keep_from_us) // period_us)  # frames on, rounded up
        came = round((captured_at_us - self._before_us) / period_us)
        self.dropped = max(0, came - due)
        return self._first_slot + self.dropped

    def _nearest(self, at_us: int) -> int:
        return self._grid.slot_at(at_us + self._grid.period_us // 2)
