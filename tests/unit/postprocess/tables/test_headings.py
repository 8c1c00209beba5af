import pytest

from ctlr.postprocess.tables.headings import read_heading


@pytest.mark.parametrize(
    ("raw", "unit"),
    [
        ("Time (s)", "s"), ("Time (ms)", "ms"), ("time [us]", "us"), ("Time (µs)", "us"),
        ("timestamp_ns", "ns"), ("ts_ms", "ms"), ("t_us", "us"), ("t (s)", "s"), ("time/s", "s"),
        ("Time since start in ms ", "ms"), ("seconds_elapsed", "s"), ("millis", "ms"),
        ("timeMillis", "ms"), ("elapsedRealtimeNanos", "ns"), ("Timestamp (ms since epoch)", "ms"),
        ("locationTimestamp_since1970(s)", "s"), ("Trip Time(Since journey start)(s)", "s"),
        ("Time", None), ("timestamp", None), ("t", None), ("loggingTime(txt)", None),
        ("Time (hh:mm:ss)", None), ("Zeit", None), ("YYYY-MO-DD HH-MI-SS_SSS", None),
    ],
)  # fmt: skip
def test_times_and_their_units(raw: str, unit: str | None) -> None:
    heading = read_heading(raw)
    assert heading.is_time
    assert heading.unit == unit


@pytest.mark.parametrize(
    "raw", ["Time (min)", "Time (minutes)", "elapsed time (h)".replace("h", "hours")]
)
def test_units_that_are_not_read(raw: str) -> None:
    heading = read_heading(raw)
    assert (heading.unit, heading.longer_unit is None) == (None, False)


@pytest.mark.parametrize(
    "raw", ["T (°C)", "x", "speed (m/s)", "timeout_count", "time accuracy (ms)", "TgF"]
)
def test_what_is_no_time(raw: str) -> None:
    assert not read_heading(raw).is_time


def test_a_unit_below_the_heading() -> None:
    assert read_heading("S_Timestamp_CAL", "ms").unit == "ms"
    assert read_heading("Accel_X", "ms").unit is None
