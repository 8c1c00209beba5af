"""The drive with its two partitions, and what may be done with it. Pure."""

from dataclasses import dataclass

from ctlr.api import overview, storage_shapes
from ctlr.api.overview import GIB, Facts
from ctlr.page.view import words
from ctlr.page.view.preflight import Fix, drive_fix
from ctlr.storage.eject_rules import Phase
from ctlr.storage.states import MountState, State

PURPOSES = {
    "logging": "Logging: what arrives from the cameras",
    "sync": "Sync: what goes home",
}
_STATES = {
    State.ABSENT: "not there",
    State.MOUNTING: "being looked at",
    State.OK: "well",
    State.RO: "takes no writes",
    State.STALE: "pulled out or failing",
    State.HUNG: "does not answer",
    State.FOREIGN: "not a drive of this rig",
    State.STACKED: "mounted twice",
    State.EJECTED: "ejected",
}


@dataclass(frozen=True)
class Partition:
    """One of the two. ``used_percent`` is for a bar; ``more`` says file system, device and delay."""

    key: str
    name: str
    state: str
    level: str
    text: str
    room: str
    used_percent: int
    more: str
    fix: Fix | None


@dataclass(frozen=True)
class DriveView:
    """``sign`` is read from three metres; ``left_behind`` are sentences; ``why`` is why it cannot be
    ejected now."""

    phase: str
    sign: str
    level: str
    why: str
    partitions: tuple[Partition, ...]
    waiting_for: tuple[str, ...]
    left_behind: tuple[str, ...]
    can_eject: bool
    can_eject_when_safe: bool
    can_mount: bool


def drive(facts: Facts) -> DriveView:
    told = overview.storage_status(facts)
    sign, level = _sign(facts)
    waits = tuple(_work(item) for item in told.eject.waiting_for)
    out = facts.phase in (Phase.EJECTED, Phase.EJECTING)
    busy = facts.current is not None
    return DriveView(
        phase=facts.phase.value,
        sign=sign,
        level=level,
        why="A take is being recorded: the drive cannot be taken out." if busy else "",
        partitions=(
            _partition("logging", facts.logging, facts.minutes_left),
            _partition("sync", facts.sync, facts.sync_minutes_left),
        ),
        waiting_for=waits,
        left_behind=tuple(told.eject.not_on_drive),
        can_eject=not out and not busy,
        can_eject_when_safe=facts.phase is Phase.IN_USE,
        can_mount=facts.phase in (Phase.EJECTED, Phase.WAITING),
    )


def _sign(facts: Facts) -> tuple[str, str]:
    if facts.phase is Phase.EJECTED:
        return ("Safe to remove drive", "ok")
    if facts.phase is Phase.EJECTING:
        return ("Ejecting. Do not pull it yet", "warn")
    if facts.phase is Phase.WAITING:
        eta = (facts.waits_for.details.get("eta_s") if facts.waits_for else None) or 0
        time = f" ({words.countdown(eta)})" if eta else ""
        return (f"Ejects by itself when the work is done{time}. Do not pull it yet", "warn")
    if not facts.logging.healthy or not facts.sync.healthy:
        return ("The drive is not well", "bad")
    return ("Drive in use. Do not pull it", "warn")


def _work(item: storage_shapes.DriveWork) -> str:
    time = "" if item.eta_s is None else f" ({words.countdown(item.eta_s)})"
    return words.sentence(f"{item.message}{time}")


def _partition(name: str, state: MountState, minutes_left: float | None) -> Partition:
    used = state.total_bytes - state.free_bytes
    percent = round(100 * used / state.total_bytes) if state.total_bytes else 0
    shown, level = _STATES[state.state], "ok" if state.healthy else "bad"
    if state.healthy and state.full:
        shown, level = "full", "bad"
    elif state.healthy and state.slow:
        shown, level = "slow", "warn"
    elif state.state is State.EJECTED:
        level = "warn"
    fix = None if level == "ok" else drive_fix(name, state)
    details = [state.fs_type, state.device, _delay(state)]
    return Partition(
        key=name,
        name=PURPOSES[name],
        state=shown,
        level=level,
        text=words.sentence(state.error or ""),
        room=_room(state, minutes_left),
        used_percent=percent,
        more=", ".join(detail for detail in details if detail),
        fix=fix,
    )


def _room(state: MountState, minutes_left: float | None) -> str:
    if not state.total_bytes:
        return "Size not known"
    free = f"{state.free_bytes / GIB:.0f} of {state.total_bytes / GIB:.0f} GB free"
    return free if minutes_left is None else f"Room for {words.lasting(minutes_left * 60)}, {free}"


def _delay(state: MountState) -> str:
    return "" if state.latency_ms is None else f"a small write takes {state.latency_ms:.0f} ms"
