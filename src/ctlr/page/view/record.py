"""The record screen: one button, one headline, and what needs hands. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ctlr.api import overview
from ctlr.api.overview import Facts
from ctlr.page.view import limits, words
from ctlr.page.view.memory import CameraMemory
from ctlr.sessions.model import SessionState


@dataclass(frozen=True)
class Button:
    """The large one. ``does``: start or stop; ``why`` is why it cannot be pressed."""

    text: str
    does: str
    disabled: bool = False
    why: str = ""


@dataclass(frozen=True)
class Alert:
    """What must be known. ``hands``: it needs somebody within half a minute, so it may be heard."""

    key: str
    level: str
    text: str
    hands: bool = False


@dataclass(frozen=True)
class Watch:
    """One line about everything."""

    level: str
    text: str


@dataclass(frozen=True)
class Headline:
    """``mode``: idle, arming, recording or stopping; ``started_ms`` is where the stopwatch begins."""

    mode: str
    level: str
    text: str
    more: str
    started_ms: int | None
    uuid: str | None


def headline(facts: Facts, findings_ok: bool) -> Headline:
    """The state of the rig in a few words."""
    session = facts.current
    if session is None:
        return _idle(facts, findings_ok)
    began = session.start_at_ms  # moves with the controller's clock, should that be set
    if session.is_rehearsal:
        more = "Five seconds, to see whether all is well. It throws itself away."
        return Headline("arming", "warn", "5-second test", more, None, session.uuid)
    if session.state is SessionState.RECORDING:
        more = limits.until(facts)
        return Headline("recording", "rec", "Recording", more, began, session.uuid)
    if session.state is SessionState.ARMING:
        more = "All cameras begin at the same instant."
        return Headline("arming", "rec", "Starting", more, began, session.uuid)
    more = "The cameras finish their last segments."
    return Headline("stopping", "warn", "Stopping", more, None, session.uuid)


def button(facts: Facts) -> Button:
    session = facts.current
    if session is None:
        told = overview.status(facts)
        why = "" if told.can_start else words.sentence(told.readiness)
        return Button("Record", "start", disabled=not told.can_start, why=why)
    if session.state is SessionState.STOPPING:
        return Button("Stopping\u2026", "stop", disabled=True)
    return Button("Stop\u2026", "stop")


def alerts(facts: Facts, cameras: Mapping[str, CameraMemory]) -> list[Alert]:
    """Everything that is not well, each once; what needs hands first."""
    found = [*_needing_hands(facts, cameras), *_latched(facts, cameras), *_warnings(facts)]
    once: dict[str, Alert] = {}
    for alert in found:
        once.setdefault(alert.key, alert)
    return sorted(once.values(), key=lambda alert: (not alert.hands, alert.level != "bad"))


def watch(facts: Facts, found: Sequence[Alert]) -> Watch:
    """While it records: that all is well, or what is not, at a place that never moves."""
    if found:
        which = f"1 of {len(found)}: " if len(found) > 1 else ""
        return Watch(found[0].level, f"{which}{found[0].text}")
    recording = sum(bool(view.status and view.status.state == "recording") for view in facts.views)
    text = f"{words.count(recording, 'camera')} of {len(facts.views)} record, no frame was dropped."
    return Watch("ok" if recording == len(facts.views) else "warn", text)


def ended_by_itself(facts: Facts) -> str:
    """Why the newest take ended without anyone's word, "" if it did not."""
    if facts.current is not None or not facts.newest:
        return ""
    events = facts.newest[0][0].events
    return next((event.text for event in events if "ended by itself" in event.text), "")


def _idle(facts: Facts, findings_ok: bool) -> Headline:
    told = overview.status(facts)
    if not told.can_start:
        return Headline("idle", "bad", "Cannot record", words.sentence(told.readiness), None, None)
    room = limits.room(facts)
    if not told.ready or not findings_ok:
        text = words.sentence(told.readiness) if not told.ready else room
        return Headline("idle", "warn", "Would record, but look below", text, None, None)
    return Headline("idle", "ok", "Ready to record", room, None, None)


def _needing_hands(facts: Facts, cameras: Mapping[str, CameraMemory]) -> Iterator[Alert]:
    session = facts.current
    if session is None or session.state is not SessionState.RECORDING:
        return
    for view in facts.views:
        known = cameras.get(view.name)
        if not view.connected:
            since = (
                f" since {words.at(known.away_since_ms)}" if known and known.away_since_ms else ""
            )
            text = f"{view.name} has not answered{since}. Look at its power and its network."
            yield Alert(f"lost {view.name}", "bad", text, hands=True)
        elif view.status and view.status.state == "error":
            text = f"{view.name} has an error: {view.status.error}. It does not record."
            yield Alert(f"error {view.name}", "bad", text, hands=True)
        elif view.status and view.status.state == "idle" and view.current:
            text = f"{view.name} does not record. The rig keeps telling it to begin."
            yield Alert(f"idle {view.name}", "bad", text, hands=True)


def _latched(facts: Facts, cameras: Mapping[str, CameraMemory]) -> Iterator[Alert]:
    if facts.current is None:
        return
    for name, known in cameras.items():
        if known.dropped:
            text = f"{name} has dropped {words.count(known.dropped, 'frame')} in this take."
            yield Alert(f"dropped {name}", "warn", text)
        if known.lost and known.away_since_ms is None:
            gone = words.lasting(known.away_ms / 1000)
            text = f"{name} was away for {gone} in this take. It may have recorded on its card."
            yield Alert(f"lost {name}", "warn", text)


def _warnings(facts: Facts) -> Iterable[Alert]:
    told = overview.status(facts)
    for number, warning in enumerate(told.warnings):
        lost = warning.code == "camera_unreachable"
        name = warning.message.split(" ", 1)[0]
        key = f"lost {name}" if lost else f"{warning.code} {number}"
        grave = warning.code in ("storage_unhealthy", "storage_full", "record_unwritable")
        yield Alert(key, "bad" if grave or lost else "warn", words.sentence(warning.message))
