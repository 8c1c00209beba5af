"""One recording: a thread that captures and a thread that writes, with a queue between.

The capture thread does nothing that can wait for the card: it takes frames, decides where
they belong and queues them. The writer appends them to segments and, at a cut, closes,
flushes, hashes and renames the finished one, which on a worn SD card can take seconds; the
queue holds what is captured meanwhile. A queue that is full costs frames, which are counted,
and the next kept one is a keyframe: a recording with an honest hole is better than a node
that runs out of memory and loses all of it.

Whatever ends the recording — a stop, a shutdown, a camera that fails, a card that is full —
ends in the same place: the last segment is finished, and ``on_end`` is told. Room on the card
is looked at once a second, so what is queued by then still fits.
"""

import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final

import structlog

from ctlr.camera.capture_clock import AnchoredClock
from ctlr.camera.recovery import recover_segments
from ctlr.camera.schedule import Cutter, Schedule
from ctlr.camera.segment_file import SegmentFile
from ctlr.camera.sources import (
    Frame,
    PictureSettings,
    Source,
    SourceError,
    SourceKind,
    Take,
)
from ctlr.camera.spool import SessionFolder
from ctlr.camera.stills.wire import EncodedPicture

_log = structlog.get_logger("camera")

QUEUE_S = 20
"""How long the writer may be stuck on a slow card before frames are lost."""

CAPTURE_THREAD = "capture"
LOOK_AT_CARD_US = 1_000_000


@dataclass(frozen=True)
class RecordingProgress:
    """``frames`` kept, ``dropped`` lost, ``segment``: number of the newest or None."""

    frames: int
    dropped: int
    segment: int | None
    first_frame_at_us: int | None


@dataclass(frozen=True)
class _Queued:
    segment: int
    pts_us: int
    frame: Frame


class Recording:
    """Starts with ``start``. ``on_segment`` and ``on_end(error)`` are called on its threads.

    ``after_us``: capture time of the last frame of a recording that goes on here; the frames
    missing since then count as dropped. ``reason_to_end`` says why the card cannot take more,
    ``camera_free`` is held while the camera is opened.
    """

    def __init__(
        self,
        folder: SessionFolder,
        kind: SourceKind,
        settings: PictureSettings,
        schedule: Schedule,
        on_segment: Callable[[], None],
        on_end: Callable[[str | None], None],
        *,
        reason_to_end: Callable[[], str | None] = lambda: None,
        after_us: int | None = None,
        camera_free: AbstractContextManager[object] | None = None,
    ) -> None:
        self._folder = folder
        self._kind = kind
        self._settings = settings
        self._schedule: Final = schedule
        self._on_segment = on_segment
        self._on_end = on_end
        self._reason_to_end = reason_to_end
        self._after_us = after_us
        self._camera_free = camera_free or nullcontext()
        self._stopped = threading.Event()
        self._clock = AnchoredClock(self._stopped, after_us)
        self._first_segment = folder.next_segment()
        self._cutter = Cutter(schedule, self._first_segment)
        self._queue: queue.Queue[_Queued | None] = queue.Queue(round(QUEUE_S * settings.fps) + 1)
        self._source: Source | None = None
        self._frames = 0
        self.taken = 0
        """Pictures that the camera gave, kept or not."""
        self._lost = 0
        self._newest: Frame | None = None
        self._first_frame_at_us: int | None = None
        self.last_frame_at_us: int | None = None
        self._look_at_card_us = 0
        self._ends_at_us = 0
        self._error: str | None = None
        self._opened = threading.Event()
        self._capture_thread = threading.Thread(target=self._run_capture, name=CAPTURE_THREAD)
        self._writer_thread = threading.Thread(target=self._run_writer, name="segment-writer")

    def start(self) -> None:
        self._writer_thread.start()
        self._capture_thread.start()

    def request_stop(self) -> None:
        """Take no frame from now on. Returns at once; ``on_end`` tells when all is on the card."""
        self._ends_at_us = self._clock.now_us()
        self._stopped.set()

    def wait_opened(self, timeout_s: float) -> str | None:
        """Wait for the camera to open; returns what is known to be wrong by then."""
        self._opened.wait(timeout_s)
        return self._error

    def wait_captured(self, timeout_s: float) -> int:
        """Wait for the last frame; returns how many segments the session has by then."""
        self._capture_thread.join(timeout_s)
        return self._cutter.next_segment

    def wait_ended(self, timeout_s: float) -> bool:
        """Wait until everything is on the card. False if it is not in time."""
        self._writer_thread.join(timeout_s)
        return not self._writer_thread.is_alive()

    @property
    def is_open(self) -> bool:
        """Whether the camera is open, or could not be opened."""
        return self._opened.is_set()

    @property
    def expects_pictures(self) -> bool:
        """Whether the camera should give something now: a picture, or itself back."""
        due = self._stopped.is_set() or self.starts_in_ms() == 0
        return due and self._capture_thread.is_alive()

    def progress(self) -> RecordingProgress:
        source = self._source
        newest = self._cutter.next_segment - 1
        return RecordingProgress(
            frames=self._frames,
            dropped=self._lost + (source.dropped if source else 0),
            segment=newest if newest >= self._first_segment else None,
            first_frame_at_us=self._first_frame_at_us,
        )

    @property
    def queued(self) -> int:
        """Frames that have been taken and wait to be written."""
        return self._queue.qsize()

    def newest_picture(self) -> EncodedPicture | None:
        """The newest one that needs no other; None before the first."""
        frame, source = self._newest, self._source
        if frame is None or source is None:
            return None
        at_ms = frame.captured_at_us // 1000
        if frame.jpeg is not None:
            return EncodedPicture("mjpeg", bytes(frame.jpeg), b"", at_ms)
        context = source.template.codec_context
        name, extradata = context.codec.canonical_name, context.extradata or b""
        return EncodedPicture(name, bytes(frame.packet), extradata, at_ms)

    def starts_in_ms(self) -> int:
        """How long until frames are kept; 0 from then on. A clock that is set changes nothing."""
        return max(0, self._schedule.keep_from_us - self._clock.now_us()) // 1000

    def wall_ahead_us(self) -> int:
        """How far the machine's clock is ahead of the frame times by now."""
        return self._clock.wall_ahead_us()

    def _run_capture(self) -> None:
        try:
            self._capture()
        except Exception as error:
            self._fail("The camera failed", error)
        finally:
            self._opened.set()
            self._queue.put(None)

    def _capture(self) -> None:
        take = Take(self._schedule.start_at_us, self._schedule.keep_from_us)
        with self._camera_free:
            source = self._kind.open_source(self._settings, take, self._clock)
        self._source = source
        self._opened.set()
        try:
            for frame in source.frames(self._cutter.wants_keyframe):
                self.taken += 1
                if frame.keyframe or frame.jpeg is not None:
                    self._newest = frame
                if self._stopped.is_set() and frame.captured_at_us >= self._ends_at_us:
                    break
                self._enqueue(frame)
        finally:
            source.close()

    def _enqueue(self, frame: Frame) -> None:
        segment = self._cutter.assign(frame.captured_at_us, keyframe=frame.keyframe)
        if segment is None:
            self._lost += frame.captured_at_us >= self._schedule.keep_from_us
            return
        item = _Queued(segment, self._schedule.pts_us(frame.captured_at_us), frame)
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self._cutter.frame_was_lost()
            self._lost += 1
            return
        self._frames += 1
        self.last_frame_at_us = frame.captured_at_us
        if self._first_frame_at_us is None:
            self._first_frame_at_us = frame.captured_at_us
            self._lost += self._missed_before(frame.captured_at_us)

    def _missed_before(self, captured_at_us: int) -> int:
        if self._after_us is None:
            return 0
        hole_us = captured_at_us - self._after_us
        return max(0, round(hole_us * self._settings.fps / 1_000_000) - 1)

    def _run_writer(self) -> None:
        try:
            self._write()
        except Exception as error:
            self._fail("The segment cannot be written to the card", error)
            self._drain()
        try:
            recover_segments(self._folder)
        except Exception as error:  # the next start tries again
            self._fail("The card cannot be read", error)
        finally:
            self._capture_thread.join()
            self._on_end(self._error)

    def _write(self) -> None:
        segment: SegmentFile | None = None
        try:
            while (item := self._queue.get()) is not None:
                if segment is None or item.segment != segment.number:
                    self._finish(segment)
                    segment = None
                    segment = self._open_segment(item.segment)
                segment.add(item.frame, item.pts_us)
                self._look_at_card(item.pts_us)
        except BaseException:
            if segment is not None:
                segment.abandon()
            raise
        self._queue.put(None)  # the end stays the end, also for _drain
        self._finish(segment)

    def _look_at_card(self, pts_us: int) -> None:
        if pts_us < self._look_at_card_us:
            return
        self._look_at_card_us = pts_us + LOOK_AT_CARD_US
        reason = self._reason_to_end()
        if reason is not None and not self._stopped.is_set():
            self._error = f"{reason}. What was recorded until then is kept."
            self._stopped.set()

    def _open_segment(self, number: int) -> SegmentFile:
        assert self._source is not None
        frame_us = round(1_000_000 / self._settings.fps)
        template, rotation = self._source.template, self._settings.rotation
        return SegmentFile(self._folder.path, number, template, frame_us, rotation)

    def _finish(self, segment: SegmentFile | None) -> None:
        if segment is not None:
            segment.close()
            self._folder.finish_segment(segment.number)
            self._on_segment()

    def _drain(self) -> None:
        self._stopped.set()
        while self._queue.get() is not None:
            pass

    def _fail(self, what: str, error: Exception) -> None:
        known = isinstance(error, SourceError)
        _log.error("recording breaks off", what=what, reason=str(error), exc_info=not known)
        if self._error is None:
            self._error = f"{what}: {error}. What was recorded until then is kept."
        self._stopped.set()
