"""Nearest frames against a plain search, over files of every kind."""

import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctlr.layout.frame_times import FRAMES_HEADER
from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.clocks.distance import Distance
from ctlr.postprocess.clocks.frame_distance import (
    BRIDGED,
    Comparison,
    TimedFrames,
    compare,
)
from ctlr.sessions.model import ClockSample

T0_US = 1_776_313_714_000_000
PERIOD_US = 33_333
EXACT = ClockTrack([ClockSample(T0_US // 1000, 0.0, 0.0)])


def write(path: Path, times: Sequence[int | str]) -> Path:
    rows = (f"{n},{n * PERIOD_US},{time}\n" for n, time in enumerate(times))
    path.write_bytes(FRAMES_HEADER.encode() + "".join(rows).encode())
    return path


def steady(count: int, start_us: int = 0, period_us: int = PERIOD_US) -> list[int]:
    return [T0_US + start_us + n * period_us for n in range(count)]


def distance(tmp_path: Path, *cameras: Sequence[int | str]) -> Distance:
    """Of the first two cameras."""
    timed = {
        f"cam-{n}": TimedFrames([write(tmp_path / f"{n}.csv", times)], EXACT)
        for n, times in enumerate(cameras)
    }
    return compare(timed).found["cam-0", "cam-1"]


def test_two_steady_cameras_are_their_phase_apart(tmp_path: Path) -> None:
    found = distance(tmp_path, steady(300), steady(300, 5_000))
    assert (found.worst_us, found.frames) == (5_000, 598)


def test_half_a_frame_is_the_furthest_that_equal_rates_can_be(tmp_path: Path) -> None:
    assert distance(tmp_path, steady(300), steady(300, 16_666)).worst_us <= PERIOD_US / 2
    assert distance(tmp_path, steady(300), steady(300, 30_000)).worst_us == 3_333


def test_where_the_worst_was(tmp_path: Path) -> None:
    times = steady(300, 2_000)
    times[100] += 7_000
    found = distance(tmp_path, steady(300), times)
    assert found.worst_us == 9_000
    assert found.at_us == pytest.approx(T0_US + 100 * PERIOD_US, abs=10_000)


def test_a_dropped_frame_is_no_distance(tmp_path: Path) -> None:
    dropped = steady(300, 1_000)
    del dropped[50], dropped[120:123]
    assert distance(tmp_path, steady(300), dropped).worst_us == 1_000


def test_a_gap_longer_than_any_window_is_no_distance(tmp_path: Path) -> None:
    gap = steady(200, 1_000) + steady(200, 600_000_000 + 1_000)
    found = distance(tmp_path, steady(200) + steady(200, 600_000_000), gap)
    assert found.worst_us == 1_000
    assert found.frames == 4 * 199


def test_a_late_joiner_is_compared_from_its_own_start_on(tmp_path: Path) -> None:
    late = [time + 2_500 for time in steady(9_000)[6_000:]]
    found = distance(tmp_path, steady(9_000), late)
    assert found.worst_us == 2_500
    assert 5_990 < found.frames <= 6_000


def test_cameras_that_never_recorded_at_once(tmp_path: Path) -> None:
    assert distance(tmp_path, steady(50), steady(50, 3_600_000_000)).frames == 0


def test_unequal_rates(tmp_path: Path) -> None:
    found = distance(tmp_path, steady(600, period_us=16_667), steady(100, period_us=100_000))
    assert 49_000 < found.worst_us <= 50_000


@pytest.mark.parametrize("times", [[], [""] * 20])
def test_a_camera_with_nothing_to_compare(tmp_path: Path, times: list[int | str]) -> None:
    assert distance(tmp_path, times, steady(20)).frames == 0


def test_frames_without_a_time_are_passed_over(tmp_path: Path) -> None:
    times: list[int | str] = [*steady(300, 1_000)]
    times[10:20] = [""] * 10
    assert distance(tmp_path, times, steady(300)).worst_us == 1_000


def test_times_that_run_backwards_are_counted_and_left_out(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [*steady(100), *steady(100)])
    a = TimedFrames([file], EXACT)
    b = TimedFrames([write(tmp_path / "b.csv", steady(200))], EXACT)
    assert compare({"a": a, "b": b}).found["a", "b"].worst_us == 0
    assert (a.backwards, b.backwards) == (100, 0)


def test_what_is_learnt_of_a_camera(tmp_path: Path) -> None:
    files = [write(tmp_path / "a.csv", steady(100)), write(tmp_path / "b.csv", steady(9, 10**8))]
    frames = TimedFrames(files, EXACT)
    compare({"cam": frames})
    assert (frames.first_us, frames.period_us) == (T0_US, PERIOD_US)
    assert frames.last_us == T0_US + 10**8 + 8 * PERIOD_US


def test_offsets_and_drift_are_taken_out(tmp_path: Path) -> None:
    """A clock one hour ahead that gains 50 ppm, against the controller's own."""
    samples = [
        ClockSample(T0_US // 1000 + s * 1000, 3_600_000 + s * 0.05, 0) for s in range(0, 108, 9)
    ]
    shown = [round(t + 3.6e9 + (t - T0_US) * 50e-6) for t in steady(2_900, 4_000)]
    ahead = TimedFrames([write(tmp_path / "a.csv", shown)], ClockTrack(samples))
    exact = TimedFrames([write(tmp_path / "b.csv", steady(2_900))], EXACT)
    found = compare({"ahead": ahead, "exact": exact}).found["ahead", "exact"]
    assert found.worst_us == pytest.approx(4_000, abs=2)


@given(seed=st.integers(0, 2**32), jitter=st.integers(0, 20_000), lost=st.floats(0, 0.3))
def test_as_a_plain_search_finds_it(
    tmp_path_factory: pytest.TempPathFactory, seed: int, jitter: int, lost: float
) -> None:
    rng = random.Random(seed)

    def some(start_us: int) -> list[int]:
        times = [time + rng.randint(0, jitter) for time in steady(60, start_us)]
        return sorted({time for time in times if rng.random() >= lost})

    a, b = some(0), some(rng.randint(-(10**6), 10**6))
    folder = tmp_path_factory.mktemp("pair")
    timed = [TimedFrames([write(folder / name, t)], EXACT) for name, t in (("a", a), ("b", b))]
    found = compare(dict(zip("ab", timed, strict=True))).found["a", "b"]
    periods = [frames.period_us for frames in timed]
    worst, count = -1.0, 0
    for mine, others, period in ((a, b, periods[1]), (b, a, periods[0])):
        for at in mine:
            pairs = [(x, y) for x, y in pairwise(others) if x <= at <= y]
            spans = [(x, y) for x, y in pairs if period and y - x <= BRIDGED * period]
            count += bool(spans)
            worst = max([worst, *(min(at - x, y - at) for x, y in spans[:1])])
    assert found.frames == pytest.approx(count, abs=2)  # a frame of the same instant has two spans
    if found.frames == count:
        assert found.worst_us == pytest.approx(worst, abs=1)


def test_many_blocks_and_windows_are_as_one(tmp_path: Path) -> None:
    found = distance(tmp_path, steady(20_000), steady(20_000, 3_000))
    assert (found.worst_us, found.frames) == (3_000, 2 * 19_999)


def test_a_file_that_holds_no_times_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("frame,pts_us,captured_at_us\n0,0,soon\n")
    with pytest.raises(ValueError, match="soon"):
        compare({"a": TimedFrames([tmp_path / "a.csv"], EXACT)})


@given(seed=st.integers(0, 2**32), drift_ppm=st.integers(-50, 50), late_s=st.integers(0, 200))
@settings(max_examples=20, deadline=None)
def test_carried_on_while_all_grows_it_comes_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, seed: int, drift_ppm: int, late_s: int
) -> None:
    """Rows and clock samples come in by and by, at different times for each camera."""
    rng, folder = random.Random(seed), tmp_path_factory.mktemp("growing")
    period = 200_000
    rows = {
        "a": steady(1_800, period_us=period),
        "b": [t + rng.randint(0, 9_000) for t in steady(1_800, late_s * 10**6, period)],
    }
    samples = [
        ClockSample(T0_US // 1000 + s * 1000, 40 + s * drift_ppm / 1000, 0)
        for s in range(0, 700, 9)
    ]
    clocks = {"a": EXACT, "b": ClockTrack(samples)}
    files = {name: [folder / f"{name}.csv"] for name in rows}
    written, known = dict.fromkeys(rows, 0), 1
    running = {n: TimedFrames(files[n], clocks[n], more=True) for n in rows}
    comparison = Comparison(running)
    for _ in range(12):
        for name, times in rows.items():
            written[name] = min(written[name] + rng.randint(0, 400), len(times))
            write(files[name][0], times[: written[name]])
        known = min(known + rng.randint(0, 12), len(samples))
        running["b"].clock = ClockTrack(samples[:known])
        comparison.advance()
    for name, times in rows.items():
        write(files[name][0], times)
        running[name].clock, running[name].more = clocks[name], False
    comparison.advance()
    whole = {name: TimedFrames(files[name], clocks[name]) for name in rows}
    assert comparison.found == compare(whole).found
    learnt = [(f.first_us, f.last_us, f.period_us, f.backwards) for f in running.values()]
    assert learnt == [(f.first_us, f.last_us, f.period_us, f.backwards) for f in whole.values()]
