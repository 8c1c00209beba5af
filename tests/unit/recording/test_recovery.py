"""What to tell which camera: one line a case."""

from dataclasses import replace

import pytest

from ctlr.nodes.fleet import NodeView
from ctlr.nodes.messages import CameraState, NodeStatus
from ctlr.nodes.offset import ClockOffset
from ctlr.recording.recovery import (
    ARMED_AHEAD_MS,
    ARMED_GRACE_MS,
    Action,
    Adopt,
    Disarm,
    NoteStarted,
    NoteStopped,
    StartNode,
    StopNode,
    decide,
)
from ctlr.sessions.model import Session, SessionNode, SessionState

OURS, OLD, FOREIGN = (
    "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f",
    "00000000-0000-4000-8000-000000000000",
    "99999999-9999-4999-8999-999999999999",
)
NOW = 1_776_313_714_000


def session(*, started: bool, state: SessionState = SessionState.RECORDING) -> Session:
    part = SessionNode("cam", started=started, start_at_ms=NOW - 60_000 if started else None)
    return Session(OURS, state, start_at_ms=NOW - 60_000, nodes=(part,))


def stopped(*, acknowledged: bool = False) -> Session:
    part = SessionNode("cam", started=True, stop_acknowledged=acknowledged)
    return Session(OLD, SessionState.COLLECTING, nodes=(part,))


def seen(state: CameraState, uuid: str | None = None, start_at: int | None = None) -> NodeView:
    status = NodeStatus(state=state, uuid=uuid, start_at=start_at)
    return NodeView("cam", connected=True, current=True, status=status)


IDLE, BUSY, CLEANUP, ERROR = seen("idle"), seen("recording"), seen("cleanup"), seen("error")
STARTED, MISSING = session(started=True), session(started=False)

CASES: dict[str, tuple[Session | None, list[Session], NodeView, list[Action]]] = {
    "nothing going on, idle": (None, [], IDLE, []),
    "nothing going on, plain node records": (None, [], BUSY, []),
    "as it should be, plain": (STARTED, [], BUSY, []),
    "as it should be, ours": (STARTED, [], seen("recording", OURS), []),
    "upper case is the same session": (STARTED, [], seen("recording", OURS.upper()), []),
    "was off at the start": (MISSING, [], IDLE, [StartNode("cam", again=False)]),
    "was off and is broken": (MISSING, [], ERROR, [StartNode("cam", again=False)]),
    "still writes the last one": (MISSING, [], CLEANUP, []),
    "lost the recording": (STARTED, [], IDLE, [StartNode("cam", again=True)]),
    "joined again, and that acknowledgement got lost": (
        STARTED,
        [],
        seen("recording", OURS, NOW - 5),
        [NoteStarted("cam", NOW - 5, again=True)],
    ),
    "resumed by itself under its first start": (
        STARTED,
        [],
        seen("recording", OURS, NOW - 60_000),
        [],
    ),
    "its acknowledgement got lost, plain": (MISSING, [], BUSY, [NoteStarted("cam", None)]),
    "its acknowledgement got lost, ours": (
        MISSING,
        [],
        seen("recording", OURS, NOW - 5),
        [NoteStarted("cam", NOW - 5)],
    ),
    "not while arming": (session(started=False, state=SessionState.ARMING), [], IDLE, []),
    "not while stopping": (session(started=True, state=SessionState.STOPPING), [], IDLE, []),
    "stop did not arrive, plain": (None, [stopped()], BUSY, [StopNode("cam", OLD)]),
    "stop did not arrive, ours": (
        None,
        [stopped()],
        seen("recording", OLD),
        [StopNode("cam", OLD)],
    ),
    "stopped by itself": (None, [stopped()], IDLE, [NoteStopped("cam", OLD)]),
    "nothing owed": (None, [stopped(acknowledged=True)], BUSY, []),
    "still in the old one while another runs": (
        MISSING,
        [stopped()],
        seen("recording", OLD),
        [StopNode("cam", OLD)],
    ),
    "already in the new one, which shows that the old one is over": (
        STARTED,
        [stopped()],
        seen("recording", OURS),
        [NoteStopped("cam", OLD)],
    ),
    "idle, owes the old stop, is wanted now": (
        MISSING,
        [stopped()],
        IDLE,
        [NoteStopped("cam", OLD), StartNode("cam", again=False)],
    ),
    "a session nobody knows": (
        None,
        [],
        seen("recording", FOREIGN, NOW),
        [Adopt("cam", FOREIGN, NOW, NOW)],
    ),
    "a session nobody knows, while ours runs": (MISSING, [], seen("recording", FOREIGN), []),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_decide(case: tuple[Session | None, list[Session], NodeView, list[Action]]) -> None:
    active, owed, view, expected = case
    assert decide(active, owed, {OLD}, [view], NOW) == expected


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_camera_that_was_not_seen_since_is_left_alone(
    case: tuple[Session | None, list[Session], NodeView, list[Action]],
) -> None:
    active, owed, view, _ = case
    lost, outdated = replace(view, connected=False, status=None), replace(view, current=False)
    assert decide(active, owed, {OLD}, [lost], NOW) == []
    assert decide(active, owed, {OLD}, [outdated], NOW) == []


@pytest.mark.parametrize(
    ("after_ms", "believed"), [(-3000, False), (0, False), (ARMED_GRACE_MS, True)]
)
def test_an_armed_node_may_call_itself_idle_until_its_start(
    after_ms: int, *, believed: bool
) -> None:
    at_its_start = NOW - 60_000 + after_ms
    actions = decide(STARTED, [], (), [IDLE], at_its_start)
    assert actions == ([StartNode("cam", again=True)] if believed else [])


@pytest.mark.parametrize(
    ("ahead_ms", "waits"),
    [
        (3000, True),
        (0, True),
        (1 - ARMED_GRACE_MS, True),
        (-ARMED_GRACE_MS, False),
        (ARMED_AHEAD_MS, False),  # the clock was set: nobody waits for that
    ],
)
def test_a_node_whose_answer_to_the_start_a_crash_has_taken_may_be_armed(
    ahead_ms: int, waits: bool
) -> None:
    active = replace(MISSING, start_at_ms=NOW + ahead_ms)
    joins = [StartNode("cam", again=False)]
    assert decide(active, [], (), [IDLE], NOW) == ([] if waits else joins)
    refused = replace(active, nodes=(replace(active.nodes[0], error="no answer"),))
    assert decide(refused, [], (), [IDLE], NOW) == joins
    stranger = replace(active, nodes=())
    assert decide(stranger, [], (), [IDLE], NOW) == joins


def test_an_installed_node_that_joined_again_unheard_is_noted() -> None:
    noted = [NoteStarted("cam", None)]
    assert decide(STARTED, [], (), [BUSY], NOW) == []
    assert decide(STARTED, [], (), [BUSY], NOW, unheard=["cam"]) == noted
    assert decide(STARTED, [], (), [BUSY], NOW, unheard=["other"]) == []


def test_only_one_of_two_unknown_sessions_is_adopted() -> None:
    views = [replace(seen("recording", FOREIGN, 1), name=name) for name in ("a", "b")]
    assert decide(None, [], (), views, NOW) == [Adopt("a", FOREIGN, 1, 1)]


def test_a_node_that_is_new_to_the_session_joins() -> None:
    view = replace(IDLE, name="new")
    assert decide(STARTED, [], (), [view], NOW) == [StartNode("new", again=False)]


def test_a_node_with_a_shifted_clock_is_judged_on_ours() -> None:
    ahead = ClockOffset(offset_ms=3_600_000, uncertainty_ms=1)
    part = SessionNode("cam", started=True, start_at_ms=NOW - 10_000 + 3_600_000)
    active = replace(STARTED, nodes=(part,))
    idle = replace(IDLE, clock=ahead)
    assert decide(active, [], (), [idle], NOW) == [StartNode("cam", again=True)]
    recording = replace(seen("recording", FOREIGN, NOW + 3_600_000), clock=ahead)
    found = [Adopt("cam", FOREIGN, NOW, NOW + 3_600_000)]
    assert decide(None, [], (), [recording], NOW) == found


@pytest.mark.parametrize(
    ("ahead_ms", "frames", "called_back"),
    [(60_000, 0, False), (3_600_000, 0, True), (3_600_000, 900, False), (3_600_000, None, False)],
)
def test_a_node_that_waits_for_another_hour_is_called_back(
    ahead_ms: int, frames: int | None, *, called_back: bool
) -> None:
    """Not one that records: there the clock was set in the middle."""
    part = SessionNode("cam", started=True, start_at_ms=NOW + ahead_ms)
    active = replace(STARTED, nodes=(part,))
    view = seen("recording", OURS, NOW + ahead_ms)
    assert view.status is not None
    view = replace(view, status=view.status.model_copy(update={"frames": frames}))
    assert decide(active, [], (), [view], NOW) == ([Disarm("cam")] if called_back else [])


BEHIND = ClockOffset(offset_ms=-30 * 86_400_000, uncertainty_ms=1)
"""A node that lost power and has no clock of its own."""


@pytest.mark.parametrize(
    ("starts_in_ms", "called_back"), [(0, False), (ARMED_AHEAD_MS, False), (3_600_000, True)]
)
def test_a_node_that_woke_up_in_the_past_and_goes_on_is_left_alone(
    starts_in_ms: int, *, called_back: bool
) -> None:
    """Before its first frame; only one that had none before the cut waits for another hour."""
    view = replace(seen("recording", OURS, NOW - 60_000), clock=BEHIND)
    assert view.status is not None
    news = {"frames": 0, "starts_in_ms": starts_in_ms}
    view = replace(view, status=view.status.model_copy(update=news))
    assert decide(STARTED, [], (), [view], NOW) == ([Disarm("cam")] if called_back else [])


def test_a_node_that_woke_up_in_the_past_and_cannot_go_on_yet_is_started_not_stopped() -> None:
    view = replace(seen("error", OURS, NOW - 60_000), clock=BEHIND)
    assert decide(STARTED, [], (), [view], NOW) == [StartNode("cam", again=True)]


@pytest.mark.parametrize(("ahead_ms", "called_back"), [(ARMED_AHEAD_MS, False), (3_600_000, True)])
def test_an_idle_node_that_was_told_another_hour_is_called_back(
    ahead_ms: int, *, called_back: bool
) -> None:
    part = SessionNode("cam", started=True, start_at_ms=NOW + ahead_ms)
    active = replace(STARTED, nodes=(part,))
    assert decide(active, [], (), [IDLE], NOW) == ([Disarm("cam")] if called_back else [])
