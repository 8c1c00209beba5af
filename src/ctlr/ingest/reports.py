"""What cameras report about their delivery, and what they are answered.

A report is news for the session record (how many segments there are, how many are still to
come) and a question: which files may I delete? Installed nodes do not name the session; their
report counts for the newest one that they have a part in. What they deliver late may belong to an
older one: those that hold more than at the last report are news too.

What a report claims is believed as far as ``belief`` says. A stranger's, who is no camera of the rig
and has no part in the session that it names, is answered as any other and leaves nothing behind.

A node that reports a failure is failing until it reports a success: that it tries again is none.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Container
from contextlib import suppress
from dataclasses import dataclass

from ctlr.ingest.belief import Believed, believe, must_be_proved
from ctlr.ingest.inventory import DurableList, Inventory
from ctlr.ingest.takes import Takes
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.ids import is_node_name, parse_session_id
from ctlr.nodes.fleet import NodeView
from ctlr.nodes.messages import SyncAnswer, SyncReport
from ctlr.sessions.model import ACTIVE_STATES, SessionState
from ctlr.sessions.store import SessionStore

SETTLE_INTERVAL_S = 1.0
OLDER_SESSIONS = 10
"""So many finished sessions of an installed node are looked at when it reports."""


@dataclass(frozen=True)
class LastReport:
    """The newest news from one node. ``held`` counts the segments here of its session."""

    report: SyncReport
    at_ms: int
    held: int


@dataclass(frozen=True)
class DeliveryFailure:
    """A node says that its deliveries fail: since when and why, as far as it says."""

    since_ms: int | None
    reason: str | None


class Reports:
    """Receives reports. ``check_storage`` raises the ``Refusal`` that tells a camera to hold its
    files; ``on_report`` is called with the session's uuid (None: no session) and the node's name.
    ``members`` are the cameras of the rig, now (None: whoever reports is one); ``ask`` asks one of them for its status, ``view`` gives
    what it said last."""

    def __init__(
        self,
        store: SessionStore,
        inventory: Inventory,
        takes: Takes,
        clock: Clock,
        *,
        check_storage: Callable[[], None],
        on_report: Callable[[str | None, str], None],
        members: Callable[[], Container[str]] | None = None,
        ask: Callable[[str], Awaitable[NodeView]] | None = None,
        view: Callable[[str], NodeView | None] = lambda _: None,
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._takes = takes
        self._clock = clock
        self._check_storage = check_storage
        self._on_report = on_report
        self._members = members
        self._ask = ask
        self._view = view
        self._claims: dict[str, tuple[str, SyncReport]] = {}
        self._last: dict[str, LastReport] = {}
        self._held: dict[tuple[str, str], int] = {}
        self._failures: dict[str, DeliveryFailure] = {}

    def last(self, node: str) -> LastReport | None:
        return self._last.get(node)

    def failure(self, node: str) -> DeliveryFailure | None:
        return self._failures.get(node)

    async def receive(self, report: SyncReport) -> SyncAnswer:
        """Keep what a camera says and answer which of its files are safe here.

        Raises ``Refusal``: ``invalid_report``, ``invalid_uuid``, ``storage_full``,
        ``storage_unavailable``.
        """
        if not is_node_name(report.camera):
            raise Refusal("invalid_report", "The report names no camera node.")
        uuid = parse_session_id(report.uuid) if report.uuid else None
        is_member = self._is_member(report.camera)
        if is_member:
            self._note_outcome(report)
        self._check_storage()
        if not (is_member or await self._has_part(uuid, report.camera)):
            return _answer(DurableList([], sorted(report.asks or ())) if uuid else None)
        about = uuid or await self._newest_session(report.camera)
        if about:
            await self._takes.keep(about, report.camera)  # before the camera may delete its own
        listed = (
            await self._inventory.list_durable(uuid, report.camera, report.asks) if uuid else None
        )
        held = await self._inventory.count_segments(about, report.camera) if about else 0
        believed = await self._believe(report, about, held)
        if about:
            await self._store_report(
                about, believed, has_files=held > 0 or bool(listed and listed.durable)
            )
        if is_member:
            self._last[report.camera] = LastReport(believed.report, self._clock.now_ms(), held)
        if believed.from_it:
            self._on_report(about, report.camera)
        if uuid is None:
            await self._look_at_older(report.camera)
        return _answer(listed)

    def _is_member(self, node: str) -> bool:
        return self._members is None or node in self._members()

    async def _has_part(self, uuid: str | None, node: str) -> bool:
        """Whether a node that is no camera of the rig has anything to do with a session."""
        if uuid is None:
            return await self._newest_session(node) is not None
        session = await self._store.get(uuid)
        if session is not None and session.node(node) is not None:
            return True
        return bool(await self._inventory.count_segments(uuid, node))

    async def _believe(self, report: SyncReport, uuid: str | None, held: int) -> Believed:
        """What of a report counts. Its camera is asked for its status where only that can tell:
        it waits for the answer to its report, so it is there."""
        report = report.model_copy(update={"clock": None, "asks": None})  # nothing is kept of them
        session = await self._store.get(uuid) if uuid else None
        is_over = session is None or session.state not in ACTIVE_STATES
        if not (
            self._ask and self._is_member(report.camera) and must_be_proved(report, is_over=is_over)
        ):
            return believe(report, uuid, None)
        believed = believe(report, uuid, await self._ask(report.camera), held)
        if uuid and report.complete and believed.may_prove:
            self._claims[report.camera] = (uuid, report)
        return believed

    async def settle_forever(self) -> None:
        """Believe what could not be believed when it was reported, once the camera bears it out:
        who has delivered all says so once."""
        while True:
            await asyncio.sleep(SETTLE_INTERVAL_S)
            for node, (uuid, report) in list(self._claims.items()):
                with suppress(Refusal, sqlite3.OperationalError):  # the next look again
                    await self._settle(node, uuid, report)

    async def _settle(self, node: str, uuid: str, report: SyncReport) -> None:
        view, session = self._view(node), await self._store.get(uuid)
        part = session.node(node) if session else None
        if view is None or session is None or (part and part.complete):
            self._claims.pop(node, None)
            return
        if session.state in ACTIVE_STATES or not view.current:
            return
        held = await self._inventory.count_segments(uuid, node)
        believed = believe(report, uuid, view, held)
        if believed.report.complete and self._claims.pop(node, None) is not None:
            await self._store_report(uuid, believed, has_files=held > 0)
            self._on_report(uuid, node)

    def _note_outcome(self, report: SyncReport) -> None:
        if report.status == "error":
            before = self._failures.get(report.camera)
            since_ms = before.since_ms if before else self._clock.now_ms()
            self._failures[report.camera] = DeliveryFailure(since_ms, report.error)
        elif report.status != "syncing":
            self._failures.pop(report.camera, None)

    async def _look_at_older(self, node: str) -> None:
        for uuid in await self._store.finished_of_node(node, OLDER_SESSIONS):
            held = await self._inventory.count_segments(uuid, node)
            if self._held.get((uuid, node)) != held:  # or it is the first look of this process
                self._held[uuid, node] = held
                self._on_report(uuid, node)

    async def _newest_session(self, node: str) -> str | None:
        session = await self._store.latest_of_node(node)
        return session.uuid if session else None

    async def _store_report(self, uuid: str, believed: Believed, *, has_files: bool) -> None:
        report = believed.report
        session = await self._store.get(uuid)
        if session is None:
            if not has_files or report.segments_total is None:
                return  # nothing on disk, or still being recorded: then it is adopted as such
            await self._store.create(
                uuid,
                SessionState.COLLECTING,
                created_at_ms=self._clock.now_ms(),
                start_at_ms=None,
                node_names=[report.camera],
            )
        before = session.node(report.camera) if session else None
        is_over = session is None or session.state not in ACTIVE_STATES
        if not believed.from_it or (is_over and before and before.complete and not report.complete):
            return  # who has delivered all, and was asked, has nothing more to say of it
        news: dict[str, object] = {
            "remaining": report.remaining,
            "complete": report.complete,
        }
        if report.segments_total is not None:
            news["segments_total"] = report.segments_total
        if believed.has_stopped:
            news["stop_acknowledged"] = True
        await self._store.change_node(uuid, report.camera, **news)


def _answer(listed: DurableList | None) -> SyncAnswer:
    if listed is None:
        return SyncAnswer(ok=True)
    return SyncAnswer(ok=True, durable=listed.durable, absent=listed.absent or None)
