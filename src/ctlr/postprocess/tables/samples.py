"""Samples of one quantity, as many as are worth keeping. Pure.

Rows are averaged over ``CELL_S``; when there are more than ``MOST`` of these, over twice that. So
hours at a hundred samples a second fit into a few megabytes, with more detail than a
comparison of clocks needs.
"""

import numpy as np

from ctlr.postprocess.tables.numbers import Floats
from ctlr.postprocess.tables.series import Series

CELL_S = 0.02
MOST = 1 << 19


class Samples:
    """Takes in rows' times and values, in the order of the file."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._cell_s = CELL_S
        self._times: list[Floats] = []
        self._values: list[Floats] = []
        self._count = 0

    def add(self, times_s: Floats, values: Floats) -> None:
        good = np.isfinite(times_s) & np.isfinite(values)
        if not good.any():
            return
        self._keep(*_averaged(times_s[good], values[good], self._cell_s))
        if self._count > self._most:
            self._thin()

    def _thin(self) -> None:
        self._cell_s *= 2
        times_s, values = np.concatenate(self._times), np.concatenate(self._values)
        times_s, values = _averaged(times_s, values, self._cell_s)
        if len(times_s) > self._most:  # times that jump about have no neighbours
            times_s, values = times_s[::2], values[::2]
        self._times, self._values, self._count = [], [], 0
        self._keep(times_s, values)

    def _keep(self, times_s: Floats, values: Floats) -> None:
        self._times.append(times_s)
        self._values.append(values)
        self._count += len(times_s)

    def series(self) -> Series | None:
        if not self._count:
            return None
        return Series(np.concatenate(self._times), np.concatenate(self._values))


def _averaged(times_s: Floats, values: Floats, cell_s: float) -> tuple[Floats, Floats]:
    """Neighbours in the same cell as one: the mean of their times and of their values."""
    cells = np.floor(times_s / cell_s)
    firsts = np.flatnonzero(np.concatenate(([True], np.diff(cells) != 0)))
    counts = np.diff(firsts, append=len(times_s))
    start_s = times_s[0]
    means = np.add.reduceat(times_s - start_s, firsts) / counts
    return start_s + means, np.add.reduceat(values, firsts) / counts
