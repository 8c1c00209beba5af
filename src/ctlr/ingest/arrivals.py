"""Which nodes of a stopped session are still awaited, watched over time.

How long a node has been still or silent is measured here on the monotonic clock, from what this
process sees: the folder's listing, the camera's reports and its status. After a restart the watch
starts over, so nobody is given up on the word of a file's date. What was seen of one session is
a ``Delivered``, which whoever asks keeps beside what else is known of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from ctlr.ingest.completeness import (
    Arrival,
    Delivery,
    describe,
    has_sent_all,
    is_whole,
    judge_delivery,
)
from ctlr.ingest.inventory import Inventory
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.layout.raw import parse_segment_name
from ctlr.nodes.fleet import NodeView
from ctlr.sessions.model import Session, SessionNode


@dataclass
class _NodeDelivered:
    """When a node's delivery last showed a sign of life, on the monotonic clock."""

    seen: tuple[int, int] = (0, 0)
    changed_at: float | None = None
    reported_at: float | None = None


@dataclass
class Delivered:
    """What was seen of one session's delivery, ``since`` it is watched (on the monotonic clock).
    ``taken_up``: it was stopped before this process was there, which may have missed reports."""

    since: float | None = None
    taken_up: bool = False
    nodes: dict[str, _NodeDelivered] = field(default_factory=dict)

    def node(self, name: str) -> _NodeDelivered:
        return self.nodes.setdefault(name, _NodeDelivered())

    def reported(self, node: str, now: float) -> None:
        """A camera reported on the session: its delivery is alive."""
        self.node(node).reported_at = now

    def restart_wait(self) -> None:
        """The session is being made: should more arrive, it is awaited from then on."""
        self.since = None

    def forget(self) -> None:
        """Nobody could deliver, so nobody is late."""
        self.since = None
        self.nodes.clear()


@dataclass(frozen=True)
class Awaited:
    """A node whose files are still on their way, and what is here of them, in words."""

    node: str
    text: str


class Arrivals:
    """``quiet_s`` and ``give_up_s`` are those of ``completeness.judge_delivery``; ``view`` gives
    what a node was last seen doing."""

    def __init__(
        self,
        inventory: Inventory,
        clock: Clock,
        *,
        quiet_s: float,
        give_up_s: float,
        view: Callable[[str], NodeView | None] = lambda _: None,
    ) -> None:
        self._inventory = inventory
        self._clock = clock
        self._quiet_s = quiet_s
        self._give_up_s = give_up_s
        self._view = view

    async def waiting_for(self, session: Session, delivered: Delivered) -> list[Awaited]:
        """The nodes of a stopped session whose files are still on their way.

        Raises ``Refusal`` ``storage_unavailable`` when the logging drive does not answer.
        """
        since = delivered.since = delivered.since or self._clock.monotonic()
        try:
            found = [await self._judge(session, node, delivered, since) for node in session.nodes]
        except Refusal:
            delivered.forget()
            raise
        return [awaited for awaited in found if awaited]

    async def _judge(
        self, session: Session, node: SessionNode, delivered: Delivered, since: float
    ) -> Awaited | None:
        uuid = session.uuid
        if node.complete and is_whole(node, await self._inventory.count_segments(uuid, node.name)):
            return None  # said by names alone; what follows looks at every file
        now = self._clock.monotonic()
        files = await self._inventory.files(uuid, node.name)
        seen = (len(files), max((file.mtime_ns for file in files), default=0))
        watch = delivered.node(node.name)
        if seen != watch.seen:
            watch.seen, watch.changed_at = seen, now
        says_none_left = has_sent_all(self._view(node.name))
        arrival = Arrival(
            segments_held=sum(parse_segment_name(file.name) is not None for file in files),
            newest_file_age_s=_age(watch.changed_at, now),
            last_report_age_s=_age(watch.reported_at, now),
            has_sent_all=delivered.taken_up and says_none_left,
            says_none_left=says_none_left,
        )
        verdict = judge_delivery(
            node,
            arrival,
            now - since,
            self._quiet_s,
            self._give_up_s,
            began=not session.never_began,
        )
        return Awaited(node.name, describe(node, arrival)) if verdict is Delivery.WAITING else None


def _age(at: float | None, now: float) -> float | None:
    return None if at is None else now - at
