"""Which sessions' raw data may go to make room for new data. Pure.

Off by default. The rules, each a reason to keep: the session is being recorded or worked on, a
person has asked to keep it, its copy is not verified, not complete, damaged, not all there or not
made of exactly what lies here, or it is younger than is configured. Of what is left the oldest
goes first, and no more than is needed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class RawSession:
    """A session's raw data and what speaks for it. ``ended_at_ms`` is when it was stopped, as far
    as is known; ``copy_problem`` is why its copy cannot stand for it, None when it can."""

    uuid: str
    size_bytes: int
    ended_at_ms: int | None
    is_active: bool = False
    is_preserved: bool = False
    copy_problem: str | None = None


@dataclass(frozen=True)
class RetentionPlan:
    """``delete`` in order, ``keep`` with the reason; ``short_bytes`` is what will still be missing."""

    delete: tuple[RawSession, ...]
    keep: tuple[tuple[RawSession, str], ...]
    short_bytes: int


def plan_retention(
    sessions: Iterable[RawSession],
    free_bytes: int,
    wanted_bytes: int,
    now_ms: int,
    min_age_h: float,
) -> RetentionPlan:
    """What to delete so that ``wanted_bytes`` are free, and why the rest is kept."""
    delete, keep = [], []
    missing = wanted_bytes - free_bytes
    for session in sorted(sessions, key=lambda s: (s.ended_at_ms or 0, s.uuid)):
        reason = _reason_to_keep(session, now_ms, min_age_h)
        if reason is None and missing <= 0:
            reason = "there is room enough"
        if reason is not None:
            keep.append((session, reason))
            continue
        delete.append(session)
        missing -= session.size_bytes
    return RetentionPlan(tuple(delete), tuple(keep), max(0, missing))


def _reason_to_keep(session: RawSession, now_ms: int, min_age_h: float) -> str | None:
    if session.is_active:
        return "it is being recorded or worked on"
    if session.is_preserved:
        return "it was asked to be kept"
    if session.copy_problem is not None:
        return session.copy_problem
    if session.ended_at_ms is None:
        return "nobody knows when it ended"
    if now_ms - session.ended_at_ms < min_age_h * HOUR_MS:
        return f"it is younger than {min_age_h:g} h"
    return None


def describe(plan: RetentionPlan) -> list[str]:
    """The plan in lines, as ``--dry-run`` prints it."""
    lines = [f"delete  {s.uuid}  {s.size_bytes / 2**20:.1f} MB" for s in plan.delete]
    lines += [f"keep    {s.uuid}  {reason}" for s, reason in plan.keep]
    if plan.short_bytes:
        lines.append(f"{plan.short_bytes / 2**20:.0f} MB more are wanted; nothing else may go.")
    return lines or ["There is no session on the logging drive."]
