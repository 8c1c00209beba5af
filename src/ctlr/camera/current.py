"""The recording that a node makes now: its place on the card, its record, and how it ends."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import structlog

from ctlr.camera.capture_clock import StepWatch
from ctlr.camera.record import Ending, NodeEvent, SessionRecord
from ctlr.camera.recorder import Recording
from ctlr.camera.recovery import recover_segments
from ctlr.camera.resume import resumed_event
from ctlr.camera.schedule import Schedule
from ctlr.camera.sources import PictureSettings, load_source
from ctlr.camera.spool import SessionFolder, Spool
from ctlr.camera.stall import StallWatch
from ctlr.config import CameraSettings
from ctlr.kernel.clock import Clock

_log = structlog.get_logger("camera")


@dataclass
class CurrentRecording:
    """``keep_from``: the start that was agreed on, Unix ms. ``accepted``: the controller counts
    on this recording, so it is resumable if it breaks off."""

    folder: SessionFolder
    record: SessionRecord
    keep_from: int
    recording: Recording
    stall: StallWatch
    accepted: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    steps: StepWatch = field(default_factory=StepWatch)
    silence: str | None = None
    """What is wrong with a camera that gives no pictures."""

    @property
    def is_stopping(self) -> bool:
        return self.record.stopped_at is not None

    async def store(self) -> None:
        """Write the record to the card; once more if it changes meanwhile."""
        written = None
        while written is not self.record:
            written = self.record
            await asyncio.to_thread(self.folder.write_record, written)

    async def record_clock_step(self, now_ms: int) -> None:
        """Note it if the machine's clock was set since the last look."""
        moved_us = self.steps.check(self.recording.wall_ahead_us())
        if moved_us is None:
            return
        text = (
            f"This camera's clock moved by {moved_us / 1000:+.0f} ms against the frame times, "
            "which go on as they were."
        )
        _log.warning("the clock was set during a recording", moved_ms=moved_us / 1000)
        event = NodeEvent(at_ms=now_ms, kind="clock_step", text=text, size_us=moved_us)
        self.record = self.record.with_event(event)
        try:
            await self.store()
        except OSError as error:  # the event is kept in memory and written with the next one
            _log.error("an event could not be written to the card", reason=str(error))

    def check_for_stall(self) -> None:
        """Once a second. Raises ``CameraStalledError``."""
        expected, opened = self.recording.expects_pictures, self.recording.is_open
        self.silence = self.stall.check(self.recording.taken, expected=expected, opened=opened)

    def end(self, error: str | None, now_ms: int) -> str | None:
        """Write down how the recording ended; returns what is wrong, if anything is.

        The record has no ending afterwards if the recording is to go on.
        """
        ending, segments = self._ending(error), self.record.segments
        try:
            segments = self.folder.segments_made()
        except OSError as failure:  # counted again from the card before it is told to anybody
            error = error or f"The card cannot be read: {failure}."
        changes = {
            "ended": ending,
            "error": error,
            "segments": segments,
            "recorded_until_us": self.recording.last_frame_at_us or self.record.recorded_until_us,
        }
        record = self.record.model_copy(update=changes)
        if error is not None and ending is None:
            record = record.with_event(NodeEvent(at_ms=now_ms, kind="broke_off", text=error))
        self.record = record
        try:
            write_ending(self.folder, record)
        except OSError as failure:
            error = error or f"The card cannot be written: {failure}."
        _log.info("recording ended", uuid=record.uuid, ended=ending, error=error)
        return error

    def _ending(self, error: str | None) -> Ending | None:
        if self.is_stopping:
            return "failed" if error else "stopped"
        return None if self.accepted else "failed"


class RecordingFactory:
    """Arranges recordings, and calls ``on_segment`` and ``on_end(error)`` on the event loop."""

    def __init__(
        self,
        settings: CameraSettings,
        picture: PictureSettings,
        spool: Spool,
        clock: Clock,
        reason_to_end: Callable[[], str | None],
        camera_free: AbstractContextManager[object],
        on_segment: Callable[[], None],
        on_end: Callable[[str | None], None],
    ) -> None:
        self._settings = settings
        self._picture = picture
        self._spool = spool
        self._clock = clock
        self._reason_to_end = reason_to_end
        self._camera_free = camera_free
        self._on_segment = on_segment
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()

    def arrange(
        self, uuid: str, keep_from: int, known: SessionRecord | None, first_segment: int
    ) -> CurrentRecording:
        """Make a recording's place on the card; it is not started yet. Call it in a thread.

        ``known`` is the record of a session that was recorded here before: it goes on after
        its last frame. No segment gets a number below ``first_segment``. Raises ``SourceError``
        and ``OSError``.
        """
        kind = load_source(self._settings.source)
        folder, record = self._spool.begin(uuid, keep_from, first_segment)
        after_us = record.recorded_until_us
        keep_from_us = max(keep_from * 1000, (after_us or 0) + 1)
        if known is not None and keep_from > record.start_at:
            hole_us = None if after_us is None else keep_from_us - after_us
            recover_segments(folder)  # a card that was full had no room for it then
            event = resumed_event(self._clock.now_ms(), folder.next_segment(), hole_us)
            record = record.with_event(event)
            folder.write_record(record)
        segment_us = round(self._settings.segment_s * 1_000_000)
        recording = Recording(
            folder,
            kind,
            self._picture,
            Schedule(record.start_at * 1000, segment_us, keep_from_us),
            on_segment=lambda: self._call(self._on_segment),
            on_end=lambda error: self._call(self._on_end, error),
            reason_to_end=self._reason_to_end,
            after_us=after_us,
            camera_free=self._camera_free,
        )
        stall = StallWatch(self._picture.fps)
        return CurrentRecording(folder, record, keep_from, recording, stall)

    def _call(self, function: Callable[..., None], *values: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *values)
        except RuntimeError:
            # The node has shut down without waiting any longer; the next start finds what is left.
            _log.warning("a recording ended after the node", at=time.time())


def write_ending(folder: SessionFolder, record: SessionRecord) -> None:
    """Events first: what is marked as ended has nothing to come any more."""
    if record.ended is not None:
        folder.publish_events(record.events)
    folder.write_record(record)
