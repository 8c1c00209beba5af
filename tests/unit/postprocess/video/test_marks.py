"""Marks: where they lie in each video, as chapters, as ``events.csv``, in the manifest."""

import csv
import json
import subprocess
from pathlib import Path

import pytest
from tests.unit.postprocess.mp4 import Film
from tests.unit.postprocess.rig import START_MS, Movie, Rig, session

from ctlr.mp4.chapters import MAX_CHAPTERS, Chapter
from ctlr.mp4.labels import Labels, user_data
from ctlr.sessions.model import ClockSample, Mark, SessionNode

TOLD = SessionNode("cam-a", started=True, start_at_ms=START_MS, segments_total=4, complete=True)


def chapters(path: Path) -> list[tuple[float, str]]:
    """What ffprobe shows (the frames of these files are not those of a real encoder)."""
    command = ["ffprobe", "-v", "quiet", "-show_chapters", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return [
        (float(c["start_time"]), c["tags"]["title"]) for c in json.loads(done.stdout)["chapters"]
    ]


def with_times(rig: Rig, ahead_ms: int = 0, name: str = "cam-a", numbers: range = range(4)) -> None:
    """Segments of 1 s with frame times by a clock that is ahead."""
    rig.record(name, numbers)
    for number in numbers:
        first_us = (START_MS + ahead_ms + number * 1000) * 1000
        rows = "".join(f"{n},{n * 33_333},{first_us + n * 33_333}\n" for n in range(30))
        sidecar = rig.node(name) / f"seg_{number:04d}.frames.csv"
        sidecar.write_text("frame,pts_us,captured_at_us\n" + rows)


def marks(*at_ms: int) -> tuple[Mark, ...]:
    return tuple(Mark(START_MS + at) for at in at_ms)


def offsets(rig: Rig, name: str = "cam-a") -> list[float | None]:
    return [mark["offset_s"][name] for mark in rig.manifest()["marks"]]


def test_chapters_are_shown_and_the_frames_are_the_same(rig: Rig) -> None:
    with_times(rig)
    rig.process(session(TOLD))
    before = rig.movie().frames
    told = session(TOLD, marks=(Mark(START_MS + 500, "Gate A"), Mark(START_MS + 2500)))
    assert rig.process(told).revision == 2
    assert chapters(rig.folder / "cam-a.mp4") == [(0.5, "Gate A"), (2.5, "Mark 2")]
    assert Movie(rig.folder / "cam-a.mp4").frames == before
    assert offsets(rig) == [0.5, 2.5]
    assert not rig.process(told).changed


def test_only_the_videos_are_made_again_for_a_new_mark(rig: Rig) -> None:
    with_times(rig)
    rig.upload("gps.csv")
    rig.process(session(TOLD, marks=marks(500)))
    upload = (rig.folder / "phone" / "gps.csv").stat()
    assert rig.process(session(TOLD, marks=marks(500, 900))).revision == 2
    assert (rig.folder / "phone" / "gps.csv").stat().st_mtime_ns == upload.st_mtime_ns
    assert len(chapters(rig.folder / "cam-a.mp4")) == 2


def test_a_mark_is_placed_by_the_cameras_own_clock(rig: Rig) -> None:
    with_times(rig, ahead_ms=2000)
    clocks = {"cam-a": (ClockSample(START_MS, 2000.0, 0.5), ClockSample(START_MS + 9, 2000.0, 0.5))}
    rig.process(session(TOLD, marks=marks(1500), clocks=clocks))
    assert offsets(rig) == [1.5]


def test_a_mark_outside_of_a_video(rig: Rig) -> None:
    """A little: its first or last frame. Further: none, and no chapter."""
    with_times(rig)
    rig.process(session(TOLD, marks=marks(-5000, -300, 4300, 60_000)))
    assert offsets(rig) == [None, 0.0, 4.0, None]
    assert [at for at, _ in chapters(rig.folder / "cam-a.mp4")] == [0.0, 4.0]


def test_a_mark_in_and_after_a_hole_keeps_its_time(rig: Rig) -> None:
    with_times(rig)
    (rig.node() / "seg_0001.mp4").unlink()
    (rig.node() / "seg_0001.frames.csv").unlink()
    rig.process(session(TOLD, marks=marks(1500, 2500)))
    assert offsets(rig) == [1.5, 2.5]


def test_a_camera_without_frame_times_counts_from_its_start(rig: Rig) -> None:
    rig.record()
    rig.process(session(TOLD, marks=marks(1200)))
    assert offsets(rig) == [1.2]


def test_each_part_has_the_chapters_of_its_time(rig: Rig) -> None:
    with_times(rig)
    with_times(rig, numbers=range(2))
    for number in (2, 3):
        (rig.node() / f"seg_{number:04d}.mp4").unlink()
    rig.record("cam-a", range(2, 4), film=Film(width=320))
    rig.process(session(TOLD, marks=marks(500, 2750)))
    assert chapters(rig.folder / "cam-a.mp4") == [(0.5, "Mark 1")]
    assert chapters(rig.folder / "cam-a.part2.mp4") == [(0.75, "Mark 2")]
    assert offsets(rig) == [0.5, 2.75]


def test_events_csv_is_quoted_and_hashed(rig: Rig) -> None:
    with_times(rig)
    labels = ["plain", 'says "stop", twice', "two\nlines", "Tür №1", None]
    given = tuple(Mark(START_MS + n, label) for n, label in enumerate(labels))
    rig.process(session(TOLD, marks=given))
    raw = (rig.folder / "events.csv").read_bytes()
    assert raw.startswith(b"at_ms,label\r\n")
    with open(rig.folder / "events.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    assert rows == [[str(START_MS + n), label or ""] for n, label in enumerate(labels)]
    entry = next(f for f in rig.manifest()["files"] if f["path"] == "events.csv")
    assert entry["bytes"] == len(raw)


def test_without_marks_there_is_neither(rig: Rig) -> None:
    with_times(rig)
    rig.process(session(TOLD))
    assert not (rig.folder / "events.csv").exists()
    assert b"chpl" not in (rig.folder / "cam-a.mp4").read_bytes()
    assert rig.manifest()["marks"] == []


def test_what_was_marked_stays_without_the_record(rig: Rig) -> None:
    with_times(rig)
    rig.process(session(TOLD, marks=marks(500)))
    rig.upload("late.csv")
    assert rig.process().revision == 2
    assert offsets(rig) == [0.5]
    assert (rig.folder / "events.csv").is_file()
    assert len(chapters(rig.folder / "cam-a.mp4")) == 1


def test_more_marks_than_chapters(rig: Rig) -> None:
    with_times(rig)
    rig.process(session(TOLD, marks=marks(*range(0, 3000, 10))))
    assert len(chapters(rig.folder / "cam-a.mp4")) == MAX_CHAPTERS
    assert len(rig.manifest()["marks"]) == 300
    assert [p["code"] for p in rig.source()["problems"]] == ["chapters_cut"]
    assert rig.manifest()["complete"]


@pytest.mark.parametrize("title", ["x" * 300, "é" * 200, "日本" * 80, "🎥" * 70])
def test_a_long_title_is_cut_between_characters(rig: Rig, title: str) -> None:
    with_times(rig)
    rig.process(session(TOLD, marks=(Mark(START_MS + 500, title),)))
    ((_, shown),) = chapters(rig.folder / "cam-a.mp4")
    assert title.startswith(shown)
    assert 252 <= len(shown.encode()) <= 255


def test_no_chapters_no_box() -> None:
    assert user_data(Labels()) == b""
    assert user_data(Labels(chapters=[Chapter(0.0, "")]))[4:8] == b"udta"
