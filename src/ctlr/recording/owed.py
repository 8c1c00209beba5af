"""What has been done, or is to be done, and the database has not taken yet. Pure.

Kept in memory by the coordinator, one at a time, until it is stored.
"""

from dataclasses import dataclass

from ctlr.sessions.model import Session


@dataclass(frozen=True)
class OwedReturn:
    """The session that was recorded before this process began goes on; that nobody watched it
    meanwhile is to be noted."""

    session: Session


@dataclass(frozen=True)
class OwedFailure:
    """A start could not be stored to its end, so it was called back. ``error`` for a person."""

    uuid: str
    error: str


@dataclass(frozen=True)
class OwedStop:
    """A stop was asked for; not every camera may have been told yet.

    ``recorded_s`` was measured once, so each answer says the same; ``stored``: the database knows
    that the session is stopping, so a restart would carry on from there.
    """

    session: Session
    recorded_s: float
    stored: bool = False


Owed = OwedReturn | OwedFailure | OwedStop
