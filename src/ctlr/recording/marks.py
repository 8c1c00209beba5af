"""Marks: instants that somebody wants to find again in what is being recorded."""

from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.recording.coordinator import Coordinator
from ctlr.sessions.model import Mark, Session
from ctlr.sessions.store import SessionStore

FUTURE_MS = 5000
"""A phone whose clock is a little ahead may mark what it takes for now."""


def mark_of(session: Session | None, at_ms: int | None, label: str | None, now_ms: int) -> Mark:
    """The mark at an instant of the recording that goes on, by default now.

    Raises ``Refusal``: ``not_recording``; ``invalid_request`` for an instant outside of it.
    """
    if session is None:
        raise Refusal("not_recording", "Nothing is being recorded, so nothing can be marked.")
    mark = Mark(now_ms if at_ms is None else at_ms, label)
    if not (session.start_at_ms or 0) <= mark.at_ms <= now_ms + FUTURE_MS:
        raise Refusal(
            "invalid_request",
            "The mark lies outside of the recording; nothing was marked. Leave out at_ms for now.",
        )
    return mark


class Marks:
    """Marks what the coordinator records."""

    def __init__(self, coordinator: Coordinator, store: SessionStore, clock: Clock) -> None:
        self._coordinator = coordinator
        self._store = store
        self._clock = clock

    async def add(self, at_ms: int | None, label: str | None) -> tuple[str, Mark]:
        """Mark an instant; returns the session's uuid and the stored mark. Raises as ``mark_of``."""
        session = self._coordinator.current
        mark = mark_of(session, at_ms, label, self._clock.now_ms())
        assert session is not None
        await self._store.add_mark(session.uuid, mark)
        return session.uuid, mark
