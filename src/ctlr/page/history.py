"""The last hour of each clock and of the controller's heat, in memory: a picture, not a record."""

from collections import deque
from collections.abc import Iterable
from typing import Any

from ctlr.api.overview import Facts

INTERVAL_MS = 10_000
POINTS = 360


class History:
    """A point each ten seconds, of as many as an hour has."""

    def __init__(self) -> None:
        self._points: deque[tuple[int, dict[str, tuple[float, float]], tuple[float, float | None]]]
        self._points = deque(maxlen=POINTS)

    def note(self, facts: Facts) -> None:
        """Take a point, if it is time."""
        if self._points and facts.now_ms - self._points[-1][0] < INTERVAL_MS:
            return
        clocks = {
            view.name: (round(view.clock.offset_ms, 2), round(view.clock.uncertainty_ms, 2))
            for view in facts.views
            if view.connected and view.clock
        }
        self._points.append((facts.now_ms, clocks, (facts.system.cpu, facts.system.temp)))

    def series(self, names: Iterable[str]) -> dict[str, Any]:
        """By name, offsets and bounds in milliseconds; None where nothing is known."""
        return {
            "at_ms": [at_ms for at_ms, _, _ in self._points],
            "clocks": {
                name: [clocks.get(name, (None, None)) for _, clocks, _ in self._points]
                for name in names
            },
            "cpu": [machine[0] for _, _, machine in self._points],
            "temp": [machine[1] for _, _, machine in self._points],
        }
