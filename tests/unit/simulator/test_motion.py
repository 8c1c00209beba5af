import numpy as np
import pytest

from ctlr.simulator.motion import CRUISE_M_S, Motion

START_S = 1_776_313_714.0


@pytest.mark.parametrize("seed", range(5))
def test_slopes_are_slopes(seed: int) -> None:
    motion, at = Motion(seed), START_S + np.arange(0, 60, 0.01)
    speed, heading = motion.speed_m_s(at), motion.heading_rad(at)
    slope = np.gradient(speed, 0.01)[1:-1]
    assert motion.acceleration_m_s2(at)[1:-1] == pytest.approx(slope, abs=1e-3)
    assert motion.yaw_rate(at)[1:-1] == pytest.approx(np.gradient(heading, 0.01)[1:-1], abs=1e-3)


def test_it_moves_like_a_vehicle() -> None:
    at = START_S + np.arange(0, 1800, 1.0)
    for seed in range(5):
        speed = Motion(seed).speed_m_s(at)
        assert 0 < speed.min() < speed.max() < 2 * CRUISE_M_S
        assert speed.std() > 1
        assert 0.05 < Motion(seed).yaw_rate(at).std() < 0.5


def test_an_instant_has_one_motion_whoever_asks() -> None:
    at = START_S + np.arange(0, 10, 0.1)
    again = Motion(1).speed_m_s(at[50:60])
    assert (Motion(1).speed_m_s(at)[50:60] == again).all()
    assert (Motion(2).speed_m_s(at)[50:60] != again).all()


def test_two_drives_have_nothing_in_common() -> None:
    at = START_S + np.arange(0, 3600, 0.5)
    assert abs(np.corrcoef(Motion(1).yaw_rate(at), Motion(2).yaw_rate(at))[0, 1]) < 0.2
