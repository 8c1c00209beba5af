"""Which nodes of a stopped session are still awaited, watched over time.

How long a node has been still or silent is measured here on the monotonic clock, from what this
process sees: the folder's listing and the camera's reports. After a restart the watch starts
over, so nobody is given up on the word of a file's date.
"""

from dataclasses import dataclass, field

from ctlr.ingest.completeness import Arrival, Delivery, is_whole, judge_delivery
from ctlr.ingest.inventory import Inventory
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.layout.raw import parse_segment_name
from ctlr.sessions.model import Session, SessionNode


@dataclass
class _NodeWatch:
    """When a node's delivery last showed a sign of life, on the monotonic clock."""

    seen: tuple[int, int] = (0, 0)
    changed_at: float | None = None
    reported_at: float | None = None


@dataclass
class _SessionWatch:
    since: float | None = None
    nodes: dict[str, _NodeWatch] = field(default_factory=dict)


class Arrivals:
    """``quiet_s`` and ``give_up_s`` are those of ``completeness.judge_delivery``."""

    def __init__(
        self, inventory: Inventory, clock: Clock, *, quiet_s: float, give_up_s: float
    ) -> None:
        self._inventory = inventory
        self._clock = clock
        self._quiet_s = quiet_s
        self._give_up_s = give_up_s
        self._sessions: dict[str, _SessionWatch] = {}

    def reported(self, uuid: str, node: str) -> None:
        """A camera reported on a session: its delivery is alive."""
        self._node(uuid, node).reported_at = self._clock.monotonic()

    def restart_wait(self, uuid: str) -> None:
        """The session is being made: should more arrive, it is awaited from then on."""
        self._session(uuid).since = None

    async def waiting_for(self, session: Session) -> list[str]:
        """The nodes of a stopped session whose files are still on their way.

        Raises ``Refusal`` ``storage_unavailable`` when the logging drive does not answer.
        """
        watch = self._session(session.uuid)
        since = watch.since = watch.since or self._clock.monotonic()
        try:
            return [
                node.name
                for node in session.nodes
                if await self._judge(session, node, since) is Delivery.WAITING
            ]
        except Refusal:  # nobody could deliver meanwhile, so nobody is late: it starts over
            self._sessions.pop(session.uuid, None)
            raise

    async def _judge(self, session: Session, node: SessionNode, since: float) -> Delivery:
        uuid = session.uuid
        if node.complete and is_whole(node, await self._inventory.count_segments(uuid, node.name)):
            return Delivery.COMPLETE  # said by names alone; what follows looks at every file
        now = self._clock.monotonic()
        watch = self._node(uuid, node.name)
        files = await self._inventory.files(uuid, node.name)
        seen = (len(files), max((file.mtime_ns for file in files), default=0))
        if seen != watch.seen:
            watch.seen, watch.changed_at = seen, now
        arrival = Arrival(
            segments_held=sum(parse_segment_name(file.name) is not None for file in files),
            newest_file_age_s=_age(watch.changed_at, now),
            last_report_age_s=_age(watch.reported_at, now),
        )
        return judge_delivery(
            node,
            arrival,
            now - since,
            self._quiet_s,
            self._give_up_s,
            began=not session.never_began,
        )

    def _session(self, uuid: str) -> _SessionWatch:
        return self._sessions.setdefault(uuid, _SessionWatch())

    def _node(self, uuid: str, name: str) -> _NodeWatch:
        return self._session(uuid).nodes.setdefault(name, _NodeWatch())


def _age(at: float | None, now: float) -> float | None:
    return None if at is None else now - at
