"""What would spoil a take, in plain words, each line with what can be done about it here. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from ctlr.page.view import words
from ctlr.recording.preflight import Finding
from ctlr.storage.states import MountState, State


@dataclass(frozen=True)
class Fix:
    """A button: ``call`` is a method and an address of the API, or ``href`` a page. ``sure`` is what
    is asked before it is done, "" if nothing."""

    label: str
    call: str = ""
    href: str = ""
    sure: str = ""


@dataclass(frozen=True)
class Line:
    """One check. ``fix`` is None where there is nothing to press."""

    key: str
    name: str
    ok: bool
    text: str
    fix: Fix | None = None


def lines(findings: Iterable[Finding], mounts: dict[str, MountState]) -> list[Line]:
    """All checks, those that fail first; each camera once, its clock with it."""
    shown = [_line(finding, mounts) for finding in findings]
    return sorted(shown, key=lambda line: line.ok)


def summary(shown: Iterable[Line]) -> str:
    """The checks in one sentence."""
    found = list(shown)
    failed = sum(not line.ok for line in found)
    if not found:
        return "Nothing has been checked yet."
    if not failed:
        return f"All {len(found)} checks are well."
    return f"{failed} of {len(found)} checks need a look."


def asked_only(known: Iterable[Finding], asked: Iterable[Finding]) -> list[Finding]:
    """What cameras and phone say only when they are asked."""
    said = {(finding.name, finding.message) for finding in known if not finding.ok}
    return [f for f in asked if not f.ok and (f.name, f.message) not in said]


def _line(finding: Finding, mounts: dict[str, MountState]) -> Line:
    name = f"{finding.name} drive" if finding.name in mounts else finding.name
    fix = None if finding.ok else _fix(finding, mounts.get(finding.name))
    return Line(
        finding.name, words.sentence(name).removesuffix("."), finding.ok, finding.message, fix
    )


def _fix(finding: Finding, mount: MountState | None) -> Fix | None:
    if mount is not None:
        return drive_fix(finding.name, mount)
    if finding.code in ("camera_unreachable", "camera_misnamed"):
        return Fix("Look for cameras", href="/system#cameras")
    if finding.code == "camera_not_ready":
        return Fix("What the cameras say", href="/system#logs")
    if finding.code in ("clock_offset", "camera_power", "camera_hot"):
        return Fix("What to do", href="/help/find-trouble")
    return None


def drive_fix(name: str, mount: MountState) -> Fix | None:
    """What one may press for a drive that is not well."""
    if mount.state is State.EJECTED:
        return Fix("Mount the drive", call="POST /api/storage/mount")
    if mount.state is State.FOREIGN:
        sure = "This drive is not marked as one of this rig. Nothing on it is deleted. Use it?"
        return Fix("Use this drive", call=f"POST /api/storage/adopt?mount={name}", sure=sure)
    if mount.full or (mount.healthy and not mount.slow):
        return Fix("Make room", href="/sessions")
    if mount.state is State.MOUNTING:
        return None
    return Fix("Mount it again", call=f"POST /api/storage/remount?mount={name}")
