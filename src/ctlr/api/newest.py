"""Sessions as lists and the status show them: whether each is whole, what it lacks and where that
still is. Pure."""

from collections.abc import Iterable, Sequence
from typing import Literal, cast

from ctlr.api import shapes
from ctlr.nodes.fleet import NodeView
from ctlr.sessions.copies import SessionCopy
from ctlr.sessions.lacks import Lack, find_lacks, is_complete, why_not_on_drive
from ctlr.sessions.model import Session

SHOWN = 5
"""How many of the newest sessions the status shows."""

Known = tuple[Session, SessionCopy | None]


def summary(session: Session, copy: SessionCopy | None) -> shapes.SessionSummary:
    return shapes.SessionSummary(
        uuid=session.uuid,
        folder=session.folder,
        created_at=session.created_at_ms,
        started_at=session.start_at_ms,
        stopped_at=session.stopped_at_ms,
        state=session.state.value,
        cameras=[node.name for node in session.nodes],
        processed_at=session.processed_at,
        complete=is_complete(session, copy),
        missing=list(copy.missing) if copy else [],
        verified_at=copy.verified_at_ms if copy else None,
        lacks=[_shape(lack) for lack in find_lacks(session, copy)],
        label=session.label,
        notes=session.notes,
        verdict=cast("shapes.Verdict | None", session.verdict),  # the database takes no other
        binned_at=session.binned_at_ms,
        bin_scope=cast("Literal['copy', 'everything'] | None", session.bin_scope),
    )


def summaries(newest: Sequence[Known]) -> list[shapes.SessionSummary]:
    """The newest sessions for the status."""
    return [summary(session, copy) for session, copy in newest[:SHOWN]]


def is_elsewhere(newest: Iterable[Known]) -> bool:
    """Whether a camera still holds files of a session, as far as is known."""
    return any(lack.still_on for known in newest for lack in find_lacks(*known))


def not_on_drive(newest: Iterable[Known], views: Iterable[NodeView]) -> list[str]:
    """Sentences about what somebody who takes the drive away now would leave behind."""
    away = {view.name for view in views if not view.connected}
    found = []
    for session, copy in newest:
        if why := why_not_on_drive(session, copy):
            found.append(f"{name_of(session)} is not on the drive: {why}.")
        elsewhere = (lack for lack in find_lacks(session, copy) if lack.still_on)
        found += [f"{name_of(session)}: {_where(lack, away)}." for lack in elsewhere]
    return found


def name_of(session: Session) -> str:
    """A session as a sentence begins with it."""
    label = f" ({session.label})" if session.label else ""
    return f"Session {session.uuid[:8]}{label}"


def _where(lack: Lack, away: set[str]) -> str:
    return f"{lack.text}, which does not answer" if lack.still_on in away else lack.text


def _shape(lack: Lack) -> shapes.SessionLack:
    return shapes.SessionLack(
        source=lack.source, text=lack.text, still_on=lack.still_on, files=lack.files
    )
