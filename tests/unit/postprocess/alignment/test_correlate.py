"""The fast correlation against the plain one, shift by shift."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.postprocess.alignment.correlate import correlate, memory_steps
from ctlr.postprocess.alignment.grid import Grid


def grid(seed: int, length: int, known: float = 1.0) -> Grid:
    chance = np.random.default_rng(seed)
    here = chance.uniform(size=length) < known
    return Grid(0.0, 1.0, np.where(here, chance.normal(size=length), 0.0), here)


def plain(first: Grid, second: Grid, shift: int) -> tuple[float, int]:
    pairs = [
        (first.values[at], second.values[at + shift])
        for at in range(len(first.values))
        if 0 <= at + shift < len(second.values) and first.known[at] and second.known[at + shift]
    ]
    if len(pairs) < 3:
        return 0.0, len(pairs)
    return float(np.corrcoef(np.array(pairs).T)[0, 1]), len(pairs)


@given(st.integers(0, 999), st.integers(5, 40), st.integers(5, 40), st.sampled_from([1.0, 0.6]))
def test_each_shift_is_pearsons_coefficient(seed: int, a: int, b: int, known: float) -> None:
    first, second = grid(seed, a, known), grid(seed + 1, b, known)
    found = correlate(first, second, 3)
    assert found.shifts.tolist() == list(range(1 - a, b))
    for shift, value, overlap in zip(found.shifts, found.values, found.overlaps, strict=True):
        wanted, count = plain(first, second, int(shift))
        assert value == pytest.approx(wanted, abs=1e-9)
        assert overlap == (count if count >= 3 else 0)


def test_what_is_constant_correlates_with_nothing() -> None:
    flat = Grid(0.0, 1.0, np.full(50, 3.0), np.ones(50, np.bool_))
    assert not correlate(flat, grid(1, 50), 10).values.any()
    assert not correlate(flat, flat, 10).overlaps.any()


def test_memory_of_noise_and_of_what_moves_slowly() -> None:
    noise = grid(1, 4000)
    assert memory_steps(noise, grid(2, 4000)) == pytest.approx(1, abs=0.2)
    smooth = [
        Grid(0.0, 1.0, np.convolve(grid(n, 4000).values, np.ones(40), "same"), noise.known)
        for n in (3, 4)
    ]
    assert memory_steps(*smooth) == pytest.approx(2 / 3 * 40, rel=0.4)
