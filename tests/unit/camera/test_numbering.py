"""Frame numbers of cameras that come in at any phase, with and without frames that do not come."""

import pytest

from ctlr.camera.sources import Take
from ctlr.camera.sources.numbering import FrameNumbers

START = 1_776_313_714_000_000
PERIOD = 100_000


def numbers_of(times: list[int], keep_from_us: int = START) -> tuple[list[int], int]:
    numbers = FrameNumbers(Take(START, keep_from_us), fps=10)
    kept = [number for at in times if (number := numbers.next(at)) >= 0]
    return kept, numbers.dropped


@pytest.mark.parametrize("phase_us", range(0, PERIOD, 7_000))
@pytest.mark.parametrize("streams_before", [0, 1, 5])
def test_the_first_frame_of_a_stream_is_the_first_frame(phase_us: int, streams_before: int) -> None:
    times = [START + phase_us + n * PERIOD for n in range(-streams_before, 10)]
    kept, dropped = numbers_of(times)
    assert dropped == 0
    first = kept[0]
    assert kept == list(range(first, first + 10))
    assert first == 0 or streams_before == 0


@pytest.mark.parametrize("phase_us", [0, 1_000, 49_000, 51_000, 99_000])
def test_frames_that_do_not_come_at_the_start_are_counted(phase_us: int) -> None:
    times = [START + phase_us + n * PERIOD for n in range(-3, 10) if n not in {0, 1, 5}]
    assert numbers_of(times) == ([2, 3, 4, 6, 7, 8, 9], 3)


def test_jitter_at_the_start_is_no_dropped_frame() -> None:
    times = [START - 101_000, START - 1_000, START + 101_000, START + 199_000, START + 300_000]
    assert numbers_of(times) == ([0, 1, 2], 0)


@pytest.mark.parametrize("phase_us", [0, 20_000, 80_000])
def test_numbers_rise_by_one_across_the_start(phase_us: int) -> None:
    numbers = FrameNumbers(Take(START, START), fps=10)
    seen = [numbers.next(START + phase_us + n * PERIOD) for n in range(-3, 3)]
    assert seen == [-3, -2, -1, 0, 1, 2]
