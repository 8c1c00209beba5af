"""``ctlr.load``: what a drive holds, on one clock, with how well that is known."""

import math
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from tests.component.reader.drive import FPS, SECONDS
from tests.unit.postprocess.rig import START_MS, Rig

import ctlr
from ctlr.camera.test_picture import luma_of, read_stamp

ACCELEROMETER = "phone/Accelerometer.csv"


@pytest.fixture
def session(drive: Path) -> ctlr.Session:
    return ctlr.load(drive)


def test_a_frame_the_other_cameras_and_the_phone_then(session: ctlr.Session) -> None:
    """Camera 1's 31st frame, camera 2's nearest, the phone's acceleration then: three lines. The
    clocks of all three differ by seconds, and a segment of the first camera is gone."""
    frame = session.cameras["cam-a"].frames[30]
    other = session.cameras["cam-b"].frames.nearest(frame.t_s)
    acceleration = session.tables[ACCELEROMETER].nearest(frame.t_s)
    assert frame.t_s == pytest.approx(5.0)
    assert (frame.slot, other.slot, other.number) == (50, 50, 50)
    assert other.t_s == pytest.approx(5.0)
    assert (acceleration["x"], acceleration["z"]) == (5.0, 9.81)
    assert acceleration.t_s == pytest.approx(5.0)


@pytest.mark.parametrize("name", ["cam-a", "cam-b"])
def test_a_picture_is_the_one_of_its_row(session: ctlr.Session, name: str) -> None:
    """The test picture says when it was taken, by the true clock: that is ``t_s``."""
    frames = session.cameras[name].frames
    for number in (0, 1, 19, 20, 33, len(frames) - 1):
        frame = frames[number]
        stamp = read_stamp(luma_of(frame.picture()))
        assert stamp is not None
        assert stamp.number == frame.slot
        assert frame.t_s == pytest.approx(stamp.captured_at_us / 1e6 - START_MS / 1000, abs=1e-5)
        assert frame.uncertainty_s == pytest.approx(0.0004, abs=0.0002)


def test_frames_are_a_sequence(session: ctlr.Session) -> None:
    frames = session.cameras["cam-b"].frames
    assert len(frames) == SECONDS * FPS == len(list(frames))
    assert frames[-1].number == 59
    assert [frame.number for frame in frames[2:6:2]] == [2, 4]
    assert [frame.number for frame in frames.between(1.0, 1.21)] == [10, 11, 12]
    assert (np.diff(frames.t_s) > 0).all()
    with pytest.raises(IndexError, match="60 frames"):
        frames[60]


def test_rows_around_an_instant(session: ctlr.Session) -> None:
    rows = session.tables[ACCELEROMETER].around(2.0, 0.0201)
    assert [row["x"] for row in rows] == [1.98, 1.99, 2.0, 2.01, 2.02]
    assert all(0.0004 <= row.uncertainty_s < 0.001 for row in rows)
    assert dict(rows[0])["y"] == -198.0
    column = session.tables[ACCELEROMETER]["x"]
    assert column[:3].tolist() == [0.0, 0.01, 0.02]
    with pytest.raises(KeyError, match="columns time, seconds_elapsed, x"):
        session.tables[ACCELEROMETER]["w"]


def test_signals_of_a_bus_whose_clock_is_behind(session: ctlr.Session) -> None:
    """By three seconds; that follows from when its rows arrived."""
    raw, decoded = session.tables["can_raw.csv"], session.tables["can/Vehicle.csv"]
    for table in (raw, decoded):
        assert table.t_s[0] == pytest.approx(0.0, abs=0.1)
        assert table.t_s[-1] == pytest.approx(SECONDS - 0.1, abs=0.1)
        assert (table.uncertainty_s < 0.03).all()
    arrived = (decoded["arrived_ms"] - START_MS) / 1000
    assert (np.abs(decoded.t_s - arrived) <= decoded.uncertainty_s).all()


def test_words_that_stand_in_a_table(session: ctlr.Session) -> None:
    """And times that were counted from the session's start: of which clock, nobody knows."""
    notes = session.tables["phone/Notes.csv"]
    assert notes.nearest(4.2)["note"] == "stopped"
    assert notes.t_s.tolist() == [1.0, 4.0]
    assert notes.uncertainty_s.tolist() == [math.inf, math.inf]


def test_gaps_and_marks(session: ctlr.Session) -> None:
    (gap,) = (gap for gap in session.gaps if gap.source == "cam-a")
    assert (gap.length_s, gap.reason) == (2.0, "missing")
    assert gap.t_s == pytest.approx(2.0)
    (mark,) = session.marks
    assert (mark.t_s, mark.label) == (2.5, "bump")
    assert mark.offset_s["cam-b"] == pytest.approx(2.5)


def test_instants_and_dates(session: ctlr.Session) -> None:
    started = datetime.fromtimestamp(START_MS / 1000, UTC)
    assert (session.started_at, session.duration_s) == (started, float(SECONDS))
    assert session.to_t_s(session.to_datetime(1.5)) == pytest.approx(1.5)
    assert session.to_t_s(START_MS / 1000 + 2) == pytest.approx(2)


def test_clocks_by_name(session: ctlr.Session) -> None:
    assert set(session.clocks) == {"cam-a", "cam-b", "phone", "can"}
    assert session.clock("cam-b").offset_ms(3.0) == pytest.approx(2000)
    assert session.clock("can").offset_ms(3.0) == pytest.approx(-3000, abs=21)
    assert not session.clock("watch").is_known
    assert session.clock("watch").uncertainty_ms(0.0) == math.inf


def test_what_it_is_in_words(session: ctlr.Session) -> None:
    assert "1 gap, 2.0 s in all" in session.summary
    assert "cam-a" in repr(session)


def test_a_folder_of_the_first_release(copy: Path) -> None:
    """No ``clock.csv``, and frame times with three columns: the manifest tells of the clocks."""
    (copy / "clock.csv").unlink()
    for path in copy.glob("*.frames.csv"):
        rows = (row.split(",")[:3] for row in path.read_text().splitlines())
        path.write_text("".join(",".join(row) + "\n" for row in rows))
    frames = ctlr.load(copy).cameras["cam-b"].frames
    assert frames[30].t_s == pytest.approx(3.0, abs=1e-5)
    assert frames[30].uncertainty_s < 0.001
    assert frames[30].slot is None


def test_without_any_clock_times_stand_and_nothing_is_claimed(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.record(numbers=range(2))
    rig.capture(numbers=range(2))
    rig.record("cam-b", numbers=range(2))
    rig.process()
    session = ctlr.load(rig.folder)
    assert session.cameras["cam-a"].frames[30].t_s == pytest.approx(1.0)
    assert session.cameras["cam-a"].frames[30].uncertainty_s == math.inf
    plain = session.cameras["cam-b"].frames  # it left no frame times
    assert len(plain) == 60
    assert plain[30].t_s == pytest.approx(1.0)
    assert (plain[30].captured_at_us, plain[30].uncertainty_s) == (None, math.inf)


def test_what_is_no_session_says_so(tmp_path: Path) -> None:
    with pytest.raises(ctlr.NotASessionError, match=r"no manifest.json"):
        ctlr.load(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(ctlr.NotASessionError, match="cannot be read"):
        ctlr.load(tmp_path / "manifest.json")


def test_reading_back(drive: Path, copy: Path) -> None:
    assert ctlr.load(drive).verify().ok
    video = copy / "cam-a.mp4"
    data = bytearray(video.read_bytes())
    data[len(data) // 2] ^= 1
    video.write_bytes(data)
    (copy / "notes.txt").write_text("mine")
    found = ctlr.load(copy).verify()
    assert not found.ok
    assert found.faults[0].startswith("cam-a.mp4")
    assert found.unknown == ("notes.txt",)


def test_nothing_is_read_before_it_is_asked_for(copy: Path) -> None:
    for path in copy.iterdir():
        if path.name != "manifest.json":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    session = ctlr.load(copy)
    assert set(session.cameras) == {"cam-a", "cam-b"}
    assert session.marks
    with pytest.raises(FileNotFoundError):
        len(session.cameras["cam-a"].frames)
