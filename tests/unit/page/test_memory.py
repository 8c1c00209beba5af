"""What stays until the next session."""

from dataclasses import replace

from tests.unit.page.facts import NOW, UUID, camera, facts, lost, session

from ctlr.api.overview import Facts
from ctlr.nodes.fleet import NodeView
from ctlr.page.view.memory import Memory, remarks, remember
from ctlr.sessions.model import REHEARSAL, SessionEvent, SessionNode, SessionState, TakeStart

OTHER = "0f8fad5b-d9cb-469f-a165-70867728950e"


def recording(view: NodeView, after_s: int = 0) -> Facts:
    return facts(current=session(), views=[view], now_ms=NOW + after_s * 1000)


def told(*instants: Facts) -> Memory:
    memory = Memory()
    for instant in instants:
        memory = remember(memory, instant)
    return memory


def said(memory: Memory, after_s: int = 0) -> list[str]:
    return remarks(memory.cameras["cam-01"], NOW + after_s * 1000)


RECORDS = camera(state="recording", uuid=UUID)


def test_a_camera_that_was_away_is_remembered_when_it_is_back() -> None:
    memory = told(recording(RECORDS), recording(lost(), 10))
    assert said(memory, 15) == [f"no answer since \u27e6{NOW + 10_000}\u27e7 (5 s)"]
    memory = remember(memory, recording(RECORDS, 22))
    assert said(memory) == ["was away for 12 s"]


def test_a_camera_that_is_away_twice() -> None:
    memory = told(*(recording(v, i) for i, v in enumerate([RECORDS, lost(), RECORDS, lost()])))
    memory = remember(memory, recording(RECORDS, 10))
    assert said(memory) == ["was away for 8 s in 2 times"]


def test_drops_are_the_most_that_was_said_in_this_session() -> None:
    dropping = camera(state="recording", uuid=UUID, dropped=7)
    restarted = camera(state="recording", uuid=UUID, dropped=0)
    assert said(told(recording(dropping), recording(restarted))) == ["7 frames dropped"]


def test_drops_of_another_session_are_not_this_one_s() -> None:
    memory = told(recording(camera(state="recording", uuid=OTHER, dropped=7)))
    assert said(memory) == []


def test_a_late_camera() -> None:
    late = SessionNode("cam-01", started=True, starts=(TakeStart(0, NOW - 48_000),))
    memory = told(facts(current=session(nodes=(late,)), views=[RECORDS]))
    assert said(memory) == ["joined 12 s late"]


def test_a_camera_that_restarted_is_not_late() -> None:
    again = SessionNode("cam-01", started=True, starts=(TakeStart(1, NOW - 10_000),))
    assert said(told(facts(current=session(nodes=(again,)), views=[RECORDS]))) == []


def test_it_stays_after_the_stop_and_goes_with_the_next_session() -> None:
    dropping = recording(camera(state="recording", uuid=UUID, dropped=7))
    memory = told(dropping, facts())
    assert said(memory) == ["7 frames dropped"]
    following = replace(session(), uuid=OTHER)
    memory = remember(memory, facts(current=following, views=[RECORDS]))
    assert said(memory) == []


def test_nothing_is_held_against_a_camera_before_the_start() -> None:
    armed = facts(current=session(SessionState.ARMING), views=[lost()])
    assert told(armed).cameras == {}


def test_a_rehearsal_is_not_held_against_a_camera() -> None:
    rehearsed = replace(session(), events=(SessionEvent(NOW, REHEARSAL, "five seconds"),))
    assert told(facts(current=rehearsed, views=[lost()])).cameras == {}
