"""``t_s``: when each frame was taken, on the controller's clock, from the session's start on."""

from pathlib import Path

import pytest

from ctlr.layout.frame_times import GROWING_HEADER
from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.clocks.session_times import (
    CHUNK_ROWS,
    NotFrameTimesError,
    time_fingerprint,
    write_session_times,
)
from ctlr.sessions.model import ClockSample

START_MS = 1_776_313_714_000
START_US = START_MS * 1000
PERIOD_US = 33_333


def timed(
    tmp_path: Path, rows: list[str], clock: ClockTrack | None, header: str = GROWING_HEADER
) -> list[list[str]]:
    path = tmp_path / "cam.frames.csv"
    path.write_text(header + "".join(f"{row}\n" for row in rows))
    write_session_times(path, path, clock, START_MS)
    first, *found = path.read_text().splitlines()
    assert first == "frame,pts_us,captured_at_us,slot,t_s"
    return [row.split(",") for row in found]


def drifting(*offsets_ms: float) -> ClockTrack:
    """A sample every ten seconds."""
    samples = (ClockSample(START_MS + n * 10_000, ms, 0.4) for n, ms in enumerate(offsets_ms))
    return ClockTrack(tuple(samples))


def test_the_offset_is_taken_off_and_what_was_there_stays(tmp_path: Path) -> None:
    rows = [f"{n},{n * PERIOD_US},{START_US + 2_000_000 + n * PERIOD_US},{n + 7}" for n in range(3)]
    found = timed(tmp_path, rows, drifting(2000, 2000))
    assert [",".join(row[:4]) for row in found] == rows
    assert [row[4] for row in found] == ["0.000000", "0.033333", "0.066666"]


def test_a_drift_is_followed_to_the_microsecond(tmp_path: Path) -> None:
    """The clock gains 50 ppm: every frame is where the true time puts it."""
    count = 3 * CHUNK_ROWS + 5
    true_us = [n * PERIOD_US for n in range(count)]
    own_us = [START_US + round(us * 1.00005) for us in true_us]
    rows = [f"{n},{n * PERIOD_US},{at},{n}" for n, at in enumerate(own_us)]
    found = timed(tmp_path, rows, drifting(0, 0.5, 1.0, 1.5))
    assert [float(row[4]) * 1e6 for row in found] == pytest.approx(true_us, abs=1.5)


def test_times_that_run_back_are_corrected_one_by_one(tmp_path: Path) -> None:
    taken = [START_US + 19_000_000, START_US + 1_000_000]
    found = timed(tmp_path, [f"{n},0,{at},{n}" for n, at in enumerate(taken)], drifting(0, 0, 10))
    assert [row[4] for row in found] == ["18.991009", "1.000000"]


def test_what_is_not_known_is_empty(tmp_path: Path) -> None:
    rows = ["0,0,,", f"1,33333,{START_US},1"]
    assert [row[4] for row in timed(tmp_path, rows, None)] == ["", ""]
    assert [row[4] for row in timed(tmp_path, rows, drifting(0, 0))] == ["", "0.000000"]


def test_nothing_is_claimed_once_the_clock_was_set(tmp_path: Path) -> None:
    clock = drifting(0, 0, 5000)  # somewhere between the tenth and the twentieth second
    rows = [f"{n},0,{START_US + n * 1_000_000},{n}" for n in range(0, 20, 5)]
    assert [row[4] for row in timed(tmp_path, rows, clock)] == ["0.000000", "5.000000", "10.000000", ""]  # fmt: skip


def test_a_file_of_the_first_release_gets_both_columns(tmp_path: Path) -> None:
    rows = [f"0,0,{START_US + 250_000}"]
    found = timed(tmp_path, rows, drifting(0), header="frame,pts_us,captured_at_us\n")
    assert found == [["0", "0", str(START_US + 250_000), "", "0.250000"]]


def test_times_are_taken_off_again_when_more_is_known(tmp_path: Path) -> None:
    rows = [f"0,0,{START_US + 250_000},0,9.000000"]
    found = timed(tmp_path, rows, drifting(50), header="frame,pts_us,captured_at_us,slot,t_s\n")
    assert found[0][3:] == ["0", "0.200000"]
    assert time_fingerprint(drifting(50), START_MS) != time_fingerprint(drifting(51), START_MS)


@pytest.mark.parametrize(
    "text", ["", "at,what\n1,2\n", GROWING_HEADER + "1,2\n", GROWING_HEADER + "1,2,never,1\n"]
)
def test_other_files_are_left_as_they_are(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cam.frames.csv"
    path.write_text(text)
    with pytest.raises(NotFrameTimesError):
        write_session_times(path, path, drifting(0), START_MS)
    assert path.read_text() == text
