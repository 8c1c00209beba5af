"""What a session lacks and where it still is."""

from dataclasses import replace

import pytest

from ctlr.sessions.copies import SessionCopy
from ctlr.sessions.lacks import Lack, find_lacks, is_complete, why_not_on_drive
from ctlr.sessions.model import (
    STOPPED_BEFORE_START,
    Session,
    SessionEvent,
    SessionNode,
    SessionState,
)

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
NODE = SessionNode("cam-03", started=True, stop_acknowledged=True)
WHOLE = SessionCopy(1, complete=True, segments={"cam-03": 12})
PART = SessionCopy(1, complete=False, segments={"cam-03": 10}, faults={"cam-03": "1 gap, 20.0 s"})
NONE = SessionCopy(1, complete=False, missing=("cam-03",), faults={"cam-03": "it recorded, but"})


def session(node: SessionNode = NODE, state: SessionState = SessionState.DONE) -> Session:
    return Session(UUID, state, start_at_ms=1000, stopped_at_ms=9000, nodes=(node,))


@pytest.mark.parametrize(
    ("node", "copy", "lacks"),
    [
        (replace(NODE, complete=True, segments_total=12, remaining=0), WHOLE, []),
        # Given up: it said how many it made, and went away.
        (
            replace(NODE, segments_total=12, remaining=2),
            PART,
            [Lack("cam-03", "2 files are still on cam-03", "cam-03", 2)],
        ),
        # It said last that one was left, before it made more.
        (
            replace(NODE, segments_total=12, remaining=1),
            PART,
            [Lack("cam-03", "2 files are still on cam-03", "cam-03", 2)],
        ),
        # An installed node never says how many.
        (
            replace(NODE, remaining=1),
            PART,
            [Lack("cam-03", "1 file is still on cam-03", "cam-03", 1)],
        ),
        # Nothing at all was heard of it.
        (
            NODE,
            NONE,
            [
                Lack(
                    "cam-03",
                    "nothing has arrived of cam-03: what it recorded is still on its card",
                    "cam-03",
                )
            ],
        ),
        # All is here that it made, and there is a hole in it; unreadable ones are not on the card.
        (
            replace(NODE, complete=True, segments_total=12, remaining=0),
            PART,
            [Lack("cam-03", "cam-03: 1 gap, 20.0 s")],
        ),
        # It never recorded, so it holds nothing.
        (
            replace(NODE, started=False),
            replace(NONE, faults={"cam-03": "it did not start"}),
            [Lack("cam-03", "cam-03: it did not start")],
        ),
        (
            replace(NODE, complete=True, remaining=0),
            replace(WHOLE, faults={"": "a folder has no camera's name"}, damaged=1),
            [
                Lack("", "a folder has no camera's name"),
                Lack("", "1 file of the copy proved damaged when it was read back"),
            ],
        ),
    ],
)
def test_what_lacks(node: SessionNode, copy: SessionCopy, lacks: list[Lack]) -> None:
    assert find_lacks(session(node), copy) == lacks
    assert is_complete(session(node), copy) is (copy.complete and not lacks)


def test_before_it_is_made_only_what_is_still_to_come_is_told() -> None:
    coming = session(replace(NODE, remaining=4), SessionState.COLLECTING)
    assert [lack.text for lack in find_lacks(coming, None)] == ["4 files are still on cam-03"]
    assert is_complete(coming, None) is None


def test_of_what_is_recorded_or_never_was_nothing_is_said() -> None:
    recording = session(replace(NODE, remaining=4), SessionState.RECORDING)
    assert find_lacks(recording, None) == []
    before = SessionEvent(9000, STOPPED_BEFORE_START, "The session was stopped before it began.")
    never = replace(session(), events=(before,))
    assert find_lacks(never, NONE) == []
    assert why_not_on_drive(never, None) is None


@pytest.mark.parametrize(
    ("state", "copy", "why"),
    [
        (SessionState.COLLECTING, None, "its files are still coming in"),
        (SessionState.FAILED, None, "it could not be made ready"),
        (SessionState.DONE, WHOLE, None),
        (SessionState.COLLECTING, PART, None),
        (SessionState.RECORDING, None, None),
    ],
)
def test_why_it_is_not_on_the_drive(
    state: SessionState, copy: SessionCopy | None, why: str | None
) -> None:
    assert why_not_on_drive(session(state=state), copy) == why
