"""The verdict and its sentence, from every kind of session."""

from dataclasses import replace

import pytest

from ctlr.postprocess.clocks.camera_facts import CameraFacts
from ctlr.postprocess.clocks.certificate import clock_section, sync_section
from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.clocks.distance import Distance
from ctlr.postprocess.manifest.sync import SyncSection
from ctlr.sessions.model import ClockSample

START_MS = 1_776_313_714_000
PERIOD_US = 40_000.0  # 25 frames a second: half a frame is 20 ms


def clock(offset_ms: float = 0.0, uncertainty_ms: float = 0.5) -> ClockTrack:
    """Known equally well from start to end, but for 0.05 ms between its samples."""
    times = range(START_MS - 5000, START_MS + 75_001, 10_000)
    return ClockTrack([ClockSample(at, offset_ms, uncertainty_ms) for at in times])


def camera(offset_ms: float = 0.0, uncertainty_ms: float = 0.5, first_ms: float = 0) -> CameraFacts:
    first_us = round((START_MS + offset_ms + first_ms) * 1000)
    return CameraFacts(
        clock=clock(offset_ms, uncertainty_ms),
        first_us=first_us,
        last_us=first_us + 60_000_000,
        told_start_us=round((START_MS + offset_ms) * 1000),
        period_us=PERIOD_US,
    )


def certify(
    cameras: dict[str, CameraFacts],
    *worst_ms: float,
    tolerance_ms: float | None = None,
    pairs: tuple[tuple[str, str], ...] = (("a", "b"), ("a", "c"), ("b", "c")),
) -> SyncSection:
    at_us = START_MS * 1000 + 12_300_000.0
    found = {pair: Distance() for pair, _ in zip(pairs, worst_ms, strict=False)}
    for distance, worst in zip(found.values(), worst_ms, strict=False):
        if worst >= 0:
            distance.take([worst * 1000] * 3000, [at_us] * 3000, 30)
    return sync_section(START_MS, cameras, found, tolerance_ms)


THREE = {"a": camera(), "b": camera(2.0), "c": camera(-1.0)}


def test_pass() -> None:
    sync = certify(THREE, 4.0, 6.0, 5.0)
    assert sync.verdict == "pass"
    assert sync.text == (
        "All 3 cameras were in step: nearest frames are at most 6.0 ms apart (± 1.1 ms), "
        "within the 20.0 ms allowed."
    )
    assert (sync.tolerance_ms, sync.worst_ms, sync.uncertainty_ms) == (20.0, 6.0, 1.1)
    assert sync.worst_at == START_MS + 12_300
    assert [pair.verdict for pair in sync.pairs] == ["pass"] * 3


def test_fail_names_the_two() -> None:
    sync = certify(THREE, 4.0, 30.0, 25.0)
    assert sync.verdict == "fail"
    assert sync.text == (
        "a and c were not in step: their nearest frames are up to 30.0 ms apart (± 1.1 ms) "
        "12.3 s after the start, more than the 20.0 ms allowed."
    )


@pytest.mark.parametrize("worst_ms", [18.95, 20.0, 21.1])
def test_too_close_to_tell(worst_ms: float) -> None:
    sync = certify(THREE, 4.0, worst_ms, 5.0)
    assert sync.verdict == "unknown"
    assert "too uncertain to tell whether that is within the 20.0 ms allowed" in sync.text
    assert [pair.verdict for pair in sync.pairs] == ["pass", "unknown", "pass"]


@pytest.mark.parametrize(("worst_ms", "verdict"), [(18.9, "pass"), (21.11, "fail")])
def test_just_close_enough_to_tell(worst_ms: float, verdict: str) -> None:
    assert certify(THREE, 4.0, worst_ms, 5.0).verdict == verdict


def test_a_tolerance_of_ones_own() -> None:
    assert certify(THREE, 4.0, 4.0, 4.0, tolerance_ms=3).verdict == "unknown"
    assert certify(THREE, 4.5, 4.0, 4.0, tolerance_ms=3).verdict == "fail"
    assert certify(THREE, 1.0, 1.0, 1.0, tolerance_ms=3).verdict == "pass"


def test_half_a_frame_is_that_of_the_slowest_camera() -> None:
    cameras = THREE | {"b": replace(THREE["b"], period_us=100_000.0)}
    assert certify(cameras, 4.0, 6.0, 5.0).tolerance_ms == 50


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (replace(camera(), clock=None), "its clock was never measured"),
        (replace(camera(), first_us=None, last_us=None), "it left no frame times"),
        (replace(camera(), problem="7 of its frame times run backwards"), "7 of its frame times"),
        (
            replace(
                camera(),
                clock=ClockTrack([ClockSample(START_MS, 0, 1), ClockSample(START_MS + 9, 5000, 1)]),
            ),
            "its clock was set during the recording",
        ),
    ],
)
def test_a_camera_that_cannot_be_compared(odd: CameraFacts, reason: str) -> None:
    sync = certify({"a": camera(), "b": camera(), "c": odd}, 4.0)
    assert sync.verdict == "unknown"
    assert sync.text.startswith(f"Not all cameras could be compared (c: {reason}")
    assert sync.text.endswith("Nearest frames of the others are at most 4.0 ms apart (± 1.1 ms).")
    assert (sync.cameras["c"].unknown_because or "").startswith(reason)
    assert certify({"a": camera(), "b": camera(), "c": odd}, 40.0).verdict == "fail"


def test_one_camera_and_none() -> None:
    assert certify({"a": camera()}).text == (
        "Only a recorded, so there is nothing to compare it with."
    )
    assert certify({}).text == "No camera recorded, so there is nothing to compare."


def test_no_clock_at_all() -> None:
    cameras = {name: replace(camera(), clock=None) for name in "ab"}
    sync = certify(cameras)
    assert sync.verdict == "unknown"
    assert sync.text == (
        "Whether the cameras were in step is not known: "
        "a: its clock was never measured; b: its clock was never measured."
    )


def test_cameras_that_never_met() -> None:
    assert certify(THREE, -1, -1, -1).text.startswith("The cameras never recorded at the same time")
    sync = certify(THREE, 3.0, -1, 2.0)
    assert sync.verdict == "unknown"
    assert sync.text.startswith("Not all cameras recorded at the same time.")
    assert sync.pairs[1].worst_ms is None


def test_first_frames_are_counted_on_the_controllers_clock() -> None:
    late = replace(
        camera(2000.0, 0.3, first_ms=8012.0), told_start_us=(START_MS + 2000 + 8000) * 1000
    )
    sync = certify({"a": camera(first_ms=4.0), "b": late, "c": camera()}, 1.0, 1.0, 1.0)
    assert sync.cameras["a"].first_frame_from_start_ms == 4.0
    assert sync.cameras["b"].first_frame_from_start_ms == 8012.0
    assert sync.cameras["b"].first_frame_from_own_start_ms == 12.0
    assert sync.cameras["b"].uncertainty_ms == pytest.approx(0.35)
    assert sync.cameras["b"].frame_period_ms == 40.0


def test_clocks_at_start_and_end() -> None:
    samples = [ClockSample(START_MS + s * 1000, 1 + s * 0.02, 0.3) for s in range(0, 61, 10)]
    phone = (ClockSample(START_MS, -40.0, 9.0, "phone"),)
    section = clock_section({"cam": samples, "phone": phone, "silent": ()})
    assert section.keys() == {"cam", "phone"}
    assert section["cam"].model_dump() == {
        "start": {
            "offset_ms": 1.0,
            "uncertainty_ms": 0.3,
            "source": "exchange",
            "measured_at": START_MS,
        },
        "end": {
            "offset_ms": 2.2,
            "uncertainty_ms": 0.3,
            "source": "exchange",
            "measured_at": START_MS + 60_000,
        },
        "drift_ppm": 20.0,
        "drift_uncertainty_ppm": 12.857,  # 0.3 ms the worst way: x 120 s / 2800 s2
        "samples": 7,
        "set_at": None,
    }
    assert section["phone"].drift_ppm is None
    assert section["phone"].end.source == "phone"
