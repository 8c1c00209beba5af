"""What must not be overlooked stays until the next session: who was late, lost, or dropped. Pure.

A status says how things are at an instant; a camera that was away for ten seconds looks well again
to whoever looks at the screen a minute later. ``remember`` folds each new instant into what is
known of the session.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ctlr.api.overview import Facts
from ctlr.nodes.fleet import NodeView
from ctlr.page.view import words
from ctlr.sessions.model import Session, SessionState

LATE_MS = 1000
"""A camera that was told to begin this much after the session is late."""


@dataclass(frozen=True)
class CameraMemory:
    """Of one camera in one session. ``dropped`` is the most that it said; ``away_since_ms`` is None
    while it answers."""

    dropped: int = 0
    late_ms: int = 0
    lost: int = 0
    away_since_ms: int | None = None
    away_ms: int = 0
    throttled: str | None = None
    failed: str | None = None
    pending_at_stop: int | None = None


@dataclass(frozen=True)
class Memory:
    """Of the session ``uuid``, or of none. ``ended_at_ms`` is when it was first seen to be over."""

    uuid: str | None = None
    cameras: Mapping[str, CameraMemory] = field(default_factory=dict)
    ended_at_ms: int | None = None


def remember(memory: Memory, facts: Facts) -> Memory:
    """What is known after this instant. A new session begins with an empty page."""
    session = facts.current
    if session is None:
        return _after(memory, facts)
    if session.is_rehearsal:
        return memory  # its verdict says what was wrong with it
    if session.uuid != memory.uuid:
        memory = Memory(session.uuid)
    if session.state is SessionState.ARMING:
        return memory
    cameras = {
        view.name: _camera(memory.cameras.get(view.name, CameraMemory()), view, session, facts)
        for view in facts.views
    }
    return replace(memory, cameras={**memory.cameras, **cameras})


def remarks(known: CameraMemory, now_ms: int) -> list[str]:
    """What stays to be said of a camera, the gravest first."""
    found = []
    if known.failed:
        found.append(f"did not start: {known.failed}")
    if known.away_since_ms is not None:
        gone = words.lasting((now_ms - known.away_since_ms) / 1000)
        found.append(f"no answer since {words.at(known.away_since_ms)} ({gone})")
    elif known.lost:
        times = "" if known.lost == 1 else f" in {known.lost} times"
        found.append(f"was away for {words.lasting(known.away_ms / 1000)}{times}")
    if known.dropped:
        found.append(f"{words.count(known.dropped, 'frame')} dropped")
    if known.late_ms:
        found.append(f"joined {words.lasting(known.late_ms / 1000)} late")
    if known.throttled:
        found.append(f"power or cooling: {known.throttled}")
    return found


def _camera(known: CameraMemory, view: NodeView, session: Session, facts: Facts) -> CameraMemory:
    known = _presence(known, view, facts.now_ms)
    node, status = session.node(view.name), view.status
    if node is not None:
        failed = node.error if node.error and not node.started else None
        begun = min((start.at_ms for start in node.starts if start.take == 0), default=None)
        late = (begun or 0) - (session.start_at_ms or 0) if begun else 0
        known = replace(known, failed=failed, late_ms=late if late >= LATE_MS else known.late_ms)
    if status is None or status.uuid not in (None, session.uuid):
        return known
    dropped = max(known.dropped, status.dropped or 0) if status.uuid else known.dropped
    return replace(known, dropped=dropped, throttled=status.throttled or known.throttled)


def _presence(known: CameraMemory, view: NodeView, now_ms: int) -> CameraMemory:
    if view.connected and known.away_since_ms is not None:
        gone = known.away_ms + now_ms - known.away_since_ms
        return replace(known, away_since_ms=None, away_ms=gone)
    if not view.connected and known.away_since_ms is None:
        return replace(known, away_since_ms=now_ms, lost=known.lost + 1)
    return known


def _after(memory: Memory, facts: Facts) -> Memory:
    """Once it is over: how much each camera still had to send then, for the time that it takes."""
    if memory.uuid is None or memory.ended_at_ms is not None:
        return memory
    cameras = dict(memory.cameras)
    for view in facts.views:
        queued = view.status.sync.segments_queued if view.status else None
        known = _presence(cameras.get(view.name, CameraMemory()), view, facts.now_ms)
        cameras[view.name] = replace(known, pending_at_stop=queued)
    return replace(memory, cameras=cameras, ended_at_ms=facts.now_ms)
