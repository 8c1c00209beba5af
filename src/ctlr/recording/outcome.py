"""What a start or a stop is answered with, made from what the cameras said. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ctlr.nodes.fleet import CommandResult

LATE_MS = 500
"""A camera that confirms later than this before ``start_at`` may not be ready in time."""


@dataclass(frozen=True)
class StartWarning:
    """Something that may spoil the session; ``code`` is stable, ``message`` one sentence."""

    code: str
    message: str


def count_started(results: Mapping[str, CommandResult]) -> int:
    return sum(result.acknowledged for result in results.values())


def started_columns(results: Mapping[str, CommandResult]) -> dict[str, dict[str, object]]:
    """What the record says of each node after a start."""
    return {
        name: {
            "started": result.acknowledged,
            "start_at_ms": result.start_at_ms if result.acknowledged else None,
            "error": result.error,
        }
        for name, result in results.items()
    }


def stopped_columns(results: Mapping[str, CommandResult]) -> dict[str, dict[str, object]]:
    """What the record says of each node after a stop."""
    return {
        name: {"stop_acknowledged": result.acknowledged, "stopped_at_ms": result.sent_at_ms}
        for name, result in results.items()
    }


def too_few_started(results: Mapping[str, CommandResult], min_cameras: int) -> str:
    """Why a start was called back, and what to do."""
    names = ", ".join(name for name, result in results.items() if not result.acknowledged)
    return (
        f"Nothing is being recorded: {count_started(results)} of at least "
        f"{min_cameras} cameras started"
        + (f" (not {names})." if names else ": no camera is configured.")
        + " Switch them on and start again."
    )


def start_answer(
    uuid: str, start_at_ms: int, results: Mapping[str, CommandResult], found: list[StartWarning]
) -> dict[str, Any]:
    """The body of a successful start: contract section 2."""
    late = [
        StartWarning(
            "camera_late",
            f"{name} confirmed the start only when it was due, so its first frames may be missing.",
        )
        for name, result in results.items()
        if result.acknowledged and result.at_ms > start_at_ms - LATE_MS
    ]
    missing = [
        StartWarning(
            "camera_not_started",
            f"{name} did not start ({result.error}). It is tried again and joins late.",
        )
        for name, result in results.items()
        if not result.acknowledged
    ]
    return {
        "success": True,
        "uuid": uuid,
        "start_at": start_at_ms,
        "cameras": camera_results(results),
        "warnings": [
            {"code": item.code, "message": item.message} for item in [*found, *late, *missing]
        ],
    }


def camera_results(results: Mapping[str, CommandResult]) -> list[dict[str, Any]]:
    return [
        {"name": name, "started": result.acknowledged, "error": result.error}
        for name, result in results.items()
    ]


UNSTORED = (
    "The cameras were told to stop, but the controller's own disk does not take the record of it. "
    "Leave the controller on and free space there: it is written as soon as that works."
)


def stop_answer(
    uuid: str,
    recorded_s: float,
    stopped_at_ms: int,
    results: Mapping[str, CommandResult],
    *,
    stored: bool = True,
) -> dict[str, Any]:
    """The body of an accepted stop. ``duration`` is in seconds, to the millisecond.

    ``success`` says that the stop is ``stored`` and will reach every camera; ``errors`` names the
    cameras that it has not reached yet.
    """
    errors = [
        f"{name} has not confirmed the stop ({result.error}). It is told again until it stops."
        for name, result in results.items()
        if not result.acknowledged
    ]
    if not stored:
        errors.insert(0, UNSTORED)
    return {
        "success": stored,
        "uuid": uuid,
        "duration": round(recorded_s, 3),
        "stopped_at": stopped_at_ms,
        "cameras": [
            {
                "name": name,
                "stopped": result.acknowledged,
                "error": None if result.acknowledged else result.error,
            }
            for name, result in results.items()
        ],
        "errors": errors or None,
    }
