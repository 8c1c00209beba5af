"""The camera node's one piece of state: is it recording, and what.

One recording at a time. A start is accepted when the session's folder is on the card and the
camera has opened (or is still opening after ``OPEN_S``: a slow camera is not refused); a start
for the session that is being recorded is a retry and is answered like the first. A stop is
written down before it is answered, so a node that dies right after it does not count the
recording as interrupted; finishing the last segment goes on as ``cleanup``.

A recording that ends without a stop is *resumable*: the node takes it up again by itself (see
``resume``), with its origin and the next free number, and until then a stop ends it and a start
for it begins at once. Where the controller can be reached it is asked first: a session that was
stopped meanwhile does not go on.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import structlog

from ctlr.camera.card import Card
from ctlr.camera.checks import Checks
from ctlr.camera.current import CurrentRecording, RecordingFactory, write_ending
from ctlr.camera.record import Ending, SessionRecord
from ctlr.camera.recorder import RecordingProgress
from ctlr.camera.recovery import recover_segments
from ctlr.camera.resume import RETRY, is_resumable
from ctlr.camera.sources import PictureSettings, SourceError
from ctlr.camera.spool import Spool
from ctlr.camera.stills.maker import NoStillError, Still, StillMaker
from ctlr.camera.stills.newest import Stills
from ctlr.camera.stills.rules import DropWatch, Strain, why_no_still
from ctlr.camera.vitals import Vitals, measure_system
from ctlr.config import CameraSettings
from ctlr.kernel.clock import Clock
from ctlr.kernel.ids import parse_session_id
from ctlr.nodes.messages import CameraState, NodeStatus, NodeSync, Preflight

_log = structlog.get_logger("camera")

OPEN_S = 1.0
CLEANUP_S = 1.0
LAST_FRAME_S = 1.0
FINISH_S = 4.0
TEND_EVERY_S = 1.0

_IDLE = RecordingProgress(frames=0, dropped=0, segment=None, first_frame_at_us=None)


class NodeError(Exception):
    """A command that the node turns down; the text goes into the answer's ``error``."""


class CameraNode:
    """``wake_sender`` is called when something new lies on the card. ``resumable`` is the record of
    the session to take up again, as the recovery of the card found it. ``find_end`` asks the
    controller when a session was stopped; None while it goes on or does not answer. A session that
    is ``longest_h`` hours old is taken up no more."""

    def __init__(
        self,
        settings: CameraSettings,
        spool: Spool,
        clock: Clock,
        vitals: Vitals,
        wake_sender: Callable[[], None],
        sync_status: Callable[[], NodeSync],
        resumable: SessionRecord | None = None,
        find_end: Callable[[str], Awaitable[int | None]] | None = None,
        *,
        longest_h: float,
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._clock = clock
        self._vitals = vitals
        self._wake_sender = wake_sender
        self._sync_status = sync_status
        self._find_end = find_end
        self._longest_h = longest_h
        self._picture = PictureSettings.of(settings)
        self._card = Card(settings)
        self._checks = Checks(settings, self._picture, self._card, vitals)
        self._factory = RecordingFactory(
            settings,
            self._picture,
            spool,
            clock,
            reason_to_end=self._card.reason_to_end,
            camera_free=self._checks.camera_free,
            on_segment=wake_sender,
            on_end=self._ended,
        )
        maker = StillMaker(settings.source, self._picture)
        self._stills = Stills(maker, self._checks.camera_free)
        self._drops = DropWatch()
        self._command = asyncio.Lock()
        self._current: CurrentRecording | None = None
        self._resumable = resumable
        self._retry_at = 0.0
        self._failures = 0
        self._error: str | None = (
            "The recording was interrupted; it goes on." if resumable else None
        )

    async def start(
        self, uuid: str, start_at: int, first_segment: int | None = None
    ) -> dict[str, Any]:
        """Arrange for recording from ``start_at`` on.

        ``first_segment`` is given for a session that is going on, which has all lower numbers
        already; it may have been stopped here by mistake, or recorded on another card.
        Returns ``uuid`` and the ``start_at`` that holds. Raises ``NodeError``, and ``Refusal``
        for a uuid that is none.
        """
        uuid = parse_session_id(uuid)
        async with self._command:
            await self._let_cleanup_end()
            if self._current is not None:
                if self._current.folder.uuid != uuid or self._current.is_stopping:
                    raise NodeError("already recording")
                return {"uuid": uuid, "start_at": self._current.keep_from}
            if start_at <= self._clock.now_ms():
                raise NodeError("start_at is in the past")
            if self._resumable is not None and self._resumable.uuid != uuid:
                await self._give_up(self._resumable)
            await self._begin(uuid, start_at, first_segment)
            _log.info("recording arranged", uuid=uuid, start_at=start_at)
            return {"uuid": uuid, "start_at": start_at}

    async def stop(self) -> dict[str, Any]:
        """End the recording; returns ``uuid`` and the number of ``segments``.

        Returns once the last frame is taken; the last segment is finished in the background.
        """
        async with self._command:
            current = self._current
            if current is None and self._resumable is not None:
                return await self._stop_resumable(self._resumable)
            if current is None or current.is_stopping:
                raise NodeError("not recording")
            current.record = current.record.model_copy(update={"stopped_at": self._clock.now_ms()})
            try:
                await current.store()
            except OSError as error:  # a card that is full must not keep the camera running
                _log.error("the stop could not be written to the card", reason=str(error))
            current.recording.request_stop()
            segments = await asyncio.to_thread(current.recording.wait_captured, LAST_FRAME_S)
            _log.info("recording stopped", uuid=current.folder.uuid, segments=segments)
            return {"uuid": current.folder.uuid, "segments": segments}

    async def still(self) -> Still:
        """The newest picture of the camera, for somebody who looks. Raises ``NoStillError``."""
        reason = why_no_still(self._strain())
        if reason is not None:
            raise NoStillError(reason)
        if self._current is None:
            return await self._stills.look()
        picture = self._current.recording.newest_picture()
        if picture is None:
            raise NoStillError("the camera has not given a picture yet")
        return await self._stills.of_recording(picture)

    async def tend_stills(self) -> None:
        """For as long as the node runs: let go of the camera when nobody looks any more."""
        await self._stills.tend()

    async def close(self) -> None:
        """Shutdown: finish what is being recorded; the next start goes on with it."""
        await self._stills.close()
        current = self._current
        if current is not None:
            current.recording.request_stop()
            if not await asyncio.to_thread(current.recording.wait_ended, FINISH_S):
                _log.error("the last segment is not finished in time; the next start recovers it")
                return
            await current.ended.wait()

    async def tend(self) -> None:
        """For as long as the node runs: go on with what is resumable, note steps of the clock.

        Raises ``CameraStalledError`` when the camera has fallen silent for good.
        """
        while True:
            async with self._command:
                if self._current is not None:
                    await self._current.record_clock_step(self._clock.now_ms())
                    self._current.check_for_stall()
                elif self._resumable is not None and time.monotonic() >= self._retry_at:
                    await self._resume(self._resumable)
            await asyncio.sleep(TEND_EVERY_S)

    def status(self) -> NodeStatus:
        current = self._current
        progress = current.recording.progress() if current else _IDLE
        record = current.record if current else self._resumable
        return NodeStatus(
            state=self._state(),
            segment=progress.segment,
            error=self._error or (current.silence if current else None),
            sync=self._sync_status(),
            system=measure_system(self._spool.root),
            uuid=record.uuid if record else None,
            start_at=record.start_at if record else None,
            first_frame_at_us=progress.first_frame_at_us,
            frames=progress.frames,
            starts_in_ms=current.recording.starts_in_ms() if current else None,
            dropped=progress.dropped,
            clock=self._vitals.clock(),
            bitrate_kbps=self._settings.bitrate_kbps,
            minutes_left=self._card.minutes_left(),
            throttled=self._vitals.throttled(),
            events=[e.model_dump(exclude_none=True) for e in record.events] if record else None,
        )

    async def preflight(self) -> Preflight:
        checks = await self._checks.make(self._state())
        return Preflight(ready=all(check.ok for check in checks.values()), checks=checks)

    def _strain(self) -> Strain:
        current, throttled = self._current, self._vitals.throttled()
        if current is None:
            return Strain(throttled)
        dropped = current.recording.progress().dropped
        return Strain(
            throttled,
            self._drops.check(dropped, time.monotonic()),
            current.recording.queued / self._picture.fps,
            self._sync_status().segments_queued,
        )

    def _state(self) -> CameraState:
        if self._current is None:
            return "error" if self._error else "idle"
        return "cleanup" if self._current.is_stopping else "recording"

    async def _let_cleanup_end(self) -> None:
        if self._current is not None and self._current.is_stopping:
            await self._let_end(self._current)

    @staticmethod
    async def _let_end(current: CurrentRecording) -> None:
        with suppress(TimeoutError):  # still busy: a start is refused, and tried again
            async with asyncio.timeout(CLEANUP_S):
                await current.ended.wait()

    async def _begin(self, uuid: str, keep_from: int, first_segment: int | None = None) -> None:
        """Record the session, from ``keep_from`` (Unix ms) on. Raises ``NodeError``."""
        async with self._stills.out_of_the_way():
            await self._open_for(uuid, keep_from, first_segment)

    async def _open_for(self, uuid: str, keep_from: int, first_segment: int | None) -> None:
        full = self._card.reason_not_to_start()
        if full is not None:
            raise NodeError(f"cannot record: {full}")
        try:
            known = await asyncio.to_thread(self._spool.find_record, uuid)
            if known is not None and known.is_over and first_segment is None:
                raise NodeError("already recorded: this session was stopped on this camera")
            arranged = (uuid, keep_from, known, first_segment or 0)
            current = await asyncio.to_thread(self._factory.arrange, *arranged)
        except (SourceError, OSError) as error:
            raise NodeError(f"cannot record: {error}") from error
        current.accepted = self._resumable is not None
        self._current = current
        current.recording.start()
        problem = await asyncio.to_thread(current.recording.wait_opened, OPEN_S)
        if problem is not None or current.ended.is_set():
            await self._let_end(current)
            raise NodeError(problem or self._error or "The recording ended at once.")
        current.accepted = True
        self._resumable = self._error = None

    async def _resume(self, resumable: SessionRecord) -> None:
        """Go on with a session; on failure it stays resumable and is tried again later."""
        now_ms = self._clock.now_ms()
        self._failures += 1
        self._retry_at = time.monotonic() + RETRY.delay_s(self._failures)
        try:
            if not is_resumable(resumable, now_ms, self._longest_h):
                await self._give_up(resumable)
                return
            stopped_at = await self._find_end(resumable.uuid) if self._find_end else None
            if stopped_at is not None:
                _log.warning(
                    "the recording was stopped while the node was away", uuid=resumable.uuid
                )
                await self._store_ending(resumable, "stopped", stopped_at=stopped_at)
                return
            now_ms = self._clock.now_ms()
            await self._begin(resumable.uuid, max(resumable.start_at, now_ms))
        except NodeError as error:
            if str(error) != self._error:
                _log.error("the recording cannot go on yet", uuid=resumable.uuid, reason=str(error))
            self._error = str(error)
            return
        _log.warning("the recording goes on", uuid=resumable.uuid)

    async def _stop_resumable(self, resumable: SessionRecord) -> dict[str, Any]:
        segments = await self._store_ending(resumable, "stopped", stopped_at=self._clock.now_ms())
        _log.info("an interrupted recording was stopped", uuid=resumable.uuid, segments=segments)
        return {"uuid": resumable.uuid, "segments": segments}

    async def _give_up(self, resumable: SessionRecord) -> None:
        _log.warning("an interrupted recording does not go on any more", uuid=resumable.uuid)
        await self._store_ending(resumable, "interrupted")

    async def _store_ending(
        self, resumable: SessionRecord, ending: Ending, **changes: object
    ) -> int:
        """Give a resumable session its ending; returns its segments. The card may be full."""
        folder = self._spool.folder(resumable.uuid)
        try:
            await asyncio.to_thread(recover_segments, folder)  # there may be room for it now
            segments = await asyncio.to_thread(folder.segments_made)
            record = resumable.model_copy(update={"ended": ending, "segments": segments} | changes)
            await asyncio.to_thread(write_ending, folder, record)
        except OSError as error:
            raise NodeError(f"the card cannot be written: {error}") from error
        self._resumable = self._error = None
        self._wake_sender()
        return segments

    def _ended(self, error: str | None) -> None:
        """The recording's threads are done: it is over, or resumable."""
        current = self._current
        assert current is not None
        if current.recording.progress().frames:
            self._failures = 0
        self._error = current.end(error, self._clock.now_ms())
        self._resumable = current.record if current.record.ended is None else None
        self._current = None
        current.ended.set()
        self._wake_sender()
