"""A phone and a watch that ride along: one drive, seen by every sensor.

What the sensors measure follows from one motion (``motion``): the accelerometer its change of
speed, its curves and gravity, the gyroscopes its turning, the GPS its place. So the files of a
session agree with each other, as those of a real one do, except for the clocks of watch and GPS
where these are told to run behind. Everything comes from the seed: the same call makes the same
bytes.

Columns are those of the Sensor Logger app (``time`` in Unix nanoseconds, ``seconds_elapsed``,
then z, y, x) with a readable ``datetime`` in front. In the phone's frame y points ahead, x to
the right and z up.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from ctlr.simulator.motion import Floats, Motion

MOTION_HZ = 100.0
WRIST_HZ = 50.0
HEADPHONE_HZ = 25.0
SLOW_HZ = 1.0

_GRAVITY = 9.80665
_EARTH_RADIUS_M = 6_371_000.0
_START_LATITUDE, _START_LONGITUDE = -37.8136, 144.9631  # Melbourne, where the rig is at home
_UPLOAD_TIMEOUT_S = 300

Columns = Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Lags:
    """By how many seconds clocks run behind: what they stamp is that much too early."""

    watch_s: float = 0.0
    gps_s: float = 0.0


def generate(
    folder: Path,
    uuid: str,
    start_ms: int,
    duration_s: float,
    seed: int = 1,
    lags: Lags = Lags(),
) -> list[Path]:
    """Write the files of one session into ``folder`` and return their paths.

    ``start_ms`` is the Unix time of the first row in milliseconds. The drive follows from
    ``seed`` (see ``motion``), the sensors' noise from ``uuid`` too.
    """
    rng = np.random.default_rng([seed, *uuid.encode()])
    drive = _Drive(Motion(seed), start_ms / 1000)
    fast, wrist, headphone, slow = (
        np.arange(0, duration_s, 1 / rate) for rate in (MOTION_HZ, WRIST_HZ, HEADPHONE_HZ, SLOW_HZ)
    )
    tables = {
        "accelerometer.csv": (0.0, fast, drive.acceleration(fast, rng)),
        "gyroscope.csv": (0.0, fast, drive.turning(fast, rng)),
        "gps.csv": (lags.gps_s, slow, drive.positions(slow, rng)),
        "headphonemotion.csv": (0.0, headphone, drive.head(headphone, rng)),
        "watch/gyroscope.csv": (lags.watch_s, wrist, drive.wrist(wrist, rng)),
        "watch/heart_rate.csv": (lags.watch_s, slow, _heart(slow, rng)),
    }
    return [
        _write(folder / name, start_ms - round(lag_s * 1000), times_s, columns)
        for name, (lag_s, times_s, columns) in tables.items()
    ]


async def upload(url: str, uuid: str, folder: Path) -> dict[str, Any]:
    """Send every CSV below ``folder`` in one request, as the phone app does.

    ``url`` is the controller's, such as ``http://ctlr:8000``. Returns its answer. Raises
    ``aiohttp.ClientError`` when the controller refuses or cannot be reached.
    """
    with ExitStack() as files:
        form = _form(uuid, folder, files)
        timeout = aiohttp.ClientTimeout(total=_UPLOAD_TIMEOUT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.post(f"{url}/api/sync/phone", data=form) as answer,
        ):
            body: dict[str, Any] = await answer.json(content_type=None)
            if not answer.ok:
                raise aiohttp.ClientError(body["detail"])
            return body


def _form(uuid: str, folder: Path, files: ExitStack) -> aiohttp.FormData:
    # Unquoted: names with a folder or in UTF-8 go as they are.
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("uuid", uuid)
    for path in sorted(folder.rglob("*.csv")):
        name = path.relative_to(folder).as_posix()
        file = files.enter_context(path.open("rb"))
        form.add_field("files", file, filename=name, content_type="text/csv")
    return form


class _Drive:
    """What the sensors measure of a motion at the times given (seconds since ``start_s``)."""

    def __init__(self, motion: Motion, start_s: float) -> None:
        self._motion = motion
        self._start_s = start_s

    def acceleration(self, times_s: Floats, rng: np.random.Generator) -> Columns:
        at = self._start_s + times_s
        ahead = self._motion.acceleration_m_s2(at)
        # In a right-hand turn the phone is pushed to the right: towards the curve's middle.
        aside = self._motion.speed_m_s(at) * self._motion.yaw_rate(at)
        return _noisy({"z": np.full_like(times_s, _GRAVITY), "y": ahead, "x": aside}, 0.12, rng)

    def turning(self, times_s: Floats, rng: np.random.Generator) -> Columns:
        return _noisy(self._rotation(times_s), 0.01, rng)

    def wrist(self, times_s: Floats, rng: np.random.Generator) -> Columns:
        # The watch sits askew on an arm that turns with the car and makes moves of its own.
        body, own = self._rotation(times_s), Motion(int(rng.integers(1 << 31)))
        moves = 0.3 * own.roll_rate(self._start_s + times_s)
        askew = {"z": body["x"], "y": -body["z"], "x": body["y"] + moves}
        return _noisy(askew, 0.015, rng)

    def head(self, times_s: Floats, rng: np.random.Generator) -> Columns:
        # A head turns with the car, and looks around.
        look = 0.4 * np.sin(2 * np.pi * times_s / 5.3)
        yaw = -self._motion.heading_rad(self._start_s + times_s) + look
        nod = 0.05 * np.sin(2 * np.pi * times_s / 1.9)
        columns = {"yaw": yaw, "roll": np.zeros_like(times_s), "pitch": nod}
        rates = {"rotationRateZ": np.gradient(yaw, 1 / HEADPHONE_HZ)} if len(yaw) > 1 else {}
        return _noisy(columns | rates, 0.005, rng)

    def positions(self, times_s: Floats, rng: np.random.Generator) -> Columns:
        at = self._start_s + times_s
        east_m, north_m = self._travelled(times_s)
        wander_m = rng.normal(0, 0.4, (2, len(times_s)))
        latitude = _START_LATITUDE + np.degrees((north_m + wander_m[0]) / _EARTH_RADIUS_M)
        shrink = np.cos(np.radians(_START_LATITUDE))
        return {
            "longitude": _START_LONGITUDE
            + np.degrees((east_m + wander_m[1]) / (_EARTH_RADIUS_M * shrink)),
            "latitude": latitude,
            "altitude": 31.0 + rng.normal(0, 1.5, len(times_s)),
            "speed": self._motion.speed_m_s(at) + rng.normal(0, 0.15, len(times_s)),
            "bearing": np.degrees(self._motion.heading_rad(at)) % 360,
            "horizontalAccuracy": np.full_like(times_s, 4.7),
        }

    def _rotation(self, times_s: Floats) -> Columns:
        at = self._start_s + times_s
        return {
            "z": -self._motion.yaw_rate(at),
            "y": self._motion.roll_rate(at),
            "x": self._motion.pitch_rate(at),
        }

    def _travelled(self, times_s: Floats) -> tuple[Floats, Floats]:
        fine_s = np.arange(0, times_s[-1] + 0.05, 0.01)
        steps_m = self._motion.speed_m_s(self._start_s + fine_s) * 0.01
        heading = self._motion.heading_rad(self._start_s + fine_s)
        east_m, north_m = np.cumsum(steps_m * np.sin(heading)), np.cumsum(steps_m * np.cos(heading))
        return np.interp(times_s, fine_s, east_m), np.interp(times_s, fine_s, north_m)


def _heart(times_s: Floats, rng: np.random.Generator) -> Columns:
    rate = 78 + 9 * np.sin(2 * np.pi * times_s / 90) + rng.normal(0, 1, len(times_s))
    return {"bpm": np.round(rate)}


def _noisy(columns: Columns, size: float, rng: np.random.Generator) -> Columns:
    return {name: values + rng.normal(0, size, len(values)) for name, values in columns.items()}


def _write(path: Path, start_ms: int, times_s: Floats, columns: Columns) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    elapsed_ns = np.round(times_s * 1e9).astype(np.int64)
    times_ns = start_ms * 1_000_000 + elapsed_ns
    dates = np.datetime_as_string(times_ns.astype("datetime64[ns]").astype("datetime64[ms]"))
    values = np.stack(list(columns.values()), axis=1)
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(",".join(["datetime", "time", "seconds_elapsed", *columns]) + "\n")
        for date, time_ns, time_s, row in zip(dates, times_ns, times_s, values, strict=True):
            numbers = ",".join(f"{value:.10g}" for value in row)
            file.write(f"{date}Z,{time_ns},{time_s:.6f},{numbers}\n")
    return path
