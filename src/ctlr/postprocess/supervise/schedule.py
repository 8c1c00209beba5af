"""What the reconciler knows of sessions beyond their record, and what a restart forgets."""

from collections.abc import Sequence
from dataclasses import dataclass

from ctlr.kernel.clock import Clock
from ctlr.sessions.model import Session


@dataclass
class Watch:
    """Of one session: before when (on the monotonic clock) it is not made or followed again,
    whether there may be new files, and when to look for some anyway."""

    due_at: float = 0.0
    follow_at: float = 0.0
    dirty: bool = False
    looks_at: tuple[float, ...] = ()


class Schedule:
    """Of all sessions. ``looks_s`` is when after its stop a finished one is looked at anyway."""

    def __init__(self, clock: Clock, looks_s: Sequence[float]) -> None:
        self._clock = clock
        self._looks_s = looks_s
        self._watches: dict[str, Watch] = {}

    def of(self, uuid: str) -> Watch:
        return self._watches.setdefault(uuid, Watch())

    def make_all_due(self) -> None:
        """What was put off need wait no longer."""
        for watch in self._watches.values():
            watch.due_at = watch.follow_at = 0.0

    def plan_looks(self, session: Session) -> None:
        """Set when a session that is finished is looked at though nobody says that it has news."""
        if session.stopped_at_ms is None:
            return
        ago_s = (self._clock.now_ms() - session.stopped_at_ms) / 1000
        now = self._clock.monotonic()
        waits_s = (look_s - ago_s for look_s in self._looks_s)
        self.of(session.uuid).looks_at = tuple(now + wait for wait in waits_s if wait > 0)

    def dirty(self) -> list[tuple[str, Watch]]:
        """Those that may have new files, or whose time to look for some has come."""
        now = self._clock.monotonic()
        for watch in self._watches.values():
            if watch.looks_at and watch.looks_at[0] <= now:
                watch.looks_at = tuple(at for at in watch.looks_at if at > now)
                watch.dirty = True
        return [(uuid, watch) for uuid, watch in self._watches.items() if watch.dirty]
