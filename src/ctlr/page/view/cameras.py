"""One camera's card: its state, and every figure with a word beside it. Pure."""

from dataclasses import dataclass

from ctlr.api.overview import Facts, find_failure
from ctlr.nodes.fleet import NodeView
from ctlr.nodes.messages import NodeStatus
from ctlr.page.view import words
from ctlr.page.view.memory import CameraMemory, remarks
from ctlr.recording.preflight import CLOCK_WARN_MS, HOT_C, MINUTES_WARN
from ctlr.sessions.model import Session

NONE = "\u2013"
STATES = {
    "idle": "ready",
    "recording": "recording",
    "cleanup": "finishing",
    "error": "error",
}


@dataclass(frozen=True)
class Figure:
    """One line of a card. ``level``: "" for well, ``warn`` or ``bad``."""

    name: str
    text: str
    level: str = ""


@dataclass(frozen=True)
class Card:
    """A camera as it is shown. ``level``: ok, rec, warn or bad; ``latched``: what stays until the next
    session, in one text, "" if nothing; ``still``: the address of its picture."""

    name: str
    state: str
    level: str
    detail: str
    latched: str
    figures: tuple[Figure, ...]
    still: str


def card(view: NodeView, facts: Facts, known: CameraMemory | None) -> Card:
    """What is known of a camera now, and what is to be remembered of it."""
    latched = remarks(known, facts.now_ms) if known else []
    state, level, detail = _state(view, facts.current)
    if latched and level in ("ok", "rec"):
        level = "warn"
    return Card(
        name=view.name,
        state=state,
        level=level,
        detail=words.sentence(detail),
        latched=words.sentence("; ".join(latched)),
        figures=tuple(_figures(view, facts)),
        still=f"/api/nodes/{view.name}/preview.jpg",
    )


def _state(view: NodeView, session: Session | None) -> tuple[str, str, str]:
    """State, level, and what there is to say about it."""
    status = view.status
    if not view.connected or status is None:
        return ("no answer", "bad", view.error or "not seen yet")
    if status.state == "error":
        return ("error", "bad", status.error or "it does not say why")
    if session is None:
        wrong = status.error or view.misnamed or ""
        return (STATES[status.state], "warn" if wrong else "ok", wrong)
    return _state_in_session(view.name, status, session)


def _state_in_session(name: str, status: NodeStatus, session: Session) -> tuple[str, str, str]:
    node = session.node(name)
    if status.state == "recording" and status.starts_in_ms:
        return (f"starts in {words.lasting(status.starts_in_ms / 1000)}", "warn", "")
    if status.state == "recording":
        return ("recording", "rec", status.error or "")
    if node is not None and node.error and not node.started:
        return ("not recording", "bad", f"{node.error}; it is tried again until the stop")
    if status.state == "cleanup":
        return ("finishing", "ok", "")
    return ("not recording", "warn", status.error or "")


def _figures(view: NodeView, facts: Facts) -> list[Figure]:
    status = view.status
    delivery = _delivery(view, facts)
    if status is None:
        return [_clock(view), delivery]
    return [
        Figure("Segment", NONE if status.segment is None else str(status.segment)),
        Figure("Frames", NONE if status.frames is None else f"{status.frames:,}"),
        _dropped(status),
        _clock(view),
        _temperature(status),
        Figure("Power", status.throttled or "well", "bad" if status.throttled else ""),
        _room(status),
        delivery,
    ]


def _dropped(status: NodeStatus) -> Figure:
    if status.dropped is None:
        return Figure("Dropped", NONE)
    return Figure("Dropped", f"{status.dropped:,}", "bad" if status.dropped else "")


def _clock(view: NodeView) -> Figure:
    if view.clock is None:
        return Figure("Clock", words.clock(None, None))
    offset, bound = view.clock.offset_ms, view.clock.uncertainty_ms
    off = abs(offset) - bound > CLOCK_WARN_MS
    return Figure("Clock", words.clock(offset, bound), "warn" if off else "")


def _temperature(status: NodeStatus) -> Figure:
    temp = status.system.temp
    if temp is None:
        return Figure("Temperature", NONE)
    return Figure("Temperature", f"{temp:.0f} \u00b0C", "warn" if temp >= HOT_C else "")


def _room(status: NodeStatus) -> Figure:
    minutes, free = status.minutes_left, status.system.disk_free_gb
    if minutes is not None:
        low = "bad" if minutes < 15 else "warn" if minutes < MINUTES_WARN else ""
        return Figure("Card", f"{words.lasting(minutes * 60)} left", low)
    return Figure("Card", NONE if free is None else f"{free:.0f} GB free")


def _delivery(view: NodeView, facts: Facts) -> Figure:
    """How much has arrived, and how much is still to come."""
    if failure := find_failure(view, facts):
        return Figure("Arrived", f"cannot deliver: {failure.reason}", "warn")
    last = facts.reports.get(view.name)
    queued = view.status.sync.segments_queued if view.status else None
    here = f"{last.held:,} here" if last and last.report.uuid else ""
    left = "" if queued is None else f"{queued:,} to come" if queued else "none to come"
    return Figure("Arrived", ", ".join(part for part in (here, left) if part) or NONE)
