"""When the crew can leave, and what they wait for."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.page.facts import ILL, NOW, camera, facts, lost, session

from ctlr.page.view.leaving import Leaving, leaving
from ctlr.page.view.memory import Memory, remember
from ctlr.postprocess.supervise.jobs import Job, JobState
from ctlr.sessions.copies import SessionCopy
from ctlr.sessions.model import (
    STOPPED_BEFORE_START,
    Session,
    SessionEvent,
    SessionNode,
    SessionState,
)

WHOLE = SessionCopy(1, complete=True, verified_at_ms=NOW)


def over(state: SessionState = SessionState.DONE, **node: Any) -> Session:
    values = {"started": True, "complete": True, "segments_total": 3, "remaining": 0, **node}
    nodes = (SessionNode("cam-01", **values),)
    return replace(session(state, nodes=nodes), stopped_at_ms=NOW - 5000)


def asked(of: Session, copy: SessionCopy | None = None, **changes: Any) -> Leaving:
    found = leaving(facts(newest=[(of, copy)], **changes), Memory())
    assert found is not None
    return found


SENDING = over(SessionState.COLLECTING, complete=False, remaining=3)


def test_everything_is_here_and_verified() -> None:
    found = asked(over(), WHOLE)
    assert (found.headline, found.level, found.can_leave) == ("You can leave now", "ok", True)
    assert "read back" in found.rest


def test_a_camera_still_brings_files() -> None:
    found = asked(SENDING, views=[camera(queued=3)])
    assert (found.headline, found.level, found.can_leave) == ("Not yet", "warn", False)
    assert found.text == "cam-01 still brings 3 files."


def test_the_time_that_it_takes_follows_from_how_fast_it_went() -> None:
    memory = remember(Memory(), facts(current=session()))
    memory = remember(memory, facts(views=[camera(queued=9)], now_ms=NOW - 10_000))
    now = facts(newest=[(SENDING, None)], views=[camera(queued=3)])
    found = leaving(now, memory)
    assert found is not None
    assert found.headline == "5 s still"


def test_a_camera_that_is_away_keeps_the_crew() -> None:
    found = asked(SENDING, views=[lost()])
    assert (found.headline, found.level) == ("Do not leave yet", "bad")
    assert found.text == "cam-01 does not answer and still has 3 files."


def test_a_camera_that_has_not_said_how_much_there_is() -> None:
    node = over(SessionState.COLLECTING, complete=False, segments_total=None, remaining=None)
    assert asked(node).text == "cam-01 is about to finish."
    assert asked(node, views=[lost()]).level == "bad"


def test_a_drive_that_is_gone_keeps_the_crew_while_files_are_to_come() -> None:
    assert asked(SENDING, logging=ILL).level == "bad"
    assert asked(over(), WHOLE, logging=ILL).level == "ok"


@pytest.mark.parametrize(
    ("job", "rest"),
    [
        (
            Job("u", JobState.RUNNING, done_bytes=1, total_bytes=4, eta_s=40),
            "It is being joined (25 %), 40 s still. This goes on without you, with power.",
        ),
        (Job("u", JobState.VERIFYING, eta_s=None), "It is joined, and is being read back."),
        (Job("u", JobState.WAITING), "It is joined next. This goes on without you, with power."),
    ],
    ids=str,
)
def test_joining_keeps_nobody(job: Job, rest: str) -> None:
    found = over(SessionState.PROCESSING)
    told = asked(found, jobs=[replace(job, uuid=found.uuid)])
    assert (told.headline, told.rest) == ("You can leave now", rest)


def test_a_take_that_is_not_whole_is_not_called_whole() -> None:
    found = asked(over(), SessionCopy(1, complete=False, faults={"cam-01": "2 gaps"}))
    assert found.headline == "You can leave now"
    assert "not whole" in found.text


def test_a_take_that_never_began() -> None:
    event = SessionEvent(NOW, STOPPED_BEFORE_START, "it was stopped")
    found = asked(replace(over(), events=(event,)))
    assert found.text == "It was stopped before it began: nothing was recorded."


@pytest.mark.parametrize(
    "of",
    [
        replace(over(), stopped_at_ms=NOW - 13 * 3_600_000),
        replace(over(), stopped_at_ms=None),
        replace(over(), binned_at_ms=NOW),
    ],
    ids=["long ago", "never stopped", "in the bin"],
)
def test_nothing_is_said_of_others(of: Session) -> None:
    assert leaving(facts(newest=[(of, WHOLE)]), Memory()) is None


def test_nothing_is_said_while_another_is_recorded() -> None:
    assert leaving(facts(newest=[(over(), WHOLE)], current=session()), Memory()) is None
