"""A vehicle's CAN bus: what its control units say of the drive that every pretend sensor is on. Pure.

Seven messages (``vehicle.dbc``), some 310 frames a second, as a small car has them: engine and
steering every 10 ms, wheels and vehicle every 20 ms, the rest seldom. All signals follow from
``motion``, so a phone that was simulated with the same seed measures the same drive. Further
frames that no database knows fill the bus up to a given rate.
"""

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ctlr.simulator.motion import Floats, Motion

DATABASE = Path(__file__).with_name("vehicle.dbc")

_GEAR_FROM_M_S = (0.5, 5.0, 9.0, 13.0, 17.0)
_RPM_BY_M_S = (0.0, 190.0, 120.0, 90.0, 70.0, 58.0)
_TURNING_RAD_S = 0.12
_WHEELBASE_M, _STEERING_RATIO, _HALF_TRACK_M = 2.7, 15.0, 0.75
_FIRST_FILLER_ID, _FILLER_IDS = 0x600, 128

_Pack = Callable[[Floats, Sequence[int]], Iterator[bytes]]
"""Data of one message at Unix times, and how many cycles of it there were until each."""


class BusFrame(NamedTuple):
    """A frame, due at Unix time ``at_s``."""

    at_s: float
    frame_id: int
    extended: bool
    data: bytes


class VehicleBus:
    """The frames of any stretch of time; the same seed makes the same."""

    def __init__(self, seed: int, fill_to_fps: float = 0.0) -> None:
        self._motion = Motion(seed)
        self._messages: tuple[tuple[float, int, bool, _Pack], ...] = (
            (0.01, 0x0C9, False, self._engine),
            (0.01, 0x0E5, False, self._steering),
            (0.02, 0x1A0, False, self._wheels),
            (0.02, 0x1F5, False, self._vehicle),
            (0.1, 0x3D1, False, self._body),
            (0.5, 0x5F0, False, self._service),
            (1.0, 0x18FEE017, True, self._odometer),
        )
        own_fps = sum(1 / cycle_s for cycle_s, *_ in self._messages)
        self._filler_s = 1 / (fill_to_fps - own_fps) if fill_to_fps > own_fps else None

    def frames(self, first_s: float, end_s: float) -> list[BusFrame]:
        """Those due from ``first_s`` on and before ``end_s``, in order."""
        found = []
        for cycle_s, frame_id, extended, pack in self._messages:
            numbers = _cycles(cycle_s, first_s, end_s)
            times = np.array([number * cycle_s for number in numbers])
            if numbers:
                data = pack(times, numbers)
                found += [
                    BusFrame(at_s, frame_id, extended, packed)
                    for at_s, packed in zip(times.tolist(), data, strict=True)
                ]
        if cycle := self._filler_s:
            found += [_filler(number, cycle) for number in _cycles(cycle, first_s, end_s)]
        return sorted(found)

    def _engine(self, at_s: Floats, numbers: Sequence[int]) -> Iterator[bytes]:
        speed = self._motion.speed_m_s(at_s)
        throttle = np.clip(20 + 12 * self._motion.acceleration_m_s2(at_s), 0, 100)
        for number, moving, pushed in zip(numbers, speed, throttle, strict=True):
            rpm = 800 + moving * _RPM_BY_M_S[_gear(moving)]
            yield struct.pack("<HBB3xB", round(rpm * 4), round(pushed / 0.4), 130, number % 256)

    def _steering(self, at_s: Floats, numbers: Sequence[int]) -> Iterator[bytes]:
        angle = self._steering_deg(at_s)
        rate = (self._steering_deg(at_s + 0.005) - self._steering_deg(at_s - 0.005)) / 0.01
        for turned, turning in zip(angle, rate, strict=True):
            yield struct.pack(">hh", _short(turned * 10), _short(turning * 2))

    def _steering_deg(self, at_s: Floats) -> Floats:
        curve = self._motion.yaw_rate(at_s) / self._motion.speed_m_s(at_s)
        return np.degrees(np.arctan(curve * _WHEELBASE_M)) * _STEERING_RATIO

    def _wheels(self, at_s: Floats, numbers: Sequence[int]) -> Iterator[bytes]:
        speed, aside = self._motion.speed_m_s(at_s), self._motion.yaw_rate(at_s) * _HALF_TRACK_M
        for left, right in zip(speed + aside, speed - aside, strict=True):
            yield struct.pack("<4H", *(round(wheel * 360) for wheel in (left, right, left, right)))

    def _vehicle(self, at_s: Floats, numbers: Sequence[int]) -> Iterator[bytes]:
        speed, ahead = self._motion.speed_m_s(at_s), self._motion.acceleration_m_s2(at_s)
        yaw = np.degrees(self._motion.yaw_rate(at_s))
        for moving, turning, pushed in zip(speed, yaw, ahead, strict=True):
            shorts = _short(turning * 100), _short(pushed * 1000)
            yield struct.pack("<Hhh", round(moving * 360), *shorts)

    def _body(self, at_s: Floats, numbers: Sequence[int]) -> Iterator[bytes]:
        speed, yaw = self._motion.speed_m_s(at_s), self._motion.yaw_rate(at_s)
        braking = self._motion.acceleration_m_s2(at_s) < -1.0
        for moving, turning, brakes in zip(speed, yaw, braking, strict=True):
            side = 2 if turning > _TURNING_RAD_S else 1 if turning < -_TURNING_RAD_S else 0
            yield bytes([_gear(moving) | bool(brakes) << 3 | side << 4, 0])

    def _service(self, at_s: Floats, numbers: Sequence[int]) -> Iterator[bytes]:
        """Two pages in turn: the battery's voltage, the oil's temperature."""
        for number in numbers:
            if number % 2:
                yield struct.pack("<BB2x", 1, 125 + number // 2 % 5)
            else:
                yield struct.pack("<BHx", 0, round(1000 * (13.8 + 0.2 * math.sin(number))))

    def _odometer(self, at_s: Floats, numbers: Sequence[int]) -> Iterator[bytes]:
        for number in numbers:
            driven_km = number % 10_000_000 * 0.011
            yield struct.pack("<If", round(driven_km / 0.005), 600 - driven_km % 500)


def _cycles(cycle_s: float, first_s: float, end_s: float) -> range:
    """The cycles since 1970 that begin from ``first_s`` on and before ``end_s``."""
    return range(math.ceil(first_s / cycle_s), math.ceil(end_s / cycle_s))


def _filler(number: int, cycle_s: float) -> BusFrame:
    frame_id = _FIRST_FILLER_ID + number % _FILLER_IDS
    return BusFrame(number * cycle_s, frame_id, False, (number % 2**64).to_bytes(8, "big"))


def _gear(speed_m_s: float) -> int:
    return sum(speed_m_s >= limit for limit in _GEAR_FROM_M_S)


def _short(value: float) -> int:
    return round(min(max(value, -32768.0), 32767.0))
