"""The camera node's one piece of state: is it recording, and what.

One recording at a time. A start is accepted when the session's folder is on the card and the
camera has opened (or is still opening after ``OPEN_S``: a slow camera is not refused); a start
for the session that is being recorded is a retry and is answered like the first. A stop is
written down before it is answered, so a node that dies right after it does not count the
recording as interrupted; finishing the last segment goes on as ``cleanup``.

A session that this node has recorded before and that was not stopped (the node or its camera
went down) may be started again: it keeps its origin and goes on with the next free number.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from ctlr.camera.recorder import Progress, Recording
from ctlr.camera.schedule import Schedule
from ctlr.camera.sources import PictureSettings, SourceError, load_source
from ctlr.camera.spool import Ending, SessionFolder, SessionRecord, Spool
from ctlr.camera.vitals import free_gib, measure_system
from ctlr.config import CameraSettings
from ctlr.kernel.clock import Clock
from ctlr.kernel.ids import parse_session_id
from ctlr.nodes.messages import CameraState, Check, NodeStatus, NodeSync, Preflight

_log = structlog.get_logger("camera")

OPEN_S = 1.0
CLEANUP_S = 1.0
LAST_FRAME_S = 1.0
FINISH_S = 4.0
MINUTES_NEEDED = 10

_IDLE = Progress(frames=0, dropped=0, segment=None, first_frame_at_us=None)
_GIB_PER_KBIT_MINUTE = 60_000 / 8 / (1 << 30)


class NodeError(Exception):
    """A command that the node turns down; the text goes into the answer's ``error``."""


@dataclass
class _Current:
    folder: SessionFolder
    record: SessionRecord
    keep_from: int
    recording: Recording
    ended: asyncio.Event


class CameraNode:
    """``wake_sender`` is called when something new lies on the card."""

    def __init__(
        self,
        settings: CameraSettings,
        spool: Spool,
        clock: Clock,
        wake_sender: Callable[[], None],
        sync_status: Callable[[], NodeSync],
        node_clock: Callable[[], dict[str, Any]],
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._clock = clock
        self._wake_sender = wake_sender
        self._sync_status = sync_status
        self._node_clock = node_clock
        self._picture = PictureSettings(
            settings.width, settings.height, settings.fps, settings.bitrate_kbps
        )
        self._command = asyncio.Lock()
        self._current: _Current | None = None
        self._error: str | None = None

    async def start(self, uuid: str, start_at: int) -> dict[str, Any]:
        """Arrange for recording from ``start_at`` on.

        Returns ``uuid`` and the ``start_at`` that holds. Raises ``NodeError``, and ``Refusal``
        for a uuid that is none.
        """
        uuid = parse_session_id(uuid)
        async with self._command:
            await self._let_cleanup_end()
            if self._current is not None:
                if self._current.folder.uuid != uuid or self._is_stopping(self._current):
                    raise NodeError("already recording")
                return {"uuid": uuid, "start_at": self._current.keep_from}
            await self._begin(uuid, start_at)
            return {"uuid": uuid, "start_at": start_at}

    async def stop(self) -> dict[str, Any]:
        """End the recording; returns ``uuid`` and the number of ``segments``.

        Returns once the last frame is taken; the last segment is finished in the background.
        """
        async with self._command:
            current = self._current
            if current is None or self._is_stopping(current):
                raise NodeError("not recording")
            stopped = current.record.model_copy(update={"stopped_at": self._clock.now_ms()})
            try:
                await asyncio.to_thread(current.folder.write_record, stopped)
            except OSError as error:  # a card that is full must not keep the camera running
                _log.error("the stop could not be written to the card", reason=str(error))
            current.record = stopped
            current.recording.request_stop()
            segments = await asyncio.to_thread(current.recording.wait_captured, LAST_FRAME_S)
            _log.info("recording stopped", uuid=stopped.uuid, segments=segments)
            return {"uuid": stopped.uuid, "segments": segments}

    async def close(self) -> None:
        """Shutdown: finish what is being recorded; the session counts as interrupted."""
        current = self._current
        if current is not None:
            current.recording.request_stop()
            if not await asyncio.to_thread(current.recording.wait_ended, FINISH_S):
                _log.error("the last segment is not finished in time; the next start recovers it")
                return
            await current.ended.wait()

    def status(self) -> NodeStatus:
        current = self._current
        progress = current.recording.progress() if current else _IDLE
        return NodeStatus(
            state=self._state(),
            segment=progress.segment,
            error=self._error,
            sync=self._sync_status(),
            system=measure_system(self._spool.root),
            uuid=current.folder.uuid if current else None,
            start_at=current.record.start_at if current else None,
            first_frame_at_us=progress.first_frame_at_us,
            frames=progress.frames,
            dropped=progress.dropped,
            clock=self._node_clock(),
        )

    async def preflight(self) -> Preflight:
        checks = {
            "camera": await asyncio.to_thread(self._check_camera),
            "ntp": self._check_clock(),
            "storage": self._check_storage(),
            "state": Check(ok=self._current is None, msg=self._state()),
        }
        return Preflight(ready=all(check.ok for check in checks.values()), checks=checks)

    def _state(self) -> CameraState:
        if self._current is None:
            return "error" if self._error else "idle"
        return "cleanup" if self._is_stopping(self._current) else "recording"

    @staticmethod
    def _is_stopping(current: _Current) -> bool:
        return current.record.stopped_at is not None

    async def _let_cleanup_end(self) -> None:
        if self._current is not None and self._is_stopping(self._current):
            with suppress(TimeoutError):  # still busy: the start is refused, and tried again
                async with asyncio.timeout(CLEANUP_S):
                    await self._current.ended.wait()

    async def _begin(self, uuid: str, start_at: int) -> None:
        if start_at <= self._clock.now_ms():
            raise NodeError("start_at is in the past")
        try:
            known = await asyncio.to_thread(self._spool.find_record, uuid)
            if known is not None and known.stopped_at is not None:
                raise NodeError("already recorded: this session was stopped on this camera")
            kind = await asyncio.to_thread(load_source, self._settings.source)
            folder, record = await asyncio.to_thread(self._spool.begin, uuid, start_at)
        except (SourceError, OSError) as error:
            raise NodeError(f"cannot record: {error}") from error
        segment_us = round(self._settings.segment_s * 1_000_000)
        schedule = Schedule(record.start_at * 1000, segment_us, start_at * 1000)
        loop = asyncio.get_running_loop()
        recording = Recording(
            folder,
            kind,
            self._picture,
            schedule,
            on_segment=lambda: _call(loop, self._wake_sender),
            on_end=lambda error: _call(loop, self._ended, error),
        )
        self._error = None
        self._current = _Current(folder, record, start_at, recording, asyncio.Event())
        recording.start()
        problem = await asyncio.to_thread(recording.wait_opened, OPEN_S)
        if problem is not None:
            raise NodeError(problem)
        _log.info("recording arranged", uuid=uuid, start_at=start_at)

    def _ended(self, error: str | None) -> None:
        """The recording's threads are done: write down how it ended."""
        current = self._current
        assert current is not None
        ending: Ending = "stopped" if self._is_stopping(current) else "interrupted"
        record = current.record.model_copy(
            update={
                "ended": "failed" if error else ending,
                "error": error,
                "segments": current.folder.segments_made(),
            }
        )
        try:
            current.folder.write_record(record)
        except OSError as failure:
            error = error or f"The card cannot be written: {failure}."
        self._error = error
        self._current = None
        current.ended.set()
        self._wake_sender()
        _log.info("recording ended", uuid=record.uuid, ended=record.ended, error=error)

    def _check_camera(self) -> Check:
        try:
            return Check(ok=True, msg=load_source(self._settings.source).check(self._picture))
        except SourceError as error:
            return Check(ok=False, msg=str(error))

    def _check_clock(self) -> Check:
        clock = self._node_clock()
        if clock["source"] == "none":
            return Check(ok=True, msg="no chrony here; the clock is not checked by this node")
        if not clock["synchronised"]:
            return Check(ok=False, msg="chrony is not synchronised")
        offset, bound = clock["offset_ms"], clock["uncertainty_ms"]
        return Check(ok=True, msg=f"chrony: {offset:+.3f} ms, within {bound:.3f} ms")

    def _check_storage(self) -> Check:
        free = free_gib(self._spool.root)
        if free is None:
            return Check(ok=False, msg=f"the spool {self._spool.root} cannot be read")
        minutes = int(free / (self._settings.bitrate_kbps * _GIB_PER_KBIT_MINUTE))
        return Check(ok=minutes >= MINUTES_NEEDED, msg=f"room for {minutes} min of recording")


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *values: object) -> None:
    """Call a function on the loop from a recording's thread."""
    try:
        loop.call_soon_threadsafe(function, *values)
    except RuntimeError:
        # The node has shut down without waiting any longer; the next start finds what is left.
        _log.warning("a recording ended after the node", at=time.time())
