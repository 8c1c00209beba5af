"""A recording whose camera fails, or whose card is slow, in virtual time."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import av
from tests.unit.camera.recordings import SMALL, START_MS, UUID
from tests.unit.camera.virtual_time import VirtualClock

from ctlr.camera.current import CurrentRecording
from ctlr.camera.record import SessionRecord
from ctlr.camera.recorder import QUEUE_S, Recording
from ctlr.camera.schedule import Schedule
from ctlr.camera.sources import CaptureClock, Frame, PictureSettings, Source, SourceError, Take
from ctlr.camera.sources.test import open_source
from ctlr.camera.spool import SessionFolder
from ctlr.camera.stall import StallWatch
from ctlr.camera.test_picture import read_video_stamps
from ctlr.layout.frame_times import FrameRow, parse_rows

DEADLINE_S = 20
START_US = START_MS * 1000
SECOND = 1_000_000


class Camera:
    """A kind of source: the test picture without waiting; ``before(number)`` may stall or raise."""

    def __init__(self, frames: int, before: Callable[[int], None]) -> None:
        self._frames = frames
        self._before = before
        self.dropped = 0

    def check(self, settings: PictureSettings) -> str:
        return "a camera for tests"

    def open_source(self, settings: PictureSettings, take: Take, clock: CaptureClock) -> Source:
        self._picture = open_source(settings, take, VirtualClock(take.start_at_us))
        return self

    @property
    def template(self) -> av.VideoStream:
        return self._picture.template

    def frames(self, wants_keyframe: Callable[[int], bool]) -> Iterator[Frame]:
        for frame in self._picture.frames(wants_keyframe):
            if frame.number == self._frames:
                return
            self._before(frame.number)
            yield frame

    def close(self) -> None:
        self._picture.close()


class SlowCard(SessionFolder):
    """Finishing the first segment takes until ``released``."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.stuck, self.released = threading.Event(), threading.Event()

    def finish_segment(self, number: int) -> None:
        if number == 0:
            self.stuck.set()
            assert self.released.wait(DEADLINE_S)
        super().finish_segment(number)


def _record(folder: SessionFolder, camera: Camera) -> tuple[Recording, list[str | None]]:
    folder.write_record(SessionRecord(uuid=folder.uuid, start_at=START_MS))
    ended: list[str | None] = []
    schedule = Schedule(START_US, SECOND, START_US)
    recording = Recording(folder, camera, SMALL, schedule, lambda: None, ended.append)
    return recording, ended


def _rows(folder: SessionFolder) -> list[FrameRow]:
    files = [file for file in folder.finished_files() if file.name.endswith(".csv")]
    return [row for file in files for row in parse_rows((folder.path / file.name).read_text())]


def test_a_camera_that_fails_leaves_what_it_had_recorded(tmp_path: Path) -> None:
    def fail_at_25(number: int) -> None:
        if number == 25:
            raise SourceError("the cable is out")

    folder = SessionFolder(tmp_path / UUID)
    recording, ended = _record(folder, Camera(100, fail_at_25))
    recording.start()
    assert recording.wait_ended(DEADLINE_S)
    assert ended == ["The camera failed: the cable is out. What was recorded until then is kept."]
    assert [row.frame for row in _rows(folder)] == list(range(25))
    assert folder.segments_made() == 3
    assert recording.progress().frames == 25


def test_a_card_that_is_too_slow_costs_counted_frames_and_leaves_videos_that_decode(
    tmp_path: Path,
) -> None:
    queue_frames = round(QUEUE_S * SMALL.fps) + 1
    slow_until = 11 + 2 * queue_frames
    folder = SlowCard(tmp_path / UUID)

    def stall(number: int) -> None:
        if number == 11:  # the cut has reached the writer, which is stuck from here on
            assert folder.stuck.wait(DEADLINE_S)
        if number == slow_until:
            folder.released.set()
            until = time.monotonic() + DEADLINE_S
            while recording.queued and time.monotonic() < until:
                time.sleep(0.001)

    recording, ended = _record(folder, Camera(slow_until + 25, stall))
    recording.start()
    assert recording.wait_ended(DEADLINE_S)
    assert ended == [None]

    progress = recording.progress()
    rows = _rows(folder)
    assert progress.frames == len(rows)
    assert progress.frames + progress.dropped == slow_until + 25
    assert progress.dropped >= queue_frames - 10
    assert all(a.frame < b.frame for a, b in pairwise(rows))
    assert [row.frame for row in rows[-25:]] == list(range(slow_until, slow_until + 25))
    for file in folder.finished_files():
        if file.name.endswith(".mp4"):
            stamps = list(read_video_stamps(folder.path / file.name))
            assert stamps
            assert all(stamp is not None for _, stamp in stamps)


class FailingCard(SessionFolder):
    """Finishing the last segment fails, when there is nothing left to take from the queue."""

    def finish_segment(self, number: int) -> None:
        if number == 2:
            raise OSError(5, "Input/output error")
        super().finish_segment(number)


def test_a_card_that_fails_at_the_very_end_ends_the_recording_all_the_same(tmp_path: Path) -> None:
    folder = FailingCard(tmp_path / UUID)
    recording, ended = _record(folder, Camera(25, lambda _: None))
    recording.start()
    assert recording.wait_ended(DEADLINE_S)
    assert ended[0] is not None
    assert "Input/output error" in ended[0]
    assert folder.segments_made() == 2
    assert folder.next_segment() == 3  # the last one waits to be recovered


class GoneCard(FailingCard):
    """After that nothing on it can be read any more."""

    gone = False

    def finish_segment(self, number: int) -> None:
        self.gone = number == 2
        super().finish_segment(number)

    def read_record(self) -> SessionRecord | None:
        if self.gone:
            raise OSError(5, "Input/output error")
        return super().read_record()


def test_a_card_that_cannot_even_be_read_any_more_ends_the_recording(tmp_path: Path) -> None:
    folder = GoneCard(tmp_path / UUID)
    recording, ended = _record(folder, Camera(25, lambda _: None))
    recording.start()
    assert recording.wait_ended(DEADLINE_S)
    (error,) = ended
    assert error is not None
    assert "Input/output error" in error
    record = SessionRecord(uuid=UUID, start_at=START_MS)
    current = CurrentRecording(folder, record, START_MS, recording, StallWatch(10), accepted=True)
    assert current.end(None, START_MS + 3000) == (
        "The card cannot be read: [Errno 5] Input/output error."
    )
    assert current.record.ended is None  # it goes on when the card can be read


def test_a_card_without_room_ends_the_recording_with_everything_on_it(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path / UUID)
    folder.write_record(SessionRecord(uuid=UUID, start_at=START_MS))
    looks = iter([None, None, "The card is full"])
    ended: list[str | None] = []
    camera = Camera(1000, lambda number: time.sleep(0.001 if number > 25 else 0))
    recording = Recording(
        folder,
        camera,
        SMALL,
        Schedule(START_US, SECOND, START_US),
        lambda: None,
        ended.append,
        reason_to_end=lambda: next(looks, "The card is full"),
    )
    recording.start()
    assert recording.wait_ended(DEADLINE_S)
    assert ended == ["The card is full. What was recorded until then is kept."]
    rows = _rows(folder)
    assert [row.frame for row in rows] == list(range(len(rows)))
    assert 21 <= len(rows) == recording.progress().frames < 1000
    assert not list(folder.path.glob(".seg*"))


def test_a_recording_that_goes_on_counts_what_it_missed_meanwhile(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path / UUID)
    folder.write_record(SessionRecord(uuid=UUID, start_at=START_MS))
    before_us = START_US - 4 * SECOND  # 10 fps: 39 frames are missing in between
    recording = Recording(
        folder,
        Camera(5, lambda _: None),
        SMALL,
        Schedule(START_US, SECOND, START_US),
        lambda: None,
        lambda _: None,
        after_us=before_us,
    )
    recording.start()
    assert recording.wait_ended(DEADLINE_S)
    assert recording.progress().dropped == 39


def test_how_long_a_recording_waits_is_told_by_the_clock_of_its_frames(tmp_path: Path) -> None:
    """After a power cut the machine's clock may be hours behind; what goes on waits for nothing."""
    folder = SessionFolder(tmp_path / UUID)
    folder.write_record(SessionRecord(uuid=UUID, start_at=START_MS))
    in_an_hour_us = time.time_ns() // 1000 + 3600 * SECOND

    def waits_ms(after_us: int | None) -> int:
        schedule = Schedule(in_an_hour_us, SECOND, in_an_hour_us)
        camera = Camera(5, lambda _: None)
        ignore = (lambda: None, lambda _: None)
        recording = Recording(folder, camera, SMALL, schedule, *ignore, after_us=after_us)
        return recording.starts_in_ms()

    assert 3_000_000 < waits_ms(None) <= 3_600_000
    assert waits_ms(in_an_hour_us - 1) == 0
