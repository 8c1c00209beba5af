"""The pretend bus says what the motion is, in the words of its database."""

from itertools import pairwise

import cantools
import numpy as np
import pytest
from cantools.database.can import Database

from ctlr.simulator.can import DATABASE, BusFrame, VehicleBus
from ctlr.simulator.motion import Motion

BEGAN_S = 1_776_313_714.0


@pytest.fixture(scope="module")
def database() -> Database:
    loaded = cantools.database.load_file(DATABASE)
    assert isinstance(loaded, Database)
    return loaded


@pytest.fixture(scope="module")
def frames() -> list[BusFrame]:
    return VehicleBus(seed=3).frames(BEGAN_S, BEGAN_S + 10)


def test_each_message_comes_as_often_as_the_database_says(
    database: Database, frames: list[BusFrame]
) -> None:
    for message in database.messages:
        times = [frame.at_s for frame in frames if frame.frame_id == message.frame_id]
        assert message.cycle_time is not None
        cycle_s = message.cycle_time / 1000
        assert len(times) == pytest.approx(10 / cycle_s, abs=1)
        assert all(b - a == pytest.approx(cycle_s, abs=1e-5) for a, b in pairwise(times))
    assert {frame.frame_id for frame in frames} == {m.frame_id for m in database.messages}
    assert frames == sorted(frames)


def test_signals_follow_the_motion(database: Database, frames: list[BusFrame]) -> None:
    motion = Motion(3)
    for frame in frames:
        said = database.decode_message(frame.frame_id, frame.data, decode_choices=False)
        assert isinstance(said, dict)
        at = np.array([frame.at_s])
        speed = float(motion.speed_m_s(at)[0])
        if frame.frame_id == 0x1F5:
            assert said["VehicleSpeed"] == pytest.approx(speed * 3.6, abs=0.01)
            yaw = float(np.degrees(motion.yaw_rate(at)[0]))
            assert said["YawRate"] == pytest.approx(yaw, abs=0.01)
        elif frame.frame_id == 0x1A0:
            mean = np.mean([float(v) for v in said.values() if isinstance(v, int | float)])
            assert mean == pytest.approx(speed * 3.6, abs=0.01)


def test_every_signal_stays_in_its_range(database: Database, frames: list[BusFrame]) -> None:
    for frame in frames:
        message = database.get_message_by_frame_id(frame.frame_id)
        assert message.length == len(frame.data)
        said = message.decode(frame.data, decode_choices=False, scaling=True)
        assert isinstance(said, dict)
        for name, value in said.items():
            signal = message.get_signal_by_name(name)
            assert isinstance(value, int | float)
            assert signal.minimum is not None
            assert signal.maximum is not None
            assert signal.minimum <= value <= signal.maximum, name


def test_the_same_seed_says_the_same_however_it_is_cut() -> None:
    whole = VehicleBus(5, fill_to_fps=1000).frames(BEGAN_S, BEGAN_S + 1)
    cuts = [BEGAN_S, BEGAN_S + 0.013, BEGAN_S + 0.5, BEGAN_S + 0.977, BEGAN_S + 1]
    pieces = [VehicleBus(5, fill_to_fps=1000).frames(a, b) for a, b in pairwise(cuts)]
    assert [frame for piece in pieces for frame in piece] == whole
    assert len(whole) == pytest.approx(1000, abs=3)
    assert VehicleBus(6).frames(BEGAN_S, BEGAN_S + 1) != VehicleBus(5).frames(BEGAN_S, BEGAN_S + 1)
