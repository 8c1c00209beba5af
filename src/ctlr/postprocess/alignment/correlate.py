"""The correlation of two grids at every shift, counting only where both are known. Pure.

At each shift the coefficient is that of Pearson over the steps that overlap and are known in
both, with means and deviations of just those, so that neither a hole nor an end weighs in. All
shifts at once are a few products of Fourier transforms (the masked normalised correlation of
D. Padfield, "Masked object registration in the Fourier domain", 2012).
"""

from dataclasses import dataclass

import numpy as np

from ctlr.postprocess.alignment.grid import Grid
from ctlr.postprocess.tables.numbers import Floats

_FLAT = 1e-9
"""Of the sum of squares; what deviates less is constant and correlates with nothing."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """``values[i]`` is how the first grid's step n resembles the second's n + ``shifts[i]``, over
    ``overlaps[i]`` steps; 0 where the overlap is too small."""

    shifts: "np.ndarray[tuple[int], np.dtype[np.int64]]"
    values: Floats
    overlaps: Floats


def correlate(first: Grid, second: Grid, least_overlap: int) -> Correlation:
    """Of every shift at which ``least_overlap`` steps are known in both."""
    size = 1 << (len(first.values) + len(second.values) - 2).bit_length()
    a, known_a, squares_a = (np.conj(spectrum) for spectrum in _spectra(first, size))
    b, known_b, squares_b = _spectra(second, size)

    def back(product: "np.ndarray[tuple[int], np.dtype[np.complex128]]") -> Floats:
        return np.fft.irfft(product, size)

    overlaps = np.rint(back(known_a * known_b))
    enough = overlaps >= max(least_overlap, 2)
    counts = np.where(enough, overlaps, 1.0)
    sums_a, sums_b = back(a * known_b), back(known_a * b)
    covered = back(a * b) - sums_a * sums_b / counts
    spread_a = back(squares_a * known_b) - sums_a**2 / counts
    spread_b = back(known_a * squares_b) - sums_b**2 / counts
    moving_a = spread_a > _FLAT * (first.values**2).sum()
    usable = enough & moving_a & (spread_b > _FLAT * (second.values**2).sum())
    spread = np.sqrt(np.where(usable, spread_a * spread_b, 1.0))
    values = np.where(usable, covered / spread, 0.0)
    shifts = np.arange(1 - len(first.values), len(second.values))
    return Correlation(shifts, values[shifts], np.where(usable, overlaps, 0.0)[shifts])


def _spectra(grid: Grid, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of values, known steps and squares."""
    parts = (grid.values, grid.known.astype(np.float64), grid.values**2)
    values, known, squares = (np.fft.rfft(part, size) for part in parts)
    return values, known, squares


def memory_steps(first: Grid, second: Grid) -> float:
    """Over how many steps two grids remember their own past: that many count as one.

    By M. S. Bartlett (1946) the sum of the product of both autocorrelations; only up to where
    one of them first falls to zero, as what follows is mostly chance.
    """
    size = min(len(first.values), len(second.values))
    one, other = _memory(first)[:size], _memory(second)[:size]
    product = one * other
    ends = np.flatnonzero((one <= 0) | (other <= 0))
    end = int(ends[0]) if len(ends) else size
    return float(max(1.0, 2 * product[:end].sum() - product[0]))


def _memory(grid: Grid) -> Floats:
    size = 1 << (2 * len(grid.values) - 1).bit_length()
    power = np.fft.irfft(np.abs(np.fft.rfft(grid.values, size)) ** 2, size)
    together = np.fft.irfft(np.abs(np.fft.rfft(grid.known.astype(np.float64), size)) ** 2, size)
    means = power[: len(grid.values)] / np.maximum(together[: len(grid.values)], 1.0)
    return np.asarray(means / means[0] if means[0] > 0 else np.zeros_like(means))
