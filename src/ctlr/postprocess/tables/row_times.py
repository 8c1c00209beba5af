"""What the times of a table's rows say: from when to when, how often, what is missing. Pure.

Rows are taken in block by block and only a few numbers are kept, so a table may be of any
length. Where times jump by more than two days, a clock was set (or had not been set yet): what
lies before and behind such a jump are *stretches*, each with findings of its own. Which of them
is the session's is only known beside the session (``table_report``).

A stretch's rate is that of its usual distance of rows. Rows that are missing here and there, and
rows out of order, don't change it; where rows come in bunches no distance is usual, and the mean
is taken.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ctlr.postprocess.tables.numbers import Flags, Floats

FAR_MS = 2 * 86_400_000.0
_FAR_STEPS = 100.0  # of a clock whose unit was told wrong every row may be days from the next
HOLE_PERIODS = 5.0
LEAST_PAUSE_MS = 250.0
MOST_HOLES = 50
MOST_STRETCHES = 8
_MOST_JUMPS = 32  # in one block
_BUNCHED = 1.5  # so many rows at the time of the one before, for each that is later
_NEAR = (0.25, 1.75)  # steps between these many usual ones are usual


@dataclass(frozen=True, slots=True)
class RowPause:
    """No row for ``ms`` after the one at ``at_ms``."""

    at_ms: float
    ms: float


@dataclass(frozen=True, slots=True)
class RowTimesFound:
    """``first_ms`` and ``last_ms`` are the earliest and latest; None if no row has a time.
    ``rows`` have one; ``far`` have another that is not believed. ``holes`` are in order of time;
    ``more_holes`` were too many to keep."""

    rows: int = 0
    unreadable: int = 0
    far: int = 0
    back: int = 0
    furthest_back_ms: float = 0.0
    first_ms: float | None = None
    last_ms: float | None = None
    rate_hz: float | None = None
    holes: tuple[RowPause, ...] = ()
    more_holes: int = 0

    @property
    def is_reversed(self) -> bool:
        """Whether the latest row comes first."""
        return self.rows > 2 and self.back >= 0.9 * (self.rows - 1)


class RowTimes:
    """Takes in the times of all rows, in the order of the file. ``jumping``: they may jump; a
    counter whose unit is not known does not."""

    def __init__(self, *, jumping: bool = True) -> None:
        self._far_ms = math.nan if jumping else math.inf
        self._unreadable = self._far = 0
        self._stretches: list[_Stretch] = []
        self._current = -1

    def add_before(self, *, unreadable: int = 0, far: int = 0) -> None:
        """Count rows that stood before those by which the clock was found."""
        self._unreadable += unreadable
        self._far += far

    def add(self, times_ms: Floats) -> Iterator[tuple[int, Flags]]:
        """Yields the number of each stretch that some of the rows belong to, and which do."""
        readable = np.isfinite(times_ms)
        self._unreadable += len(times_ms) - int(readable.sum())
        at = np.flatnonzero(readable)
        if not len(at):
            return
        times = times_ms[at]
        if math.isnan(self._far_ms):
            self._far_ms = _far_ms(times)
        cuts = [0, *self._jumps(times), len(times)]
        for first, end in itertools.pairwise(cuts):
            stretch = self._place(float(times[first]))
            if stretch is None:
                self._far += end - first
                continue
            self._stretches[stretch].add(times[first:end])
            chosen = np.zeros(len(times_ms), np.bool_)
            chosen[at[first:end]] = True
            yield stretch, chosen

    def _jumps(self, times: Floats) -> list[int]:
        jumps = np.flatnonzero(np.abs(np.diff(times)) > self._far_ms) + 1
        return [int(jump) for jump in jumps[:_MOST_JUMPS]]

    def _place(self, time_ms: float) -> int | None:
        """The stretch that a time goes on with, the present one first; a new one for none."""
        order = sorted(range(len(self._stretches)), key=lambda number: number != self._current)
        found = next((n for n in order if self._stretches[n].is_near(time_ms, self._far_ms)), None)
        if found is None and len(self._stretches) < MOST_STRETCHES:
            self._stretches.append(_Stretch())
            found = len(self._stretches) - 1
        self._current = self._current if found is None else found
        return found

    def found(self) -> tuple[RowTimesFound, ...]:
        """What all rows so far say, stretch by stretch in the order of the file; never empty."""
        total = self._far + sum(stretch.rows for stretch in self._stretches)
        stretches = [one.found(self._unreadable, total - one.rows) for one in self._stretches]
        return tuple(stretches) or (RowTimesFound(unreadable=self._unreadable, far=self._far),)


@dataclass(frozen=True, slots=True)
class _Pace:
    """Of a block: its usual step, how many steps were so, and how much time they cover."""

    step_ms: float
    steps: int
    near: int
    near_ms: float


class _Stretch:
    """Rows without a jump."""

    def __init__(self) -> None:
        self.rows = 0
        self._back, self._furthest_back_ms = 0, 0.0
        self._first_ms, self._last_ms = np.inf, -np.inf
        self._previous_ms: float | None = None
        self._latest_ms = -np.inf
        self._paces: list[_Pace] = []
        self._holes: list[RowPause] = []
        self._still, self._ahead, self._ahead_ms = 0, 0, 0.0
        self._more_holes, self._more_ms = 0, 0.0

    def is_near(self, time_ms: float, far_ms: float) -> bool:
        return self._first_ms - far_ms <= time_ms <= self._last_ms + far_ms

    def add(self, times_ms: Floats) -> None:
        self.rows += len(times_ms)
        before = times_ms
        if self._previous_ms is not None:
            before = np.concatenate(([self._previous_ms], times_ms))
        self._previous_ms = float(times_ms[-1])
        back = np.diff(before)
        back = back[back < 0]
        self._back += len(back)
        self._furthest_back_ms = max(self._furthest_back_ms, -float(back.min(initial=0.0)))
        self._add_steps(np.sort(times_ms) if len(back) else times_ms)
        self._first_ms = min(self._first_ms, float(times_ms.min()))
        self._last_ms = max(self._last_ms, float(times_ms.max()))

    def _add_steps(self, ordered: Floats) -> None:
        """``ordered`` as a block that was written in order; one that begins before the last one
        ended does not go on from there."""
        if ordered[0] >= self._latest_ms > -np.inf:
            ordered = np.concatenate(([self._latest_ms], ordered))
        self._latest_ms = float(ordered[-1])
        steps = np.diff(ordered)
        ahead = steps[steps > 0]
        self._still += len(steps) - len(ahead)
        self._ahead += len(ahead)
        self._ahead_ms += float(ahead.sum())
        if len(ahead):
            usual_ms = float(np.median(ahead))
            near = ahead[(ahead > _NEAR[0] * usual_ms) & (ahead < _NEAR[1] * usual_ms)]
            self._paces.append(_Pace(usual_ms, len(ahead), len(near), float(near.sum())))
            self._add_holes(ordered, steps, _least_hole(usual_ms))

    def _add_holes(self, ordered: Floats, steps: Floats, least_ms: float) -> None:
        at = np.flatnonzero(steps > least_ms)
        self._holes += [RowPause(float(ordered[i]), float(steps[i])) for i in at]
        self._holes.sort(key=lambda hole: -hole.ms)
        self._more_holes += len(self._holes[MOST_HOLES:])
        self._more_ms += sum(hole.ms for hole in self._holes[MOST_HOLES:])
        del self._holes[MOST_HOLES:]

    def found(self, unreadable: int, far: int) -> RowTimesFound:
        least_ms = _least_hole(self._period_ms)
        holes = sorted((h for h in self._holes if h.ms > least_ms), key=lambda hole: hole.at_ms)
        return RowTimesFound(
            rows=self.rows,
            unreadable=unreadable,
            far=far,
            back=self._back,
            furthest_back_ms=self._furthest_back_ms,
            first_ms=self._first_ms,
            last_ms=self._last_ms,
            rate_hz=self._rate_hz(holes),
            holes=tuple(holes),
            more_holes=self._more_holes,
        )

    def _rate_hz(self, holes: list[RowPause]) -> float | None:
        period_ms = self._period_ms
        usual = [
            pace
            for pace in self._paces
            if _NEAR[0] * period_ms < pace.step_ms < _NEAR[1] * period_ms
        ]
        near, near_ms = sum(pace.near for pace in usual), sum(pace.near_ms for pace in usual)
        covered_ms = self._ahead_ms - self._more_ms - sum(hole.ms for hole in holes)
        steps = self._ahead + self._still - self._more_holes - len(holes)
        bunched = self._still > _BUNCHED * self._ahead or 2 * near_ms < covered_ms
        count, ms = (steps, covered_ms) if bunched else (near, near_ms)
        rate_hz = count * 1000 / ms if count > 0 and ms > 0 else math.inf
        return rate_hz if math.isfinite(rate_hz) else None

    @property
    def _period_ms(self) -> float:
        """The usual distance of two rows: the median of all blocks', by how many rows they have."""
        if not self._paces:
            return 0.0
        paces = sorted(self._paces, key=lambda pace: pace.step_ms)
        reached = np.cumsum([pace.steps for pace in paces])
        return paces[int(np.searchsorted(reached, reached[-1] / 2))].step_ms


def _far_ms(times_ms: Floats) -> float:
    steps = np.abs(np.diff(times_ms))
    return max(FAR_MS, _FAR_STEPS * float(np.median(steps))) if len(steps) else FAR_MS


def _least_hole(period_ms: float) -> float:
    return max(HOLE_PERIODS * period_ms, LEAST_PAUSE_MS)
