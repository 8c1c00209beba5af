"""What a command is answered that changes nothing: one that is repeated, or comes out of turn."""

from typing import Any

from ctlr.kernel.errors import Refusal
from ctlr.nodes.fleet import CommandResult
from ctlr.recording.outcome import start_answer
from ctlr.sessions.model import Session, SessionState
from ctlr.sessions.store import SessionStore


async def answer_start(store: SessionStore, uuid: str) -> dict[str, Any] | None:
    """The first answer when ``uuid`` is already recording; None when it may begin.

    Raises ``Refusal``: ``already_recording``, ``uuid_already_used``.
    """
    active = await store.active()
    if active is not None and active.uuid == uuid:
        return await store.kept_answer(uuid, "start") or _adopted_answer(active)
    if active is not None:
        raise Refusal(
            "already_recording",
            "Another session is being recorded. Stop it first.",
            uuid=active.uuid,
        )
    known = await store.get(uuid)
    never_began = (
        known is None
        or known.start_failed
        or (known.state is SessionState.FAILED and known.stopped_at_ms is None)
    )
    if not never_began:
        raise Refusal(
            "uuid_already_used",
            "This session id has been recorded before. Start with a new one.",
        )
    return None


async def answer_stop(
    store: SessionStore, active: Session | None, uuid: str | None
) -> dict[str, Any]:
    """The first answer when ``uuid`` was stopped before.

    Raises ``Refusal``: ``not_recording``, ``other_session_recording``.
    """
    kept = await store.kept_answer(uuid, "stop") if uuid else None
    if kept:
        return kept
    if active is not None:
        raise Refusal(
            "other_session_recording",
            "The session that is being recorded is another one; it goes on. Stop that, by its id.",
            uuid=active.uuid,
        )
    raise Refusal("not_recording", "Nothing is being recorded, so there is nothing to stop.")


def _adopted_answer(session: Session) -> dict[str, Any]:
    """A start of a session that was adopted, or whose answer a crash has swallowed."""
    results = {part.name: CommandResult(part.started, part.error) for part in session.nodes}
    return start_answer(session.uuid, session.start_at_ms or 0, results, [])
