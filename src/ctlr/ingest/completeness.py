"""Whether all of a session has arrived. Pure.

Our own node says how many segments it made and that nothing is left to send. An installed node
never says how many, so it is taken at ``remaining: 0`` after the stop, once its newest file has
been still for a while. It says that once: where nobody heard it, as while the controller was
restarted, its status stands for it, once that says ``idle`` with nothing queued. A node that has
gone silent is waited for only so long: the rest of the session is made ready without it, says so,
and is made again when its data arrives after all.
"""

from dataclasses import dataclass
from enum import StrEnum

from ctlr.nodes.fleet import NodeView
from ctlr.sessions.model import SessionNode


class Delivery(StrEnum):
    COMPLETE = "complete"
    WAITING = "waiting"
    GIVEN_UP = "given_up"


@dataclass(frozen=True)
class Arrival:
    """What is known of one node's delivery; times are seconds ago. ``says_none_left``: its status
    says now that it does nothing and has nothing to send; ``has_sent_all``: that stands for the
    report, which nobody may have been there to hear."""

    segments_held: int
    newest_file_age_s: float | None
    last_report_age_s: float | None
    has_sent_all: bool = False
    says_none_left: bool = False


def judge_delivery(
    node: SessionNode,
    arrival: Arrival,
    stopped_for_s: float,
    quiet_s: float,
    give_up_s: float,
    *,
    began: bool = True,
) -> Delivery:
    """Whether a node of a stopped session is complete, still awaited, or given up.

    ``quiet_s`` is how long an installed node's newest file must have been still, ``give_up_s``
    how long without any sign of the node it is waited for. A session that was stopped before it
    ``began`` awaits nothing of a node that has confirmed the stop.
    """
    if not node.started and arrival.segments_held == 0:
        return Delivery.COMPLETE
    if not began and node.stop_acknowledged and arrival.segments_held == 0:
        return Delivery.COMPLETE if stopped_for_s >= quiet_s else Delivery.WAITING
    if node.segments_total is not None:
        if is_whole(node, arrival.segments_held):
            return Delivery.COMPLETE
    elif _plain_node_is_complete(node, arrival, stopped_for_s, quiet_s):
        return Delivery.COMPLETE
    signs = [stopped_for_s, arrival.newest_file_age_s]
    if not _says_that_nothing_comes(node, arrival):
        signs.append(arrival.last_report_age_s)
    silent_for_s = min(age for age in signs if age is not None)
    return Delivery.GIVEN_UP if silent_for_s >= give_up_s else Delivery.WAITING


def is_whole(node: SessionNode, segments_held: int) -> bool:
    """Whether a node has said how many segments there are, and that many are here."""
    return (
        node.segments_total is not None and node.complete and segments_held >= node.segments_total
    )


def _says_that_nothing_comes(node: SessionNode, arrival: Arrival) -> bool:
    """An installed node that was stopped before its first segment reports that for ever; and what
    somebody reports of a node that says itself that it has nothing left keeps nobody waiting."""
    sent_none = node.segments_total is None and node.remaining == 0 and arrival.segments_held == 0
    return sent_none or arrival.says_none_left


def _plain_node_is_complete(
    node: SessionNode, arrival: Arrival, stopped_for_s: float, quiet_s: float
) -> bool:
    reported_after_stop = (
        arrival.last_report_age_s is not None and arrival.last_report_age_s <= stopped_for_s
    )
    says_so = node.remaining == 0 if reported_after_stop else arrival.has_sent_all
    still_for_s = arrival.newest_file_age_s if arrival.newest_file_age_s is not None else 0.0
    return says_so and arrival.segments_held > 0 and min(still_for_s, stopped_for_s) >= quiet_s


def has_sent_all(view: NodeView | None) -> bool:
    """Whether a node says in its status, asked for after the last command to it, that it does
    nothing and has nothing to send. One that does not speak of a queue does not say so."""
    if view is None or not (view.connected and view.current) or view.status is None:
        return False
    status, sync = view.status, view.status.sync
    return (
        status.state == "idle"
        and sync.status == "idle"
        and sync.error is None
        and "segments_queued" in sync.model_fields_set
        and sync.segments_queued == 0
    )


def describe(node: SessionNode, arrival: Arrival) -> str:
    """What is here of a node's delivery, in words."""
    held, total = arrival.segments_held, node.segments_total
    if total is not None:
        return f"{held} of {total} segment{'s' * (total != 1)} here"
    left = f", {node.remaining} still to come" if node.remaining else ""
    return f"{held or 'no'} segment{'s' * (held != 1)} here{left}"
