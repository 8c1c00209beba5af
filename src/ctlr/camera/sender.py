"""Delivers what is on the card, for as long as it takes, while recording goes on.

One session at a time, newest first, one batch a turn: send by rsync, report, delete what the
answer lists as durable. A session that this process has not delivered from before is reported
first, so that a restart does not send again what the controller has. When a recording has
ended and its last file is durable, a last report says ``complete`` and the session's folder
goes. What the card cannot give back, or could not be repaired, is set aside there and said.

Nothing gives up: errors wait longer and longer, up to half a minute, and a new segment ends
any wait. A controller that cannot store segments (HTTP 503, 507) is only asked, not sent to,
until it takes a report again. Wi-Fi gone for an hour, a restarted controller and a swapped
drive all end here as files that stay a little longer.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import structlog

from ctlr.camera.delivery import (
    POLL,
    RETRY,
    DeliveryVerdict,
    Sent,
    count_segments,
    judge,
    next_batch,
    segments_unsent,
)
from ctlr.camera.finished import FinishedFile
from ctlr.camera.record import NodeEvent, SessionRecord
from ctlr.camera.reporter import HoldSegmentsError, RefusedError, ReportError
from ctlr.camera.rsync import PartialTransferError, RsyncError
from ctlr.camera.spool import SessionFolder, Spool
from ctlr.kernel.clock import Clock
from ctlr.kernel.hashing import hash_file
from ctlr.nodes.messages import MOST_ASKED, NodeSync, SyncAnswer, SyncReport

_log = structlog.get_logger("camera")

MOST_DELIVERED = 8
READ_TRIES = 12
"""A file that could not be read so often, over some minutes, is not waited for any more."""

Send = Callable[[Path, str, Sequence[str]], Awaitable[None]]
Report = Callable[[SyncReport], Awaitable[SyncAnswer]]

_OF_ONE_SESSION = (RefusedError, PartialTransferError, OSError)
"""What goes wrong with one session, such as a bad sector of the card, while others get through."""

Outcome = Literal["more", "waiting", "refused", "failed", "done"]
"""Of one session's turn: more to do at once; waiting for the controller to confirm; this
session does not get through; nothing gets through at all; nothing left."""


class Sender:
    """``wake`` after a segment or a recording has ended; ``run`` lasts as long as the node.

    ``send(spool, uuid, names)`` raises ``RsyncError``, ``report`` raises ``ReportError``.
    """

    def __init__(
        self,
        node: str,
        spool: Spool,
        send: Send,
        report: Report,
        clock: Clock,
        node_clock: Callable[[], dict[str, Any]],
    ) -> None:
        self._node = node
        self._spool = spool
        self._send = send
        self._report = report
        self._clock = clock
        self._node_clock = node_clock
        self._wake = asyncio.Event()
        self._sent: dict[str, Sent] = {}
        self._unreadable: Counter[FinishedFile] = Counter()
        self._held = False
        self._failures = 0
        self._polls = 0
        self._status = NodeSync(delivered={})

    def wake(self) -> None:
        """There is something new on the card, or a recording has ended."""
        self._polls = 0
        self._wake.set()

    def status(self) -> NodeSync:
        return self._status

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            self._wake.clear()
            delay_s = self._delay_after(await self._turn())
            try:
                async with asyncio.timeout(delay_s):
                    await self._wake.wait()
            except TimeoutError:
                pass  # time to try or to ask again

    def _delay_after(self, outcome: Outcome) -> float | None:
        failed = outcome in ("failed", "refused")
        self._failures = self._failures + 1 if failed else 0
        if failed:
            return RETRY.delay_s(self._failures)
        if outcome == "more":
            return 0
        if outcome == "waiting":
            self._polls += 1
            return POLL.delay_s(self._polls)
        return None

    async def _turn(self) -> Outcome:
        """Serve sessions, newest first, until one has more to do or nothing gets through."""
        try:
            sessions = await asyncio.to_thread(lambda: list(self._spool.sessions()))
        except OSError as error:
            # A card that cannot be read now is no reason to end a recording.
            self._set_status(error=f"The card cannot be read: {error}.")
            return "failed"
        outcomes: set[Outcome] = set()
        for folder, record in sessions:
            outcome = await self._deliver(folder, record)
            if outcome in ("more", "failed"):
                return outcome
            outcomes.add(outcome)
        if outcomes <= {"done"}:
            self._set_status(status="idle", segments_queued=0, error=None)
        return next((worst for worst in ("refused", "waiting") if worst in outcomes), "done")

    async def _deliver(self, folder: SessionFolder, record: SessionRecord) -> Outcome:
        """One batch of one session: send it, report, delete what is durable."""
        try:
            files = await asyncio.to_thread(folder.finished_files)
            if record.ended is not None and not files:
                unrepaired = await asyncio.to_thread(folder.unrepaired)
                if unrepaired and await self._set_aside(folder, record, unrepaired):
                    return "more"
            if not files and record.ended is None:
                return "done"  # a recording that has not finished a segment yet
            self._set_status(status="syncing", segments_queued=count_segments(files))
            batch = self._choose_batch(folder.uuid, files)
            if batch:
                await self._send_batch(folder, record, files, batch)
            return await self._ask(folder, record, files, sent_now=len(batch))
        except (ReportError, RsyncError, OSError) as error:
            self._held = self._held or isinstance(error, HoldSegmentsError)
            self._set_status(error=str(error))
            _log.warning("delivery waits", uuid=folder.uuid, reason=str(error))
            return "refused" if isinstance(error, _OF_ONE_SESSION) else "failed"

    def _choose_batch(self, uuid: str, files: list[FinishedFile]) -> list[FinishedFile]:
        if uuid not in self._sent:
            self._sent[uuid] = {}
            return []  # ask first: the controller may have it all
        return [] if self._held else next_batch(files, self._sent[uuid])

    async def _send_batch(
        self,
        folder: SessionFolder,
        record: SessionRecord,
        files: list[FinishedFile],
        batch: list[FinishedFile],
    ) -> None:
        try:
            await self._send(self._spool.root, folder.uuid, [file.name for file in batch])
        except RsyncError as error:
            if isinstance(error, PartialTransferError):
                await self._look_for_unreadable(folder, record, batch)
            with suppress(ReportError):  # the controller hears of it if it can
                await self._ask(folder, record, files, error=str(error))
            raise
        self._sent[folder.uuid] |= dict.fromkeys(batch, self._clock.monotonic())

    async def _ask(
        self,
        folder: SessionFolder,
        record: SessionRecord,
        files: list[FinishedFile],
        *,
        sent_now: int = 0,
        error: str | None = None,
    ) -> Outcome:
        """Report, delete what is durable, and say how things stand."""
        sent = self._sent[folder.uuid]
        unsent = segments_unsent(files, sent)
        complete = record.ended is not None and not files
        total = folder.segments_made() if record.ended else None
        self._set_delivered(folder.uuid, total if complete else None)
        answer = await self._report(
            SyncReport(
                camera=self._node,
                status="error" if error else "syncing" if unsent else "ok",
                files=sent_now,
                remaining=unsent,
                uuid=folder.uuid,
                segments_total=total,
                complete=complete,
                error=error or record.error,
                clock=self._node_clock(),
                asks=[file.name for file in files] if len(files) <= MOST_ASKED else None,
            )
        )
        self._held = False
        if complete:
            await asyncio.to_thread(self._spool.mark_delivered, folder)
            del self._sent[folder.uuid]
            return "done"
        return await self._act_on_answer(folder, record, files, answer)

    async def _act_on_answer(
        self,
        folder: SessionFolder,
        record: SessionRecord,
        files: list[FinishedFile],
        answer: SyncAnswer,
    ) -> Outcome:
        sent = self._sent[folder.uuid]
        verdict = DeliveryVerdict([], [])
        if answer.durable is not None:
            now, absent = self._clock.monotonic(), answer.absent or ()
            verdict = judge(files, answer.durable, sent, now, absent)
        await asyncio.to_thread(folder.remove, [file.name for file in verdict.confirmed])
        await self._prepare_again(folder, record, verdict.damaged)
        left = [file for file in files if file not in verdict.confirmed]
        done = count_segments(files) - count_segments(left)
        self._set_status(
            segments_synced=self._status.segments_synced + done,
            segments_queued=count_segments(left),
            last_sync=self._clock.now_ms(),
            error=None,
        )
        if verdict.damaged:
            return "refused"  # sent again after a wait, so that it does not go round and round
        if next_batch(left, sent) or (record.ended and not left):
            return "more"
        return "waiting" if left else "done"

    async def _prepare_again(
        self, folder: SessionFolder, record: SessionRecord, damaged: list[FinishedFile]
    ) -> None:
        changed = await asyncio.to_thread(folder.make_ready_again, damaged)
        for file in damaged:
            _log.warning("a delivered file is damaged or gone", uuid=folder.uuid, file=file.name)
            del self._sent[folder.uuid][file]
        for name in changed:
            _log.error("the card has changed a file", uuid=folder.uuid, file=name)
            text = f"The card gives back {name} otherwise than it was written; it may not play."
            await self._append_event(folder, record, "changed_on_card", text)

    async def _look_for_unreadable(
        self, folder: SessionFolder, record: SessionRecord, batch: list[FinishedFile]
    ) -> None:
        """Set aside what the card does not give back, after many tries."""
        for file in batch:
            try:
                await asyncio.to_thread(hash_file, folder.path / file.name)
            except OSError:
                self._unreadable[file] += 1
            if self._unreadable[file] >= READ_TRIES:
                await self._set_aside(folder, record, [file.name])

    async def _set_aside(
        self, folder: SessionFolder, record: SessionRecord, names: list[str]
    ) -> bool:
        kept = await asyncio.to_thread(self._spool.set_aside, folder, names)
        if kept is None:
            return False
        text = (
            f"{', '.join(names)} could be neither repaired nor delivered and stays on the "
            f"camera's card, in {kept}; the session is without it."
        )
        _log.error("files stay on the card", uuid=folder.uuid, files=names, folder=str(kept))
        await self._append_event(folder, record, "kept_on_card", text)
        return True

    async def _append_event(
        self, folder: SessionFolder, record: SessionRecord, kind: str, text: str
    ) -> None:
        event = NodeEvent(at_ms=self._clock.now_ms(), kind=kind, text=text)
        await asyncio.to_thread(folder.append_event, event)
        if record.ended is not None:
            await asyncio.to_thread(folder.publish_events, record.events)

    def _set_delivered(self, uuid: str, segments: int | None) -> None:
        """Say in the status too, before it is reported, that a session has been delivered: the
        controller asks here who reports so. None: it has not been, or is recorded on."""
        others = [(u, n) for u, n in (self._status.delivered or {}).items() if u != uuid]
        here = [] if segments is None else [(uuid, segments)]
        self._set_status(delivered=dict([*others, *here][-MOST_DELIVERED:]))

    def _set_status(self, **news: Any) -> None:
        self._status = self._status.model_copy(update=news)
