"""Which cameras a session lacks."""

from ctlr.postprocess.run.plan import missing_nodes
from ctlr.postprocess.video.facts import SessionFiles
from ctlr.sessions.model import (
    STOPPED_BEFORE_START,
    Session,
    SessionEvent,
    SessionNode,
    SessionState,
)

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
NODES = (SessionNode("cam-01", started=True), SessionNode("cam-02", error="it was off"))


def test_cameras_that_delivered_nothing_are_missing() -> None:
    session = Session(UUID, SessionState.COLLECTING, start_at_ms=1, stopped_at_ms=2, nodes=NODES)
    assert missing_nodes(SessionFiles(UUID), session) == [
        ("cam-01", "it recorded, but no segment has arrived"),
        ("cam-02", "it was off"),
    ]


def test_none_is_missing_of_a_session_that_never_began() -> None:
    event = SessionEvent(2, STOPPED_BEFORE_START, "It was stopped before it began.")
    session = Session(UUID, SessionState.COLLECTING, nodes=NODES, events=(event,))
    assert missing_nodes(SessionFiles(UUID), session) == []
