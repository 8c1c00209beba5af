"""What to tell which camera, from what is stored and what the cameras are doing. Pure.

The same rule serves a camera that was off at the start, an acknowledgement that got lost, a
stop that could not be delivered and a controller that was restarted in the middle: compare
what the session record says with what each camera was last seen doing, and act on the
difference. A camera that records something nobody here knows is never stopped: its session is
adopted.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ctlr.nodes.fleet import NodeView
from ctlr.sessions.model import Session, SessionNode, SessionState

ARMED_GRACE_MS = 2000
"""Installed nodes may call themselves idle while they wait for start_at; so long after it an
idle node is believed to be idle."""

ARMED_AHEAD_MS = 120_000
"""No start is told further ahead. A node that waits for a later instant was told it by a clock
that was set in that moment."""


@dataclass(frozen=True)
class StartNode:
    """The node should be recording and is not: it joins (again) on a start of its own."""

    node: str
    again: bool
    """It had started and lost the recording, so the session has a hole here."""


@dataclass(frozen=True)
class StopNode:
    """The node still records a session that is over; one that does not say which is taken to record
    the last of those whose stop it owes."""

    node: str
    uuid: str


@dataclass(frozen=True)
class Disarm:
    """The node waits for an instant that is far off; called back, it joins like a late one."""

    node: str


@dataclass(frozen=True)
class NoteStarted:
    """The node records this session although it never acknowledged the start.

    ``again``: it had acknowledged an earlier one, so the session has a hole here.
    """

    node: str
    start_at_ms: int | None
    again: bool = False


@dataclass(frozen=True)
class NoteStopped:
    """The node is seen not to record a session whose stop it had not acknowledged."""

    node: str
    uuid: str


@dataclass(frozen=True)
class Adopt:
    """The node records a session that nobody here knows, since ``start_at_ms`` on our clock
    and ``node_start_at_ms`` on its own."""

    node: str
    uuid: str
    start_at_ms: int | None
    node_start_at_ms: int | None


Action = StartNode | StopNode | Disarm | NoteStarted | NoteStopped | Adopt


def decide(
    active: Session | None,
    stopped: Iterable[Session],
    ended: Collection[str],
    views: Iterable[NodeView],
    now_ms: int,
    unheard: Collection[str] = (),
) -> list[Action]:
    """The actions that bring the cameras to where the record says they should be.

    ``stopped`` are sessions past their stop in which a node has not acknowledged it, in the order
    in which they were begun; ``ended`` holds the uuids, of those that cameras now record, that are
    known and past their stop; ``unheard`` names those that were told to join and whose answer was not heard. At most one
    ``Adopt`` comes out, as only one session can be active.
    """
    owed = list(stopped)
    actions: list[Action] = []
    for view in views:
        if not (view.connected and view.current and view.status):
            continue
        debts = [s.uuid for s in owed if (part := s.node(view.name)) and not part.stop_acknowledged]
        adopted = next((a for a in actions if isinstance(a, Adopt)), None)
        if view.status.state == "recording":
            action = _for_recording(
                active, ended, view, debts, now_ms, unheard=view.name in unheard
            )
            if not (isinstance(action, Adopt) and adopted):
                actions += [action] if action else []
            if not isinstance(action, StopNode):
                actions += [NoteStopped(view.name, uuid) for uuid in debts]
        else:
            actions += [NoteStopped(view.name, uuid) for uuid in debts]
            actions += _for_idle(active, view, now_ms)
    return actions


def _for_recording(
    active: Session | None,
    ended: Collection[str],
    view: NodeView,
    debts: list[str],
    now_ms: int,
    *,
    unheard: bool,
) -> Action | None:
    assert view.status is not None
    part = active.node(view.name) if active else None
    started = part is not None and part.started
    if view.status.uuid is None:  # an installed node, which does not say what it records
        if debts and not started:
            return StopNode(view.name, debts[-1])
        return NoteStarted(view.name, None) if active and (unheard or not started) else None
    uuid, told_ms = view.status.uuid.lower(), view.status.start_at
    if active and uuid == active.uuid:
        return _for_ours(part, view, told_ms, now_ms)
    if uuid in ended:
        return StopNode(view.name, uuid)
    unknown = Adopt(view.name, uuid, _on_our_clock(view, told_ms), told_ms)
    return unknown if active is None else None


def _for_ours(
    part: SessionNode | None, view: NodeView, told_ms: int | None, now_ms: int
) -> Action | None:
    """For a node that records the session that is going on; it was ``told`` to start then."""
    assert view.status is not None
    if _waits_for_another_hour(view, told_ms, now_ms):
        return Disarm(view.name)
    if part is None or not part.started:
        return NoteStarted(view.name, told_ms)
    again = told_ms is not None and part.start_at_ms is not None and told_ms > part.start_at_ms
    return NoteStarted(view.name, told_ms, again=True) if again else None


def _waits_for_another_hour(view: NodeView, told_ms: int | None, now_ms: int) -> bool:
    """Not for a node that goes on with what it recorded: the start that it was told lies in the
    past, wherever its clock was set since. Only one that does not say how long it waits is judged
    by its wall clock."""
    assert view.status is not None
    if view.status.starts_in_ms is not None:
        return view.status.starts_in_ms > ARMED_AHEAD_MS
    return view.status.frames == 0 and _is_far_off(view, told_ms, now_ms)


def _is_far_off(view: NodeView, start_at_ms: int | None, now_ms: int) -> bool:
    start_at_ms = _on_our_clock(view, start_at_ms)
    return start_at_ms is not None and start_at_ms > now_ms + ARMED_AHEAD_MS


def _on_our_clock(view: NodeView, at_ms: int | None) -> int | None:
    if at_ms is None or view.clock is None:
        return at_ms
    return at_ms - view.clock.correction_ms


def _may_be_armed(active: Session, part: SessionNode, now_ms: int) -> bool:
    """Whether a crash has taken what a node answered to the start, and it may wait for that."""
    if part.started or part.error is not None:
        return False
    left_ms = (active.start_at_ms or 0) + ARMED_GRACE_MS - now_ms
    return 0 < left_ms <= ARMED_AHEAD_MS


def _for_idle(active: Session | None, view: NodeView, now_ms: int) -> list[Action]:
    assert view.status is not None
    if active is None or active.state is not SessionState.RECORDING:
        return []
    if view.status.state == "cleanup":
        return []
    part = active.node(view.name) or SessionNode(view.name)
    if part in active.nodes and _may_be_armed(active, part, now_ms):
        return []
    far_off = part.started and _is_far_off(view, part.start_at_ms, now_ms)
    # One that broke off waits for no instant, whatever its clock says by now.
    broke_off = view.status.uuid is not None and view.status.uuid.lower() == active.uuid
    if far_off and not broke_off:
        return [Disarm(view.name)]
    start_at_ms = _on_our_clock(view, part.start_at_ms) or 0
    if part.started and not far_off and now_ms < start_at_ms + ARMED_GRACE_MS:
        return []
    return [StartNode(view.name, again=part.started)]
