"""Everything that would spoil a session, said before anyone drives off. Pure.

The same findings answer ``GET /api/preflight`` and come back as ``warnings`` of a start, which
is never refused for them: field data cannot be recorded again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ctlr.kernel.clock import iso_from_ms
from ctlr.nodes.fleet import NodeView
from ctlr.nodes.messages import NodeStatus

CLOCK_WARN_MS = 20.0
PHONE_CLOCK_WARN_MS = 1000
EARLIEST_MS = 1_735_689_600_000
"""2025, before there was this program: a clock that says less was never set."""
OWN_CLOCK_WARN_MS = 60_000
"""Where all others are so far off in the same way, it is our own clock."""
DAY_MS = 86_400_000
OWN_CLOCK, OWN_CLOCK_CODE = "controller clock", "controller_clock"
HOT_C = 75.0
MINUTES_WARN = 60.0
SHOWN_BY_THE_START = frozenset({"camera_unreachable", "camera_busy", "camera_not_ready"})
"""Codes that a start need not warn with: what the cameras answer to it is newer."""


@dataclass(frozen=True)
class Finding:
    """One check: its name, whether it is well, what was found in one sentence, and the stable
    code that a start warns with when it is not well."""

    name: str
    ok: bool
    message: str
    code: str


@dataclass(frozen=True)
class Space:
    """What a drive can still take. ``minutes_left`` is None while the rate is not known."""

    healthy: bool
    problem: str | None
    minutes_left: float | None
    full: bool = False


def fleet_kbps(views: Iterable[NodeView], usual_kbps: int) -> int:
    """What all cameras make together, in kilobits a second; one that does not say, the usual."""
    return sum((view.status and view.status.bitrate_kbps) or usual_kbps for view in views)


def check_rig(
    views: Iterable[NodeView],
    spaces: Mapping[str, Space],
    phone_ahead_ms: int | None = None,
    refusals: Mapping[str, str] | None = None,
    *,
    now_ms: int,
) -> list[Finding]:
    """All findings; a controller's own clock that was not set is the first, as others are measured
    against it, and then cameras.

    ``phone_ahead_ms`` is the phone's clock minus ours where it was told; ``refusals`` is what
    cameras themselves said against recording, by node name; ``now_ms`` is what our clock says.
    """
    views = list(views)
    own = check_own_clock(now_ms, views, phone_ahead_ms)
    findings = [own]
    findings += [check_camera(view, (refusals or {}).get(view.name)) for view in views]
    findings += [_check_clock(view, own) for view in views if view.connected]
    findings += [_check_space(name, space) for name, space in spaces.items()]
    if phone_ahead_ms is not None:
        findings.append(_check_phone(phone_ahead_ms, own))
    return findings


def check_own_clock(
    now_ms: int, views: Iterable[NodeView], phone_ahead_ms: int | None = None
) -> Finding:
    """Whether the controller's clock was set: what it says, and what all others say of it.

    A camera alone may be wrong itself, and cameras that agree with us may have their time from us;
    a phone has its from its network, and is never wrong by a day.
    """
    ahead = [view.clock.offset_ms for view in views if view.connected and view.clock]
    by_phone_ms = phone_ahead_ms or 0
    if phone_ahead_ms is not None:
        ahead.append(phone_ahead_ms)
    says = iso_from_ms(now_ms)[:16].replace("T", " ")
    agree = len(ahead) > 1 and max(ahead) - min(ahead) <= OWN_CLOCK_WARN_MS
    if now_ms < EARLIEST_MS:
        problem = f"The controller's clock was never set: it says {says} UTC."
    elif abs(by_phone_ms) > DAY_MS or (agree and min(map(abs, ahead)) > OWN_CLOCK_WARN_MS):
        hours = ahead[-1] / 3_600_000
        others = "everything else" if agree else "the phone"
        problem = (
            f"The controller's clock says {says} UTC, and {others} is {hours:+.1f} h from it: "
            "it was not set."
        )
    else:
        return Finding(OWN_CLOCK, True, f"{says} UTC", "")
    text = (
        f"{problem} Sessions would be dated by it. Connect the controller to the internet for a "
        "minute, or set it: sudo date -s '2026-04-14 10:30' (your time)."
    )
    return Finding(OWN_CLOCK, False, text, OWN_CLOCK_CODE)


def check_camera(view: NodeView, refusal: str | None) -> Finding:
    """One camera's finding; ``refusal`` is what it says itself against recording."""
    code, message = _find_camera_problem(view, refusal) or ("", "ready")
    return Finding(view.name, not code, message, code)


def _find_camera_problem(view: NodeView, refusal: str | None) -> tuple[str, str] | None:
    """The gravest problem, as code and message."""
    name, status = view.name, view.status
    if not view.connected or status is None:
        why = view.error or "not seen yet"
        return "camera_unreachable", f"{name} does not answer ({why})."
    if status.state != "idle":
        return "camera_busy", f"{name} is not idle but in state {status.state}."
    if refusal or status.error:
        return "camera_not_ready", f"{name} is not ready: {refusal or status.error}."
    if view.misnamed:
        return "camera_misnamed", f"{name} {view.misnamed}."
    return _find_weakness(name, status)


def _find_weakness(name: str, status: NodeStatus) -> tuple[str, str] | None:
    temp, minutes = status.system.temp, status.minutes_left
    if status.throttled:
        return "camera_power", f"{name} has a power problem: {status.throttled}."
    if temp is not None and temp >= HOT_C:
        return "camera_hot", f"{name} is hot: {temp:.0f} °C."
    if minutes is not None and minutes < MINUTES_WARN:
        return "camera_space_low", f"{name} has room for {minutes:.0f} minutes on its card."
    return None


def _check_clock(view: NodeView, own: Finding) -> Finding:
    name = f"{view.name} clock"
    if view.clock is None:
        return Finding(name, True, "not measured yet", "")
    offset, doubt = view.clock.offset_ms, view.clock.uncertainty_ms
    measured = f"{offset:+.1f} ms (± {doubt:.1f} ms)"
    if not own.ok and abs(offset) > OWN_CLOCK_WARN_MS:
        return Finding(name, True, f"{measured}, by the controller's clock, which is not set", "")
    if abs(offset) - doubt > CLOCK_WARN_MS:
        text = (
            f"The clock of {view.name} is off by {measured}. "
            "The start is corrected for it; check its time synchronisation."
        )
        return Finding(name, False, text, "clock_offset")
    return Finding(name, True, measured, "")


def _check_space(name: str, space: Space) -> Finding:
    if not space.healthy:
        text = (
            f"The {name} drive is not usable ({space.problem}). "
            "Cameras keep their files until it is."
        )
        return Finding(name, False, text, "storage_unhealthy")
    if space.full:
        text = f"The {name} drive is full: nothing new is taken until there is room."
        return Finding(name, False, text, "storage_full")
    if space.minutes_left is not None and space.minutes_left < MINUTES_WARN:
        text = f"The {name} drive has room for {space.minutes_left:.0f} minutes."
        return Finding(name, False, text, "storage_low")
    left = "" if space.minutes_left is None else f"room for {space.minutes_left:.0f} minutes"
    return Finding(name, True, left or "ready", "")


def _check_phone(ahead_ms: int, own: Finding) -> Finding:
    if not own.ok and abs(ahead_ms) > OWN_CLOCK_WARN_MS:
        text = f"{ahead_ms:+d} ms, by the controller's clock, which is not set"
        return Finding("phone clock", True, text, "")
    if abs(ahead_ms) > PHONE_CLOCK_WARN_MS:
        text = (
            f"The phone's clock differs from the controller's by {ahead_ms / 1000:+.1f} s; "
            "its data would not line up."
        )
        return Finding("phone clock", False, text, "phone_clock")
    return Finding("phone clock", True, f"{ahead_ms:+d} ms", "")
