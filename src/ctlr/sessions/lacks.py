"""What a session lacks, and where that still is. Pure.

Two things are put together: what its copy on the sync drive was found to lack when it was made, and
what the cameras have said since about what they still hold. Nothing is said of a session that is
being recorded.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ctlr.sessions.copies import SessionCopy
from ctlr.sessions.model import ACTIVE_STATES, Session, SessionNode, SessionState

_UNMADE = {
    SessionState.COLLECTING: "its files are still coming in",
    SessionState.PROCESSING: "it is being made ready",
    SessionState.FAILED: "it could not be made ready",
}


@dataclass(frozen=True)
class Lack:
    """``text`` is a sentence without its end. ``still_on`` names the camera that holds what lacks,
    where one does, and ``files`` how many segments, where that is known."""

    source: str
    text: str
    still_on: str | None = None
    files: int | None = None


def is_complete(session: Session, copy: SessionCopy | None) -> bool | None:
    """Whether everything is in a session's copy; None while nobody can say."""
    if copy is None:
        return None
    return copy.complete and not find_lacks(session, copy)


def find_lacks(session: Session, copy: SessionCopy | None) -> list[Lack]:
    """Everything that a session lacks, by source."""
    if session.state in ACTIVE_STATES or session.never_began or session.start_failed:
        return []
    held = _still_held(session, copy)
    found = list(held.values())
    if copy is None:
        return found
    found += [
        Lack(source, f"{source}: {text}" if source else text)
        for source, text in copy.faults.items()
        if source not in held
    ]
    if copy.damaged:
        count = _count(copy.damaged, "file")
        found.append(Lack("", f"{count} of the copy proved damaged when it was read back"))
    return found


def why_not_on_drive(session: Session, copy: SessionCopy | None) -> str | None:
    """Why a session has no folder on the sync drive that anyone could take away; None where it has
    one, or is to have none."""
    if copy is not None or session.never_began or session.start_failed:
        return None
    return _UNMADE.get(session.state)


def _still_held(session: Session, copy: SessionCopy | None) -> dict[str, Lack]:
    return {lack.source: lack for node in session.nodes for lack in _of_node(node, copy)}


def _of_node(node: SessionNode, copy: SessionCopy | None) -> Iterator[Lack]:
    here = copy.segments.get(node.name, 0) if copy else None
    left = node.remaining or 0
    if here is not None and node.segments_total is not None and not node.complete:
        left = max(left, node.segments_total - here)
    if left:
        count = _count(left, "file")
        verb = "is" if left == 1 else "are"
        yield Lack(node.name, f"{count} {verb} still on {node.name}", node.name, left)
    elif node.started and copy is not None and node.name in copy.missing:
        text = f"nothing has arrived of {node.name}: what it recorded is still on its card"
        yield Lack(node.name, text, node.name)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"
