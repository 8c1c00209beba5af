"""Whether a session would be recorded now, in words. Pure.

``ready`` is what installed apps know: all is well. A start asks for less, as field data cannot be
recorded again: a drive that is away keeps no camera from recording.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Readiness:
    """``can_start``: a start would record. ``text`` goes on after "Idle,"."""

    ready: bool
    can_start: bool
    text: str


def judge(
    *, idle_cameras: int, min_cameras: int, ejecting: bool, drive: str | None, record: str | None
) -> Readiness:
    """``drive`` is why nothing can be put on the logging drive, ``record`` why the record of
    sessions cannot be written; None where all is well."""
    obstacle = _obstacle(idle_cameras, min_cameras, ejecting, record)
    if obstacle:
        return Readiness(ready=False, can_start=False, text=f"cannot record: {obstacle}")
    if drive:
        text = f"would record, but {drive}; the cameras keep their files until it can be used"
        return Readiness(ready=False, can_start=True, text=text)
    return Readiness(ready=True, can_start=True, text="ready to record")


def _obstacle(idle: int, needed: int, ejecting: bool, record: str | None) -> str | None:
    if record:
        return f"the controller's record of sessions cannot be written ({record})"
    if ejecting:
        return "the drive is just being ejected"
    if idle >= needed:
        return None
    if idle == 0:
        return "no camera is ready"
    return (
        f"{idle} of the {needed} cameras that a session needs {'is' if idle == 1 else 'are'} ready"
    )
