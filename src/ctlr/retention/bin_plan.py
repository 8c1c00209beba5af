"""What of the bin is emptied, and what stays in it. Pure.

A session in the bin is out of sight and nothing more for as long as the bin keeps things, and can be
taken out again. Then its folder on the sync drive goes; sooner, the longest binned first, where that
drive is short of room. Its raw data stays, so that the folder could be made again: where there is no
raw data any more the folder is the only copy, and stays too. Only of a session of which a person has
said, asked a second time, that everything may go, both go. A rehearsal was begun to be thrown away:
it is kept for an hour, and goes whole.
"""

from collections.abc import Iterable
from dataclasses import dataclass

DAY_MS = 86_400_000
REHEARSAL_DAYS = 1 / 24


@dataclass(frozen=True)
class BinnedSession:
    """``everything``: a person has said twice that its raw data may go with the copy."""

    uuid: str
    binned_at_ms: int
    copy_bytes: int
    raw_bytes: int
    everything: bool = False
    is_rehearsal: bool = False
    is_active: bool = False
    is_preserved: bool = False


@dataclass(frozen=True)
class BinPlan:
    """``empty`` in order, ``keep`` with the reason."""

    empty: tuple[BinnedSession, ...]
    keep: tuple[tuple[BinnedSession, str], ...]


def plan_bin(
    sessions: Iterable[BinnedSession], now_ms: int, keep_days: float, short_bytes: int = 0
) -> BinPlan:
    """What to delete now; ``short_bytes`` is how much room the sync drive lacks."""
    empty, keep = [], []
    for session in sorted(sessions, key=lambda s: (s.binned_at_ms, s.uuid)):
        reason = _reason_to_keep(session)
        age_days = (now_ms - session.binned_at_ms) / DAY_MS
        kept_days = min(keep_days, REHEARSAL_DAYS) if session.is_rehearsal else keep_days
        if reason is None and age_days < kept_days and short_bytes <= 0:
            reason = f"it can be taken out for {kept_days - age_days:.1f} more days"
        if reason is not None:
            keep.append((session, reason))
            continue
        empty.append(session)
        short_bytes -= session.copy_bytes
    return BinPlan(tuple(empty), tuple(keep))


def _reason_to_keep(session: BinnedSession) -> str | None:
    if session.is_active:
        return "it is being recorded or worked on"
    if session.everything and session.is_preserved:
        return "its raw data was asked to be kept"
    if not session.copy_bytes and not (session.everything and session.raw_bytes):
        return "nothing of it is left that may go"
    if not session.everything and not session.raw_bytes:
        return "its raw data is gone, so its folder is the only copy"
    return None


def describe(plan: BinPlan) -> list[str]:
    """The plan in lines, as ``--dry-run`` prints it."""
    lines = [
        f"delete  {s.uuid}  {'everything' if s.everything else 'its copy'}" for s in plan.empty
    ]
    lines += [f"keep    {s.uuid}  {reason}" for s, reason in plan.keep]
    return lines or ["The bin is empty."]
