"""What of a camera's report is believed. Pure.

Anybody on the network can post a report in a camera's name. So what it claims counts as far as its
sender could know it, and as far as the camera itself, asked at its own address, says the same: that
nothing of a session is left there, that it does not record any more, how many segments it has made.
A camera of the installed kind never says how many, so nobody says it for it. Where there is no
address to ask (a camera that was taken out of the rig since) the report stands for itself.
"""

from dataclasses import dataclass

from ctlr.nodes.fleet import NodeView
from ctlr.nodes.messages import NodeStatus, SyncReport


@dataclass(frozen=True)
class Believed:
    """A report as far as it counts. ``from_it``: the camera is there, so the report may be its own
    and is a sign of life; ``has_stopped``: it says that it does not record this session;
    ``may_prove``: what does not count yet may, once the camera does something else."""

    report: SyncReport
    from_it: bool = True
    has_stopped: bool = False
    may_prove: bool = False


def must_be_proved(report: SyncReport, *, is_over: bool) -> bool:
    """Whether a report claims what only the camera can know; ``is_over``: the session that it is
    about has been stopped."""
    claims = report.complete or report.segments_total is not None
    return claims or (is_over and report.remaining == 0)


def believe(report: SyncReport, uuid: str | None, view: NodeView | None, held: int = 0) -> Believed:
    """What counts of a report about a session, of which ``held`` segments are here. ``view`` is how
    the camera is now; None: the rig has no such camera."""
    if view is None:
        return Believed(report, has_stopped=report.complete)
    status = view.status
    if not view.connected or status is None:
        return Believed(_without_claims(report), from_it=False, may_prove=True)
    if not status.is_ours:
        plain = _without_claims(report)
        return Believed(plain.model_copy(update={"remaining": _left(report, status)}))
    if _records(status, uuid):
        return Believed(_without_claims(report), may_prove=True)
    proved = report.complete and _says_the_same(report, uuid, status, held)
    left = report.remaining if proved else _left(report, status)
    counted = report.model_copy(update={"complete": proved, "remaining": left})
    return Believed(counted, has_stopped=proved, may_prove=not proved)


def _without_claims(report: SyncReport) -> SyncReport:
    return report.model_copy(update={"complete": False, "segments_total": None})


def _records(status: NodeStatus, uuid: str | None) -> bool:
    """Whether a camera is at work on a session, or on one that it does not name."""
    named = status.uuid.lower() if status.uuid else None
    return status.state in ("recording", "cleanup") and named in (None, uuid)


def _left(report: SyncReport, status: NodeStatus) -> int:
    """How many segments are still to come: no fewer than the camera itself has queued."""
    return max(report.remaining, status.sync.segments_queued)


def _says_the_same(report: SyncReport, uuid: str | None, status: NodeStatus, held: int) -> bool:
    """Whether a camera's own status bears out that it has delivered a session. One of an earlier
    version does not name sessions there."""
    delivered = status.sync.delivered
    if delivered is not None and uuid is not None:
        return uuid in delivered and delivered[uuid] == report.segments_total
    total = report.segments_total
    return status.sync.segments_queued == 0 and (total is None or total >= held)
