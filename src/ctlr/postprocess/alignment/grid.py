"""What is laid over each other of two quantities. Pure.

Two sensors sample at their own instants; to be compared, both are laid onto grids of equal steps:
averaged where samples are denser than the grid, on straight lines where they are sparser. Where
samples are missing, the grid says so (``known``) instead of making something up.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ctlr.postprocess.tables.numbers import Floats
from ctlr.postprocess.tables.series import Series

Flags = NDArray[np.bool_]

_HOLE_PERIODS = 3.5
"""Samples further apart than that many usual distances have nothing known between them."""
_OUTLIER = 3.0
"""A value further from the middle than so many times the width of 95 % of them is cut to that."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Values ``step_s`` apart from ``start_s`` on; 0 where ``known`` is false."""

    start_s: float
    step_s: float
    values: Floats
    known: Flags

    def part(self, first: int, last: int) -> "Grid":
        """Steps ``first`` to ``last`` (exclusive)."""
        start_s = self.start_s + first * self.step_s
        return Grid(start_s, self.step_s, self.values[first:last], self.known[first:last])


def lay_on_grid(series: Series, step_s: float) -> Grid:
    """A series in order with at least two samples, as a grid."""
    hole_s = _HOLE_PERIODS * max(series.period_s, step_s)
    averaged = _averaged(series, step_s)
    start_s = float(averaged.times_s[0])
    count = int(averaged.span_s / step_s) + 1
    at = start_s + np.arange(count) * step_s
    values = np.interp(at, averaged.times_s, averaged.values)
    after = np.searchsorted(averaged.times_s, at).clip(1, len(averaged.times_s) - 1)
    known = averaged.times_s[after] - averaged.times_s[after - 1] <= hole_s
    return Grid(start_s, step_s, np.where(known, values, 0.0), known)


def _averaged(series: Series, step_s: float) -> Series:
    """One sample for each step that has any: the mean of its samples at the mean of their times."""
    start_s = series.times_s[0]
    cells = np.floor((series.times_s - start_s) / step_s).astype(np.int64)
    firsts = np.flatnonzero(np.diff(cells, prepend=-1))
    counts = np.diff(firsts, append=len(cells))
    times_s = start_s + np.add.reduceat(series.times_s - start_s, firsts) / counts
    return Series(times_s, np.add.reduceat(series.values, firsts) / counts)


def without_drift(grid: Grid, window_s: float) -> Grid:
    """What changes faster than ``window_s``: outliers are cut, a moving mean is taken off."""
    half = max(1, int(window_s / grid.step_s / 2))
    values = np.where(grid.known, _without_outliers(grid.values, grid.known), 0.0)
    counts = _moving_sum(grid.known.astype(np.float64), half)
    slow = _moving_sum(values, half) / np.maximum(counts, 1)
    return replace(grid, values=np.where(grid.known, values - slow, 0.0))


def _moving_sum(values: Floats, half: int) -> Floats:
    sums = np.concatenate(([0.0], np.cumsum(values)))
    at = np.arange(len(values))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    return np.asarray(sums[high] - sums[low])


def _without_outliers(values: Floats, known: Flags) -> Floats:
    if not known.any():
        return values
    low, high = np.percentile(values[known], (2.5, 97.5))
    return values.clip(low - _OUTLIER * (high - low), high + _OUTLIER * (high - low))
