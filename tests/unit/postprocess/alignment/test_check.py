from dataclasses import replace

import numpy as np
import pytest

from ctlr.postprocess.alignment.check import Record, check, choose
from ctlr.postprocess.manifest.alignment import TruthEntry
from ctlr.postprocess.manifest.sync import ClockEntry, ClockReading
from ctlr.postprocess.manifest.tables import TableEntry
from ctlr.postprocess.tables.series import Series
from ctlr.simulator.motion import Motion

START_S = 1_776_313_714.0
NOBODY = (None, None)


def never() -> Series:
    raise AssertionError("what is known already is not read again")


def record(name: str, lag_s: float = 0.0, rate_hz: float = 50.0, seed: int = 1) -> Record:
    at = START_S + np.arange(0, 90, 1 / rate_hz)
    motion = Motion(seed)
    size = np.hypot(motion.yaw_rate(at), np.hypot(motion.pitch_rate(at), motion.roll_rate(at)))
    series = Series(np.asarray(at - lag_s), size)
    return Record(name, f"{name} {lag_s} {seed}", lambda: series)


def speed(name: str, lag_s: float = 0.0, rate_hz: float = 10.0) -> Record:
    at = START_S + np.arange(0, 300, 1 / rate_hz)
    series = Series(np.asarray(at - lag_s), Motion(1).speed_m_s(at))
    return Record(name, f"{name} {lag_s}", lambda: series)


def phone_clock(offset_ms: float) -> ClockEntry:
    reading = ClockReading(offset_ms=offset_ms, uncertainty_ms=1, source="phone", measured_at=1)
    return ClockEntry(start=reading, end=reading, samples=2)


def watch(lag_s: float, seed: int = 1) -> TruthEntry:
    pair = record("watch/gyroscope.csv", lag_s, seed=seed), record("phone/gyroscope.csv")
    return check(pair, NOBODY, None, ())[0]


def test_a_watch_that_runs_behind_is_said_to() -> None:
    found = watch(1.25)
    assert found.text.startswith("The watch runs 1.25 s behind the phone (± ")
    assert found.text.endswith(", confidence high).")
    assert (found.clock, found.against) == ("watch", "phone")
    assert found.files == ("watch/gyroscope.csv", "phone/gyroscope.csv")
    assert found.lag_ms == pytest.approx(1250, abs=5)
    assert found.overlap_s == pytest.approx(90, abs=1)
    assert found.corrected_ms is None


def test_a_watch_that_runs_ahead() -> None:
    found = watch(-140)
    assert found.lag_ms == pytest.approx(-140_000, abs=5)
    assert "The watch runs 140 s ahead of the phone" in found.text


def test_clocks_that_agree() -> None:
    assert watch(0.0).text.startswith("The watch and the phone agree on the time (± ")


def test_what_cannot_be_told_says_why() -> None:
    found = watch(0.0, seed=2)
    assert (found.confidence, found.lag_ms, found.uncertainty_ms) == ("unknown", None, None)
    assert found.because is not None
    assert found.text == (
        f"Whether the watch and the phone agree on the time is not known: {found.because}."
    )


def test_an_empty_record_cannot_be_compared() -> None:
    nothing = Record("watch/gyroscope.csv", "", lambda: None)
    found = check((nothing, record("phone/gyroscope.csv")), NOBODY, None, ())
    assert found[0].confidence == "unknown"
    assert "holds no values" in found[0].text


def test_the_phones_clock_is_corrected_before_it_is_compared_with_the_bus() -> None:
    gps, can = speed("phone/gps.csv", lag_s=-2.5, rate_hz=1), speed("can/Vehicle.csv")
    as_it_is = check(NOBODY, (gps, can), None, ())[0]
    assert "The phone's GPS runs 2.50 s ahead of the CAN bus" in as_it_is.text
    corrected = check(NOBODY, (gps, can), phone_clock(2500), ())[0]
    assert corrected.lag_ms == pytest.approx(0, abs=50)
    assert corrected.corrected_ms == 2500
    assert "agree on the time" in corrected.text


def test_between_watch_and_phone_nothing_is_corrected() -> None:
    pair = record("watch/gyroscope.csv", 1.0), record("phone/gyroscope.csv")
    found = check(pair, NOBODY, phone_clock(2500), ())[0]
    assert found.lag_ms == pytest.approx(1000, abs=5)


def test_times_that_were_assumed_are_named() -> None:
    pair = replace(record("watch/g.csv", 1.0), assumed=True), record("phone/g.csv")
    assert check(pair, NOBODY, None, ())[0].text.endswith(
        " Times of the watch were counted from the session's start."
    )


@pytest.mark.parametrize("missing", [0, 1])
def test_one_alone_is_compared_with_nothing(missing: int) -> None:
    pair: list[Record | None] = [record("watch/g.csv"), record("phone/g.csv")]
    pair[missing] = None
    assert check((pair[0], pair[1]), NOBODY, None, ()) == ()


def test_what_an_earlier_run_found_is_kept() -> None:
    pair = record("watch/g.csv", 0.5), record("phone/g.csv")
    before = check(pair, NOBODY, None, ())
    again = (Record(r.file, r.inputs, never) for r in pair)
    assert check((next(again), next(again)), NOBODY, None, before) == before
    other = Record(pair[0].file, "changed", pair[0].load)
    assert check((other, pair[1]), NOBODY, None, before) != before


def test_another_offset_of_the_phone_compares_again() -> None:
    gps, can = speed("phone/gps.csv", rate_hz=1), speed("can/Vehicle.csv")
    before = check(NOBODY, (gps, can), phone_clock(10), ())
    assert check(NOBODY, (gps, can), phone_clock(10), before) == before
    assert check(NOBODY, (gps, can), phone_clock(20), before) != before


def tables(*files: str, rows: int = 100, **more: int) -> dict[str, tuple[TableEntry, ...]]:
    found: dict[str, tuple[TableEntry, ...]] = {"phone": (), "watch": ()}
    for path in files:
        folder, _, name = path.partition("/")
        table = TableEntry(file=name, rows=more.get(name[0], rows), measures="rotation")
        found[folder] += (table,)
    return found


@pytest.mark.parametrize(
    ("files", "on_watch", "best"),
    [
        (["phone/gyroscope.csv", "watch/gyroscope.csv"], False, "phone/gyroscope.csv"),
        (["phone/gyroscope.csv", "watch/gyroscope.csv"], True, "watch/gyroscope.csv"),
        (["phone/Gyro.csv", "phone/GyroUncalibrated.csv"], False, "phone/Gyro.csv"),
        (["phone/gyroscope.csv", "phone/WristMotion.csv"], True, "phone/WristMotion.csv"),
        (["phone/gyroscope.csv", "phone/WristMotion.csv"], False, "phone/gyroscope.csv"),
        (["phone/gyroscope.csv"], True, None),
    ],
)
def test_which_file_is_compared(files: list[str], on_watch: bool, best: str | None) -> None:
    assert choose(tables(*files), "rotation", on_watch=on_watch) == best
    assert choose(tables(*files), "speed", on_watch=on_watch) is None


def test_more_rows_are_better() -> None:
    found = tables("phone/a_gyro.csv", "phone/b_gyro.csv", "phone/c_gyro.csv", a=0, b=50, c=60)
    assert choose(found, "rotation", on_watch=False) == "phone/c_gyro.csv"
    assert choose(tables("phone/gyro.csv", rows=0), "rotation", on_watch=False) is None
