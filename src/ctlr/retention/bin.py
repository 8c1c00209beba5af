"""The bin of sessions: thrown in and taken out by one call each. Nothing is deleted here."""

from collections.abc import Callable

from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.sessions.model import ACTIVE_STATES
from ctlr.sessions.store import SessionStore


class Bin:
    """``on_change`` is called with a session that was thrown in or taken out."""

    def __init__(self, store: SessionStore, clock: Clock, on_change: Callable[[str], None]) -> None:
        self._store = store
        self._clock = clock
        self._on_change = on_change

    async def throw_in(self, uuid: str, *, everything: bool, sure: bool) -> None:
        """Put a session into the bin; one that is in it may so get another scope, and is kept as
        long as before. Raises ``Refusal``: ``recording_in_progress``, ``confirmation_needed``."""
        session = await self._store.get(uuid)
        if session is not None and session.state in ACTIVE_STATES:
            raise Refusal(
                "recording_in_progress",
                "The session is being recorded; it can be thrown away after the stop.",
            )
        if everything and not sure:
            raise Refusal(
                "confirmation_needed",
                "Its raw data and its copy would go together when the bin is emptied, and nothing "
                "of the session would be left. Nothing was changed; say once more that it is meant.",
            )
        since = session.binned_at_ms if session else None
        await self._store.change(
            uuid,
            binned_at_ms=since if since is not None else self._clock.now_ms(),
            bin_scope="everything" if everything else "copy",
        )
        self._on_change(uuid)

    async def take_out(self, uuid: str) -> None:
        """Take a session out of the bin; one that is not in it stays as it is."""
        await self._store.change(uuid, binned_at_ms=None, bin_scope=None)
        self._on_change(uuid)
