"""The certificate from first principles: frame times in, and what is true of them out.

Every number is worked out here a second time, by looking at all frames of the other camera; the
verdicts are those of cameras that are made to be in step, or not, or late now and then.
"""

import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ctlr.layout.frame_times import FRAMES_HEADER
from ctlr.postprocess.clocks.camera_facts import CameraFacts
from ctlr.postprocess.clocks.certificate import sync_section
from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.clocks.frame_distance import BRIDGED, TimedFrames, compare
from ctlr.postprocess.manifest.sync import SyncSection
from ctlr.sessions.model import ClockSample

START_MS = 1_776_313_714_000
FPS = 30
SIX_MINUTES = 6 * 60 * FPS + 15
"""10,815 frames."""


def regular(count: int = SIX_MINUTES, phase_ms: float = 0.0) -> list[int]:
    start_us = START_MS * 1000 + phase_ms * 1000
    return [round(start_us + n * 1_000_000 / FPS) for n in range(count)]


def late(times: Sequence[int], by_ms: float, numbers: Sequence[int]) -> list[int]:
    changed = list(times)
    for number in numbers:
        changed[number] += round(by_ms * 1000)
    return changed


def certify(
    folder: Path,
    *cameras: Sequence[int],
    tolerance_ms: float | None = None,
    uncertainty_ms: float = 0.2,
) -> SyncSection:
    last_ms = max(times[-1] for times in cameras) // 1000
    clock = ClockTrack(
        [ClockSample(at, 0.0, uncertainty_ms) for at in range(START_MS, last_ms + 10_000, 10_000)]
    )
    read: dict[str, TimedFrames] = {}
    for name, times in zip("abc", cameras, strict=False):
        file = folder / f"{name}.csv"
        file.write_text(FRAMES_HEADER + "".join(f"{n},{n},{at}\n" for n, at in enumerate(times)))
        read[name] = TimedFrames([file], clock)
    comparison = compare(read)
    facts = {
        name: CameraFacts(
            clock=clock,
            first_us=times[0],
            last_us=times[-1],
            period_us=comparison.cameras[name].period_us,
            late=comparison.cameras[name].late,
        )
        for name, times in zip("abc", cameras, strict=False)
    }
    return sync_section(START_MS, facts, comparison.found, tolerance_ms)


def search(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """How far each of one camera's frames is from the other's nearest, where that one recorded."""
    period = median(b - a for a, b in pairwise(other[:256]))
    found = []
    for at in one:
        after = bisect_left(other, at)
        if 0 < after < len(other) and other[after] - other[after - 1] <= BRIDGED * period:
            found.append(min(at - other[after - 1], other[after] - at))
        elif after < len(other) and other[after] == at:
            found.append(0)
    return found


@given(seed=st.integers(0, 2**32), count=st.integers(60, 4000), phase=st.floats(0, 33))
@example(seed=6865, count=1536, phase=0.0)  # a frame at the very instant of the first after a hole
@settings(max_examples=40, deadline=None)
def test_every_number_is_that_of_a_plain_search(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int, phase: float
) -> None:
    chance = random.Random(seed)

    def jitter(times: Sequence[int]) -> list[int]:
        kept = [at + round(chance.triangular(0, 20_000, 500)) for at in times]
        return [at for at in kept if chance.random() > 0.01]

    a, b = jitter(regular(count)), jitter(regular(count, phase))
    sync = certify(tmp_path_factory.mktemp("in-step"), a, b, tolerance_ms=10)
    all_us = sorted(search(a, b) + search(b, a))
    (pair,) = sync.pairs
    assert pair.frames == len(all_us)
    assert pair.worst_ms == pytest.approx(all_us[-1] / 1000, abs=0.0015)
    assert pair.p50_ms == pytest.approx(all_us[(len(all_us) + 1) // 2 - 1] / 1000, abs=0.0015)
    assert pair.p99_ms == pytest.approx(all_us[-(-len(all_us) * 99 // 100) - 1] / 1000, abs=0.0015)
    beyond = sum(us > 10_000 for us in all_us)
    assert abs((pair.frames_beyond or 0) - beyond) <= sum(abs(us - 10_000) < 2 for us in all_us)
    assert pair.share_beyond == pytest.approx((pair.frames_beyond or 0) / len(all_us), abs=1e-6)


def test_one_late_frame_of_ten_thousand_is_no_bad_step(tmp_path: Path) -> None:
    sync = certify(tmp_path, regular(), late(regular(), 12, [5000]), tolerance_ms=10)
    assert sync.verdict == "pass"
    assert (sync.worst_ms, sync.frames_beyond) == (12.0, 2)  # seen from either camera
    assert sync.frames is not None
    assert sync.share_beyond == pytest.approx(2 / sync.frames, abs=1e-6)
    assert (sync.p50_ms, sync.p99_ms, sync.steady_ms) == (0.0, 0.0, 0.0)
    assert "Single frames are up to 12.0 ms apart, 166.7 s after the start: 2 of " in sync.text


def test_with_no_tolerance_of_ones_own_a_frame_must_be_later_than_half_a_frame(
    tmp_path: Path,
) -> None:
    """b's frame should come 8.3 ms after a's, and comes 24.9 ms after: the one before is 25 ms
    before a's. So a's frame has no partner; the late one is near to a's next."""
    sync = certify(tmp_path, regular(), late(regular(phase_ms=8.3), 16.6, [5000]))
    assert sync.tolerance_ms == pytest.approx(16.667, abs=0.002)
    assert sync.worst_ms == pytest.approx(24.9, abs=0.01)
    assert sync.frames_beyond == 1
    assert sync.p99_ms == pytest.approx(8.3, abs=0.01)
    assert sync.verdict == "pass"


def test_a_camera_that_took_frames_late_is_named(tmp_path: Path) -> None:
    sync = certify(tmp_path, regular(), late(regular(), 18, [40, 900, 5000]), tolerance_ms=10)
    assert sync.verdict == "pass"
    assert {name: camera.frames_late for name, camera in sync.cameras.items()} == {"a": 0, "b": 3}
    assert "b took 3 frames late" in sync.text


OUT_OF_STEP: dict[str, Callable[[], list[int]]] = {
    "all along": lambda: regular(phase_ms=12),
    "for two seconds of six minutes": lambda: late(regular(), 12, range(3000, 3060)),
    "at the very end": lambda: late(regular(), 12, range(SIX_MINUTES - 40, SIX_MINUTES)),
    "drifting away": lambda: [at + n // 2 for n, at in enumerate(regular())],  # 5.4 ms a camera
}


@pytest.mark.parametrize("kind", ["all along", "for two seconds of six minutes", "at the very end"])
def test_cameras_that_are_out_of_step_fail(tmp_path: Path, kind: str) -> None:
    sync = certify(tmp_path, regular(), OUT_OF_STEP[kind](), tolerance_ms=10)
    assert sync.verdict == "fail"
    assert sync.steady_ms == pytest.approx(12, abs=0.01)
    assert sync.text.startswith("a and b were not in step: ")


def test_a_drift_is_judged_by_its_worst_second(tmp_path: Path) -> None:
    sync = certify(tmp_path, regular(), OUT_OF_STEP["drifting away"](), tolerance_ms=5.3)
    assert sync.steady_ms == pytest.approx(5.4, abs=0.02)
    assert sync.verdict == "unknown"  # +- 0.5 ms
    assert certify(tmp_path, regular(), OUT_OF_STEP["drifting away"](), tolerance_ms=6).verdict == (
        "pass"
    )


@pytest.mark.parametrize(("every", "verdict"), [(400, "pass"), (20, "fail")])
def test_frames_that_are_late_now_and_then(tmp_path: Path, every: int, verdict: str) -> None:
    """One of 400 frames stands beside the verdict; one of 20 is a camera that cannot keep up."""
    numbers = range(7, SIX_MINUTES - 7, every)
    sync = certify(tmp_path, regular(), late(regular(), 12, numbers), tolerance_ms=10)
    assert sync.verdict == verdict
    told = "b took too many frames late: 5.0 % of" if verdict == "fail" else "were in step"
    assert told in sync.text
    assert sync.frames_beyond == 2 * len(numbers)
    assert sync.share_beyond == pytest.approx(len(numbers) / SIX_MINUTES, abs=1e-6)
    assert sync.steady_ms == 0


def test_clocks_that_are_known_too_badly_prove_nothing(tmp_path: Path) -> None:
    sync = certify(tmp_path, regular(), regular(phase_ms=8), tolerance_ms=10, uncertainty_ms=2)
    assert sync.verdict == "unknown"
    assert certify(tmp_path, regular(), regular(phase_ms=5), tolerance_ms=10, uncertainty_ms=2).verdict == "pass"  # fmt: skip
    assert certify(tmp_path, regular(), regular(phase_ms=15), tolerance_ms=10, uncertainty_ms=2).verdict == "fail"  # fmt: skip


def test_the_pair_that_is_worst_off_is_named(tmp_path: Path) -> None:
    sync = certify(
        tmp_path, regular(), late(regular(), 30, [50]), regular(phase_ms=12), tolerance_ms=10
    )
    assert [pair.verdict for pair in sync.pairs] == ["pass", "fail", "fail"]
    assert sync.verdict == "fail"
    assert sync.text.startswith(("a and c were", "b and c were"))


def test_a_frame_or_two_are_enough_for_a_session(tmp_path: Path) -> None:
    sync = certify(tmp_path, regular(4), regular(4, phase_ms=3))
    assert (sync.verdict, sync.worst_ms, sync.steady_ms) == ("pass", 3.0, 3.0)
