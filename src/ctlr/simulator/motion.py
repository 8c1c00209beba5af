"""How the pretend vehicle moves, so that every pretend sensor measures the same drive. Pure.

Speed and turning are sums of sines with random frequencies and phases, so they never repeat
within a session and have exact slopes and integrals. Times are Unix seconds: programs that know
nothing of each other (a phone that is simulated afterwards, a CAN bus that runs along) agree on
the motion of any instant as long as they are given the same seed.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CRUISE_M_S = 11.0
_SPEED_SWING_M_S = 9.0  # never further than that from cruising, so never backwards


class Motion:
    """One drive. All methods take Unix seconds and are pure functions of them and the seed."""

    def __init__(self, seed: int) -> None:
        chance = np.random.default_rng([seed, 0xD71F])
        self._speed = _Waves(chance, 24, 0.008, 0.35, 3.0)
        self._yaw = _Waves(chance, 24, 0.02, 1.2, 0.18)
        self._pitch = _Waves(chance, 24, 0.4, 4.0, 0.06)
        self._roll = _Waves(chance, 24, 0.4, 4.0, 0.08)

    def speed_m_s(self, times_s: Floats) -> Floats:
        """Along the road, above 0."""
        swing = _SPEED_SWING_M_S * np.tanh(self._speed.value(times_s) / _SPEED_SWING_M_S)
        return np.asarray(CRUISE_M_S + swing)

    def acceleration_m_s2(self, times_s: Floats) -> Floats:
        """The slope of ``speed_m_s``."""
        bend = np.tanh(self._speed.value(times_s) / _SPEED_SWING_M_S)
        return np.asarray(self._speed.slope(times_s) * (1 - bend**2))

    def heading_rad(self, times_s: Floats) -> Floats:
        """Clockwise from north."""
        return self._yaw.integral(times_s)

    def yaw_rate(self, times_s: Floats) -> Floats:
        """The slope of ``heading_rad``, rad/s."""
        return self._yaw.value(times_s)

    def pitch_rate(self, times_s: Floats) -> Floats:
        """Nodding over bumps, rad/s."""
        return self._pitch.value(times_s)

    def roll_rate(self, times_s: Floats) -> Floats:
        """Rocking from side to side, rad/s."""
        return self._roll.value(times_s)


class _Waves:
    """A sum of sines with frequencies (Hz) spread over a range, ``rms`` large in all."""

    def __init__(
        self, chance: np.random.Generator, count: int, lowest: float, highest: float, rms: float
    ) -> None:
        self._rates = 2 * np.pi * np.exp(chance.uniform(np.log(lowest), np.log(highest), count))
        self._phases = chance.uniform(0, 2 * np.pi, count)
        sizes = chance.uniform(0.5, 1, count)
        self._sizes = sizes * rms / np.sqrt((sizes**2).sum() / 2)

    def value(self, times_s: Floats) -> Floats:
        return self._sum(times_s, self._sizes, 0)

    def slope(self, times_s: Floats) -> Floats:
        return self._sum(times_s, self._sizes * self._rates, np.pi / 2)

    def integral(self, times_s: Floats) -> Floats:
        return self._sum(times_s, self._sizes / self._rates, -np.pi / 2)

    def _sum(self, times_s: Floats, sizes: Floats, ahead: float) -> Floats:
        total = np.zeros_like(times_s, dtype=np.float64)
        for rate, phase, size in zip(self._rates, self._phases, sizes, strict=True):
            total += size * np.sin(rate * times_s + (phase + ahead))
        return total
