import csv
from pathlib import Path

import numpy as np
import pytest

from ctlr.simulator.phone import Lags, generate

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
START_MS = 1_776_313_714_123


def columns(path: Path) -> dict[str, list[str]]:
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


def numbers(path: Path, name: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.array([float(value) for value in columns(path)[name]])


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    generate(tmp_path, UUID, START_MS, 60, seed=3)
    return tmp_path


def test_every_sensor_writes_its_file(tmp_path: Path) -> None:
    files = generate(tmp_path, UUID, START_MS, 2)
    assert [path.relative_to(tmp_path).as_posix() for path in files] == [
        "accelerometer.csv",
        "gyroscope.csv",
        "gps.csv",
        "headphonemotion.csv",
        "watch/gyroscope.csv",
        "watch/heart_rate.csv",
    ]
    assert [len(columns(path)["time"]) for path in files] == [200, 200, 2, 50, 100, 2]


def test_the_three_times_of_a_row_agree(drive: Path) -> None:
    table = columns(drive / "accelerometer.csv")
    assert list(table) == ["datetime", "time", "seconds_elapsed", "z", "y", "x"]
    assert table["time"][0] == f"{START_MS}000000"
    assert table["datetime"][0] == "2026-04-16T04:28:34.123Z"
    assert table["time"][150] == f"{START_MS + 1500}000000"
    assert table["seconds_elapsed"][150] == "1.500000"


def test_the_sensors_saw_the_same_drive(drive: Path) -> None:
    assert numbers(drive / "accelerometer.csv", "z").mean() == pytest.approx(9.81, abs=0.05)
    speed = numbers(drive / "gps.csv", "speed")
    ahead = numbers(drive / "accelerometer.csv", "y")
    gained = ahead[: 59 * 100].sum() / 100
    assert gained == pytest.approx(speed[59] - speed[0], abs=1.0)
    turned = -numbers(drive / "gyroscope.csv", "z")[: 59 * 100].sum() / 100
    bearing = np.radians(numbers(drive / "gps.csv", "bearing"))
    assert np.cos(turned - (bearing[59] - bearing[0])) == pytest.approx(1, abs=0.01)


def test_the_path_is_as_long_as_the_speed_says(drive: Path) -> None:
    north = np.radians(np.diff(numbers(drive / "gps.csv", "latitude"))) * 6_371_000
    east = np.radians(np.diff(numbers(drive / "gps.csv", "longitude"))) * 6_371_000 * 0.79
    speed = numbers(drive / "gps.csv", "speed")
    assert np.hypot(north, east).sum() == pytest.approx(speed[:-1].sum(), rel=0.05)


def test_the_seed_decides_everything(tmp_path: Path) -> None:
    def run(folder: str, uuid: str, seed: int) -> bytes:
        files = generate(tmp_path / folder, uuid, START_MS, 1, seed=seed)
        return b"".join(path.read_bytes() for path in files)

    first = run("a", UUID, 1)
    assert run("b", UUID, 1) == first
    assert run("c", UUID, 2) != first
    assert run("d", UUID.replace("3", "4"), 1) != first


def test_a_clock_that_runs_behind_stamps_too_early(tmp_path: Path) -> None:
    generate(tmp_path / "right", UUID, START_MS, 5)
    generate(tmp_path / "behind", UUID, START_MS, 5, lags=Lags(watch_s=1.25, gps_s=-0.5))
    for name, shift_ns in (
        ("watch/gyroscope.csv", -1_250_000_000),
        ("gps.csv", 500_000_000),
        ("gyroscope.csv", 0),
    ):
        right, behind = (columns(tmp_path / folder / name) for folder in ("right", "behind"))
        assert int(behind["time"][0]) - int(right["time"][0]) == shift_ns
        values = [key for key in right if key not in {"time", "datetime"}]
        assert [right[key] for key in values] == [behind[key] for key in values]


def test_a_session_shorter_than_a_sample(tmp_path: Path) -> None:
    files = generate(tmp_path, UUID, START_MS, 0.005)
    assert all(len(columns(path)["time"]) == 1 for path in files)
