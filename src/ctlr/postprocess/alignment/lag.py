"""By how much one clock is behind another, from two records of the same motion. Pure.

Both records are laid over each other at every shift (``correlate``); where they resemble each
other most is the lag. That is believed only as far as it differs from chance:

- there was motion at all, and enough of it in both records at once;
- the resemblance is beyond the best that unrelated records with the same memory would show
  somewhere among as many shifts (its Fisher z, against the highest of so many normal draws);
- no other shift does nearly as well (a steady walk resembles itself one step later);
- each half of the common time, looked at alone, finds the same lag.

All hold: ``high``. All but the last, or with few independent moments: ``low``. Otherwise the lag is
``unknown``, with the reason.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ctlr.postprocess.alignment.correlate import Correlation, correlate, memory_steps
from ctlr.postprocess.alignment.grid import Grid, lay_on_grid, without_drift
from ctlr.postprocess.tables.series import Series

Confidence = Literal["high", "low", "unknown"]

LEAST_OVERLAP_S = 10.0
MOST_STEPS = 1 << 17
BEYOND_CHANCE = 4.0
"""Standard deviations above the best of all shifts of unrelated records."""
LEAST_CORRELATION = 0.3
_FLAT = 1e-9
DISTINCT = 4.0
"""Standard deviations by which the highest peak exceeds the next; less is ambiguous."""
LEAST_INDEPENDENT = 12.0
"""A jolt alone counts as about ten; unrelated jolts are alike."""
MANY_INDEPENDENT = 20.0


@dataclass(frozen=True, slots=True)
class Manner:
    """How a quantity is compared: grid, what counts as slow, and the least deviation of the
    second record that counts as motion, in its unit."""

    step_s: float
    slow_s: float
    least_motion: float


@dataclass(frozen=True, slots=True)
class Lag:
    """The second clock is ``lag_s`` behind the first: what it stamps is that much too early.
    The truth lies within ``uncertainty_s`` (two standard deviations)."""

    confidence: Confidence
    lag_s: float | None = None
    uncertainty_s: float | None = None
    correlation: float | None = None
    overlap_s: float = 0.0
    because: str | None = None


def find_lag(first: Series, second: Series, manner: Manner) -> Lag:
    """Compare two records of the same motion."""
    first, second = _window(first.in_order(), second.in_order(), manner.step_s * MOST_STEPS)
    if min(first.span_s, second.span_s) < LEAST_OVERLAP_S:
        because = f"they have less than {LEAST_OVERLAP_S:.0f} s in common"
        return Lag("unknown", because=because)
    grids = [_prepare(series, manner) for series in (first, second)]
    if any(grid.known.sum() * manner.step_s < LEAST_OVERLAP_S for grid in grids):
        return Lag("unknown", because="their samples are too far apart")
    if _motion(grids[0]) < _FLAT or _motion(grids[1]) < manner.least_motion:
        return Lag("unknown", because="there was hardly any motion")
    return _judge(*grids)


def _prepare(series: Series, manner: Manner) -> Grid:
    return without_drift(lay_on_grid(series, manner.step_s), manner.slow_s)


def _motion(grid: Grid) -> float:
    return float(grid.values[grid.known].std()) if grid.known.any() else 0.0


def _window(first: Series, second: Series, longest_s: float) -> tuple[Series, Series]:
    """Of long records, the middle of the time that both cover by their own clocks; where these
    have none in common, the beginning of each."""
    if max(first.span_s, second.span_s) <= longest_s or not min(first.span_s, second.span_s):
        return first, second
    start_s = max(float(first.times_s[0]), float(second.times_s[0]))
    end_s = min(float(first.times_s[-1]), float(second.times_s[-1]))
    if end_s - start_s < LEAST_OVERLAP_S:
        return first.beginning(longest_s), second.beginning(longest_s)
    low_s = (start_s + end_s - longest_s) / 2
    return first.between(low_s, low_s + longest_s), second.between(low_s, low_s + longest_s)


def _judge(first: Grid, second: Grid) -> Lag:
    step_s = first.step_s
    shorter = min(int(first.known.sum()), int(second.known.sum()))
    found = correlate(first, second, max(int(LEAST_OVERLAP_S / step_s), shorter // 2))
    if not found.overlaps.any():
        return Lag("unknown", because="they have too little time in common")
    best = int(found.values.argmax())
    shift, overlap = int(found.shifts[best]), float(found.overlaps[best])
    memory = memory_steps(first, second)
    independent = min(overlap, _bearing_steps(first, second, shift)) / memory
    because = _doubt(found, best, memory, independent)
    peak_s, uncertainty_s = _peak(found, best, independent, step_s)
    lag = Lag(
        "high",
        lag_s=first.start_s - second.start_s - peak_s,
        uncertainty_s=uncertainty_s,
        correlation=float(found.values[best]),
        overlap_s=overlap * step_s,
    )
    if because:
        return replace(lag, confidence="unknown", lag_s=None, uncertainty_s=None, because=because)
    if independent < MANY_INDEPENDENT:
        return replace(lag, confidence="low", because="there was little motion to go by")
    if not _halves_agree(first, second, shift, memory):
        return replace(lag, confidence="low", because="not every part of the time says the same")
    return lag


def _bearing_steps(first: Grid, second: Grid, shift: int) -> float:
    """How many steps bear the resemblance: all of them where motion is spread over them as chance
    spreads it, few where it rests on a jolt or two."""
    start, end = _common(first, second, shift)
    product = first.values[start:end] * second.values[start + shift : end + shift]
    squares = float((product**2).sum())
    return 3 * float(product.sum()) ** 2 / squares if squares > 0 else 0.0


def _common(first: Grid, second: Grid, shift: int) -> tuple[int, int]:
    """The first grid's steps that the shifted second one covers."""
    return max(0, -shift), min(len(first.values), len(second.values) - shift)


def _doubt(found: Correlation, best: int, memory: float, independent: float) -> str | None:
    """Why the highest peak may be chance; None if it is surely not."""
    tried = max(2.0, float((found.overlaps > 0).sum()) / memory)
    deviation = 1 / np.sqrt(max(independent - 3, 1e-9))
    top = _fisher(float(found.values[best]))
    chance = (np.sqrt(2 * np.log(tried)) + BEYOND_CHANCE) * deviation
    if independent < LEAST_INDEPENDENT or top < max(chance, _fisher(LEAST_CORRELATION)):
        return "what they show resembles each other no more than chance would have it"
    away = np.abs(found.shifts - found.shifts[best]) > 2 * memory
    if away.any() and top - _fisher(float(found.values[away].max())) < DISTINCT * deviation:
        return "the motion repeats itself, so that several lags fit as well"
    return None


def _fisher(correlation: float) -> float:
    """The transform after which coefficients are about normally distributed (R. A. Fisher, 1915)."""
    return float(np.arctanh(min(correlation, 1 - 1e-6)))


def _peak(found: Correlation, best: int, independent: float, step_s: float) -> tuple[float, float]:
    """The shift (seconds) at the top of the parabola through the highest three values, and twice
    its standard deviation: the noise that the correlation admits, over the peak's curvature."""
    low, top, high = (
        found.values[max(best - 1, 0)],
        found.values[best],
        found.values[min(best + 1, len(found.values) - 1)],
    )
    bend = 2 * top - low - high
    beside = (high - low) / (2 * bend) if bend > 0 else 0.0
    noise = max(1 - top**2, 1e-6) / (max(independent, 1.0) * max(top, 1e-3) * max(bend, 1e-9))
    return (found.shifts[best] + beside) * step_s, 2 * step_s * float(np.sqrt(noise))


def _halves_agree(first: Grid, second: Grid, shift: int, memory: float) -> bool:
    """Whether each half of the common time finds the same shift by itself."""
    start, end = _common(first, second, shift)
    middle = (start + end) // 2
    for part in (first.part(start, middle), first.part(middle, end)):
        found = correlate(part, second, int(part.known.sum() * 0.75))
        offset = round((part.start_s - first.start_s) / first.step_s)
        best = int(found.values.argmax())
        if abs(int(found.shifts[best]) - offset - shift) > memory:
            return False
    return True
