"""When the drive may be ejected, and how that is said. Pure.

Work that writes to the drive, or that a person would miss, blocks an eject. Work that only reads
can be let go and is taken up again; an eject at once does not wait for it, an eject "when safe"
does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ctlr.gate import Work
from ctlr.kernel.errors import Refusal

SAFE = "Safe to remove drive"


class Phase(StrEnum):
    """``WAITING``: it will be ejected by itself once the work has ended."""

    IN_USE = "in_use"
    WAITING = "waiting"
    EJECTING = "ejecting"
    EJECTED = "ejected"


@dataclass(frozen=True)
class OperationResult:
    """What became of an operation on the drive, as the API answers it."""

    success: bool
    message: str
    details: dict[str, Any]


def refuse_for(work: Sequence[Work]) -> OperationResult | None:
    """The answer to an eject at once while this goes on; None when it may begin."""
    blocking = [item for item in work if item.blocks]
    if not blocking:
        return None
    return OperationResult(False, _sentence(blocking), {"busy": describe(blocking)})


def refused(refusal: Refusal) -> OperationResult:
    """The answer when a step was refused and nothing has been changed."""
    return OperationResult(False, refusal.detail, {"code": refusal.code, **refusal.extra})


def wait_for(work: Sequence[Work]) -> OperationResult:
    """The answer to an eject "when safe" while this goes on."""
    message = "The drive is ejected by itself in a moment."
    if work:
        message = f"{_sentence(work)}. The drive is ejected by itself when that has ended."
    return OperationResult(
        False, message, {"waiting": True, "busy": describe(work), "eta_s": eta_s(work)}
    )


def eta_s(work: Sequence[Work]) -> float | None:
    """How long all of it will take; None where one cannot tell, such as a recording."""
    times = [item.eta_s for item in work]
    known = [time for time in times if time is not None]
    return round(sum(known), 1) if len(known) == len(times) else None


def describe(work: Sequence[Work]) -> list[dict[str, Any]]:
    return [
        {"code": item.code, "message": item.detail or item.text, "eta_s": item.eta_s}
        for item in work
    ]


def is_transfer(holder: dict[str, Any]) -> bool:
    """Whether a process that holds the drive brings data from a camera."""
    return str(holder["process"]).startswith("rsync")


def others(
    holders: Sequence[dict[str, Any]], units: Sequence[str], own: frozenset[int]
) -> list[dict[str, Any]]:
    """The holders that an eject can't end by itself: not the services that it stops, nor our own
    processes, which let go."""
    services = {f"{unit}.service" for unit in units}
    return [h for h in holders if h["unit"] not in services and h["pid"] not in own]


def name_holders(holders: Sequence[dict[str, Any]]) -> str:
    """Who holds the drive, in one sentence."""
    transfers = [holder["name"] for holder in holders if is_transfer(holder)]
    if transfers:
        return f"A transfer to the drive is under way ({', '.join(transfers)})"
    return f"The drive is in use by {', '.join(holder['name'] for holder in holders)}"


def _sentence(work: Sequence[Work]) -> str:
    return "; ".join(dict.fromkeys(item.text for item in work))
