"""What cameras report about their delivery, and what they are answered.

A report is news for the session record (how many segments there are, how many are still to
come) and a question: which files may I delete? Installed nodes do not name the session; their
report counts for the newest one that they have a part in. What they deliver late may belong to an
older one: those that hold more than at the last report are news too.

A node that reports a failure is failing until it reports a success: that it tries again is none.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ctlr.ingest.inventory import Inventory
from ctlr.ingest.takes import Takes
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.ids import is_node_name, parse_session_id
from ctlr.nodes.messages import SyncAnswer, SyncReport
from ctlr.sessions.model import SessionState
from ctlr.sessions.store import SessionStore

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
    files; ``on_report`` is called with the session's uuid (None: no session) and the node's name."""

    def __init__(
        self,
        store: SessionStore,
        inventory: Inventory,
        takes: Takes,
        clock: Clock,
        *,
        check_storage: Callable[[], None],
        on_report: Callable[[str | None, str], None],
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._takes = takes
        self._clock = clock
        self._check_storage = check_storage
        self._on_report = on_report
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
        self._note_outcome(report)
        self._check_storage()
        about = uuid or await self._newest_session(report.camera)
        if about:
            await self._takes.keep(about, report.camera)  # before the camera may delete its own
        listed = (
            await self._inventory.list_durable(uuid, report.camera, report.asks) if uuid else None
        )
        held = await self._inventory.count_segments(about, report.camera) if about else 0
        if about:
            await self._store_report(
                about, report, has_files=held > 0 or bool(listed and listed.durable)
            )
        self._last[report.camera] = LastReport(report, self._clock.now_ms(), held)
        self._on_report(about, report.camera)
        if uuid is None:
            await self._look_at_older(report.camera)
        if listed is None:
            return SyncAnswer(ok=True)
        return SyncAnswer(ok=True, durable=listed.durable, absent=listed.absent or None)

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

    async def _store_report(self, uuid: str, report: SyncReport, *, has_files: bool) -> None:
        if await self._store.get(uuid) is None:
            if not has_files or report.segments_total is None:
                return  # nothing on disk, or still being recorded: then it is adopted as such
            await self._store.create(
                uuid,
                SessionState.COLLECTING,
                created_at_ms=self._clock.now_ms(),
                start_at_ms=None,
                node_names=[report.camera],
            )
        news: dict[str, object] = {
            "remaining": report.remaining,
            "complete": report.complete,
        }
        if report.segments_total is not None:
            news["segments_total"] = report.segments_total
        if report.complete:
            news["stop_acknowledged"] = True
        await self._store.change_node(uuid, report.camera, **news)
