"""Lags that were put into made-up rides, against those that the truth check finds.

Each run is a ride of its own (``simulator.motion``), seen by two sensors with noise of their own,
one of them on a clock that runs up to 5 s behind. The reference is that lag. Unrelated pairs are
the same with two different rides, or what most easily passes for a ride: noise, random walks,
single jolts, a walk of steady pace. Of these none should be believed.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from bench.paired import machine, percentile
from rich.console import Console
from rich.table import Table

from ctlr.postprocess.alignment.check import ROTATION, SPEED
from ctlr.postprocess.alignment.lag import Lag, Manner, find_lag
from ctlr.postprocess.tables.numbers import Floats
from ctlr.postprocess.tables.series import Series
from ctlr.simulator.motion import Motion

RUNS = 100
MOST_LAG_S = 5.0
START_S = 1_776_313_714.0

Chance = np.random.Generator
Make = Callable[[int, float, float], tuple[Series, Series]]
"""Two records from a seed, how many seconds, and by how much the second's clock is behind."""


def times(seconds: float, rate_hz: float) -> Floats:
    return np.asarray(START_S + np.arange(0, seconds, 1 / rate_hz))


def rotation(seed: int, at: Floats, chance: Chance, arm: float = 0.0) -> Floats:
    """The size of what a gyroscope shows; ``arm``: how much the wrist moves by itself."""
    motion, own = Motion(seed), Motion(seed + 5000)
    axes = (motion.yaw_rate(at), motion.roll_rate(at), motion.pitch_rate(at))
    noise = chance.normal(0, 0.012, (3, len(at)))
    noise[2] += arm * own.roll_rate(at)
    return np.asarray(np.linalg.norm(np.stack(axes) + noise, axis=0))


def watch(seed: int, seconds: float, lag_s: float, other: int = 0) -> tuple[Series, Series]:
    chance, phone, wrist = np.random.default_rng(seed), times(seconds, 100), times(seconds, 50)
    worn = rotation(seed + other, wrist, chance, arm=0.3)
    return Series(phone, rotation(seed, phone, chance)), Series(wrist - lag_s, worn)


def gps(seed: int, seconds: float, lag_s: float, other: int = 0) -> tuple[Series, Series]:
    chance, can, slow = np.random.default_rng(seed), times(seconds, 50), times(seconds, 1)
    kmh = np.round(Motion(seed).speed_m_s(can) * 3.6, 2)
    seen = Motion(seed + other).speed_m_s(slow) + chance.normal(0, 0.15, len(slow))
    return Series(can, kmh), Series(slow - lag_s, seen)


def walk(seed: int, seconds: float, lag_s: float, wander: float = 0.1) -> tuple[Series, Series]:
    """Steps 1.8 times a second, whose pace and strength wander."""
    chance, at = np.random.default_rng(seed), times(seconds, 100)
    loose = [
        np.convolve(chance.normal(0, 1, len(at)), np.ones(width) / width**0.5, "same") * wander
        for width in (400, 300)
    ]
    phase = 2 * np.pi * np.cumsum(1.8 + loose[0]) / 100
    steps = 1 + (1 + 3 * loose[1]) * (0.5 * np.sin(phase) + 0.3 * np.sin(2 * phase))
    seen = steps + chance.normal(0, 0.2, (2, len(at)))
    return Series(at, seen[0]), Series(at - lag_s, seen[1])


def noise(seed: int, seconds: float, lag_s: float) -> tuple[Series, Series]:
    at = times(seconds, 100)
    both = np.abs(np.random.default_rng(seed).normal(0, 0.1, (2, len(at))))
    return Series(at, both[0]), Series(at - lag_s, both[1])


def random_walks(seed: int, seconds: float, lag_s: float) -> tuple[Series, Series]:
    at = times(seconds, 10)
    both = np.random.default_rng(seed).normal(0, 1, (2, len(at))).cumsum(axis=1)
    return Series(at, both[0]), Series(at - lag_s, both[1])


def jolts(seed: int, seconds: float, lag_s: float, count: int = 1) -> tuple[Series, Series]:
    chance, at = np.random.default_rng(seed), times(seconds, 100)

    def one() -> Floats:
        values = np.abs(chance.normal(0, 0.02, len(at)))
        for when in chance.uniform(0, seconds, count):
            width = chance.uniform(0.1, 0.5)
            values += chance.uniform(0.5, 3) * np.exp(-(((at - START_S - when) / width) ** 2))
        return values

    return Series(at, one()), Series(at - lag_s, one())


RELATED: dict[str, tuple[Make, Manner, tuple[float, ...]]] = {
    "watch / phone": (watch, ROTATION, (30, 60, 300)),
    "walking": (walk, ROTATION, (30, 60, 300)),
    "GPS / CAN": (gps, SPEED, (30, 60, 120, 300)),
}
UNRELATED: dict[str, tuple[Make, Manner]] = {
    "watch / phone, two rides": (partial(watch, other=100), ROTATION),
    "GPS / CAN, two rides": (partial(gps, other=100), SPEED),
    "walk of steady pace": (partial(walk, wander=0.0), ROTATION),
    "noise": (noise, ROTATION),
    "random walks": (random_walks, SPEED),
    "a jolt each": (jolts, ROTATION),
    "two jolts each": (partial(jolts, count=2), ROTATION),
}


def runs(make: Make, manner: Manner, seconds: float) -> Iterator[tuple[float, Lag]]:
    for seed in range(RUNS):
        lag_s = float(np.random.default_rng(seed + 900).uniform(-MOST_LAG_S, MOST_LAG_S))
        yield lag_s, find_lag(*make(seed, seconds, lag_s), manner)


def related() -> Table:
    table = Table(title=f"Records of the same ride, {RUNS} each", title_justify="left")
    for heading in ("", "high", "low", "unknown", "error p50", "p95", "worst", "within", "stated"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, (make, manner, lengths) in RELATED.items():
        for seconds in lengths:
            found = list(runs(make, manner, seconds))
            counts = Counter(lag.confidence for _, lag in found)
            errors, stated = [], []
            for lag_s, lag in found:
                if lag.confidence == "high" and lag.lag_s is not None and lag.uncertainty_s:
                    errors.append(abs(lag.lag_s - lag_s) * 1000)
                    stated.append(lag.uncertainty_s * 1000)
            within = sum(error <= limit for error, limit in zip(errors, stated, strict=True))
            table.add_row(
                f"{name}, {seconds:g} s",
                *(str(counts[level]) for level in ("high", "low", "unknown")),
                *(f"{percentile(errors, share):.1f} ms" for share in (50, 95, 100)),
                f"{within} of {len(errors)}",
                f"{percentile(stated, 50):.1f} ms",
            )
    return table


def unrelated() -> Table:
    table = Table(title=f"Records of nothing in common, {RUNS} each", title_justify="left")
    for heading in ("", "high", "low", "unknown"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, (make, manner) in UNRELATED.items():
        for seconds in (30.0, 120.0):
            counts = Counter(lag.confidence for _, lag in runs(make, manner, seconds))
            levels = (str(counts[level]) for level in ("high", "low", "unknown"))
            table.add_row(f"{name}, {seconds:g} s", *levels)
    return table


def main() -> None:
    console = Console(width=110)
    console.print(machine(), style="dim", highlight=False)
    console.print(related())
    console.print(unrelated())


if __name__ == "__main__":
    main()
