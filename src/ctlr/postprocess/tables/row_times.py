"""What the times of a table's rows say: from when to when, how often, what is missing. Pure.

Rows are taken in block by block and only a few numbers are kept, so a table may be of any
length. Times more than a month away from the first ones are set aside and counted: a clock that
had not been set yet is no reason to say that a recording took fifty years. (Not so of a counter
whose unit is not known.)
"""

import math
from dataclasses import dataclass

import numpy as np

from ctlr.postprocess.tables.numbers import Floats
from ctlr.postprocess.tables.rows import Flags

FAR_MS = 30 * 86_400_000.0
HOLE_PERIODS = 5.0
LEAST_PAUSE_MS = 250.0
MOST_HOLES = 50


@dataclass(frozen=True, slots=True)
class RowPause:
    """No row for ``ms`` after the one at ``at_ms``."""

    at_ms: float
    ms: float


@dataclass(frozen=True, slots=True)
class RowTimesFound:
    """``first_ms`` and ``last_ms`` are the earliest and latest; None if no row has a time.
    ``holes`` are in order of time; ``more_holes`` were too many to keep."""

    unreadable: int = 0
    far: int = 0
    back: int = 0
    furthest_back_ms: float = 0.0
    first_ms: float | None = None
    last_ms: float | None = None
    rate_hz: float | None = None
    holes: tuple[RowPause, ...] = ()
    more_holes: int = 0


class RowTimes:
    """Takes in the times of all rows, in the order of the file."""

    def __init__(self, far_ms: float = FAR_MS) -> None:
        self._far_ms = far_ms
        self._unreadable = self._far = self._back = 0
        self._furthest_back_ms = 0.0
        self._around_ms: float | None = None
        self._first_ms, self._last_ms = np.inf, -np.inf
        self._previous_ms: float | None = None
        self._periods_ms: list[float] = []
        self._weights: list[int] = []
        self._holes: list[RowPause] = []
        self._steps, self._ahead_ms = 0, 0.0
        self._more_holes, self._more_ms = 0, 0.0

    def add(self, times_ms: Floats) -> Flags:
        """Returns which of the times are to be believed."""
        readable = np.isfinite(times_ms)
        count = int(readable.sum())
        self._unreadable += len(times_ms) - count
        if count and self._around_ms is None:
            self._around_ms = float(np.median(times_ms[readable]))
        near = readable & (np.abs(times_ms - (self._around_ms or 0.0)) <= self._far_ms)
        believed = times_ms[near]
        self._far += count - len(believed)
        if len(believed):
            self._add_near(believed)
        return near

    def _add_near(self, near: Floats) -> None:
        self._first_ms = min(self._first_ms, float(near.min()))
        self._last_ms = max(self._last_ms, float(near.max()))
        before = near if self._previous_ms is None else np.concatenate(([self._previous_ms], near))
        self._previous_ms = float(near[-1])
        steps = np.diff(before)
        back = steps < 0
        self._back += int(back.sum())
        self._furthest_back_ms = max(self._furthest_back_ms, -float(steps.min(initial=0.0)))
        self._steps += len(steps) - int(back.sum())
        ahead = steps[steps > 0]
        if len(ahead):
            self._ahead_ms += float(ahead.sum())
            period_ms = float(np.median(ahead))
            self._periods_ms.append(period_ms)
            self._weights.append(len(ahead))
            self._add_holes(before, steps, _least_hole(period_ms))

    def _add_holes(self, before: Floats, steps: Floats, least_ms: float) -> None:
        at = np.flatnonzero(steps > least_ms)
        self._holes += [RowPause(float(before[i]), float(steps[i])) for i in at]
        self._holes.sort(key=lambda hole: -hole.ms)
        self._more_holes += len(self._holes[MOST_HOLES:])
        self._more_ms += sum(hole.ms for hole in self._holes[MOST_HOLES:])
        del self._holes[MOST_HOLES:]

    def found(self) -> RowTimesFound:
        """What all rows so far say."""
        least_ms = _least_hole(self._period_ms)
        holes = sorted((h for h in self._holes if h.ms > least_ms), key=lambda hole: hole.at_ms)
        covered_ms = self._ahead_ms - self._more_ms - sum(hole.ms for hole in holes)
        steps = self._steps - self._more_holes - len(holes)
        known = self._first_ms <= self._last_ms
        rate_hz = steps * 1000 / covered_ms if steps > 0 and covered_ms > 0 else math.inf
        return RowTimesFound(
            unreadable=self._unreadable,
            far=self._far,
            back=self._back,
            furthest_back_ms=self._furthest_back_ms,
            first_ms=self._first_ms if known else None,
            last_ms=self._last_ms if known else None,
            rate_hz=rate_hz if math.isfinite(rate_hz) else None,
            holes=tuple(holes),
            more_holes=self._more_holes,
        )

    @property
    def _period_ms(self) -> float:
        """The usual distance of two rows: the median of all blocks', by how many rows they have."""
        if not self._periods_ms:
            return 0.0
        order = np.argsort(self._periods_ms)
        reached = np.cumsum(np.array(self._weights)[order])
        return self._periods_ms[int(order[np.searchsorted(reached, reached[-1] / 2)])]


def _least_hole(period_ms: float) -> float:
    return max(HOLE_PERIODS * period_ms, LEAST_PAUSE_MS)
