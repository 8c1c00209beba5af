"""A quantity over time, as a sensor sampled it. Pure."""

from dataclasses import dataclass

import numpy as np

from ctlr.postprocess.tables.numbers import Floats


@dataclass(frozen=True, slots=True)
class Series:
    """``values`` at ``times_s`` (Unix seconds, in any order); at least one."""

    times_s: Floats
    values: Floats

    def in_order(self) -> "Series":
        """Sorted by time, without values that are no numbers."""
        good = np.isfinite(self.times_s) & np.isfinite(self.values)
        times_s, values = self.times_s[good], self.values[good]
        order = np.argsort(times_s, kind="stable")
        return Series(times_s[order], values[order])

    def between(self, first_s: float, last_s: float) -> "Series":
        """What of a series in order lies between two instants."""
        low, high = np.searchsorted(self.times_s, (first_s, last_s))
        return Series(self.times_s[low:high], self.values[low:high])

    def beginning(self, length_s: float) -> "Series":
        """The first ``length_s`` of a series in order."""
        return self.between(self.times_s[0], self.times_s[0] + length_s)

    @property
    def span_s(self) -> float:
        return float(self.times_s[-1] - self.times_s[0]) if len(self.times_s) else 0.0

    @property
    def period_s(self) -> float:
        """The usual distance between samples of a series in order; 0 where there is none."""
        steps = np.diff(self.times_s)
        ahead = steps[steps > 0]
        return float(np.median(ahead)) if len(ahead) else 0.0
