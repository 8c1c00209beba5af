import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.ingest.completeness import Arrival, Delivery, describe, has_sent_all, judge_delivery
from ctlr.nodes.fleet import NodeView
from ctlr.nodes.messages import NodeStatus
from ctlr.sessions.model import SessionNode

QUIET_S, GIVE_UP_S = 10.0, 120.0
NOTHING = Arrival(0, None, None)


def ours(total: int | None, *, complete: bool, started: bool = True) -> SessionNode:
    return SessionNode("cam", started=started, segments_total=total, complete=complete, remaining=0)


PLAIN = SessionNode("cam", started=True, remaining=0)

CASES = {
    "never started, nothing here": (
        SessionNode("cam"), NOTHING, 0.0, Delivery.COMPLETE,
    ),
    "never acknowledged, but sent something": (
        SessionNode("cam"), Arrival(1, 1.0, None), 1.0, Delivery.WAITING,
    ),
    "ours, all here": (ours(3, complete=True), Arrival(3, 0.0, 0.0), 0.0, Delivery.COMPLETE),
    "ours, none made": (ours(0, complete=True), Arrival(0, None, 0.0), 0.0, Delivery.COMPLETE),
    "ours, one missing": (ours(3, complete=True), Arrival(2, 0.0, 0.0), 5.0, Delivery.WAITING),
    "ours, says not complete": (ours(3, complete=False), Arrival(3, 50.0, 5.0), 60.0, Delivery.WAITING),
    "ours, gone silent": (ours(3, complete=False), Arrival(2, 130.0, 125.0), 200.0, Delivery.GIVEN_UP),
    "ours, still reporting after long": (ours(3, complete=False), Arrival(2, 900.0, 3.0), 1000.0, Delivery.WAITING),
    "plain, still and reported": (PLAIN, Arrival(3, 10.0, 1.0), 10.0, Delivery.COMPLETE),
    "plain, not still yet": (PLAIN, Arrival(3, 9.0, 1.0), 60.0, Delivery.WAITING),
    "plain, stopped just now": (PLAIN, Arrival(3, 60.0, 1.0), 5.0, Delivery.WAITING),
    "plain, report is from before the stop": (PLAIN, Arrival(3, 60.0, 61.0), 60.0, Delivery.WAITING),
    "plain, has more to send": (
        SessionNode("cam", started=True, remaining=2), Arrival(3, 60.0, 1.0), 60.0, Delivery.WAITING,
    ),
    "plain, nothing arrived": (PLAIN, Arrival(0, None, 1.0), 60.0, Delivery.WAITING),
    "plain, never has anything": (PLAIN, Arrival(0, None, 1.0), 120.0, Delivery.GIVEN_UP),
    "plain, its report was missed": (
        SessionNode("cam", started=True), Arrival(3, 10.0, None, has_sent_all=True), 10.0, Delivery.COMPLETE,
    ),
    "plain, its report was missed, an older one is known": (
        SessionNode("cam", started=True, remaining=2), Arrival(3, 10.0, None, has_sent_all=True), 10.0,
        Delivery.COMPLETE,
    ),
    "plain, its report was missed, not still yet": (
        PLAIN, Arrival(3, 9.0, None, has_sent_all=True), 60.0, Delivery.WAITING,
    ),
    "plain, its report was missed, nothing arrived": (
        PLAIN, Arrival(0, None, None, has_sent_all=True), 60.0, Delivery.WAITING,
    ),
    "plain, its report says more than its status": (
        SessionNode("cam", started=True, remaining=2), Arrival(3, 60.0, 1.0, has_sent_all=True), 60.0,
        Delivery.WAITING,
    ),
    "ours, its status is no report": (
        ours(3, complete=False), Arrival(2, 60.0, None, has_sent_all=True), 60.0, Delivery.WAITING,
    ),
    "ours, still in its first segment": (ours(None, complete=False), Arrival(0, None, 1.0), 119.0, Delivery.WAITING),
    "plain, silent since the stop": (PLAIN, NOTHING, 120.0, Delivery.GIVEN_UP),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_judge_delivery(case: tuple[SessionNode, Arrival, float, Delivery]) -> None:
    node, arrival, stopped_for_s, expected = case
    assert judge_delivery(node, arrival, stopped_for_s, QUIET_S, GIVE_UP_S) is expected


CALLED_BACK = SessionNode("cam", started=True, stop_acknowledged=True)
NEVER_BEGAN = {
    "confirmed the stop, and nothing came": (CALLED_BACK, NOTHING, QUIET_S, Delivery.COMPLETE),
    "confirmed it just now": (CALLED_BACK, NOTHING, QUIET_S - 1, Delivery.WAITING),
    "did not confirm it": (PLAIN, Arrival(0, None, 1.0), 60.0, Delivery.WAITING),
    "did not confirm it for long": (PLAIN, NOTHING, GIVE_UP_S, Delivery.GIVEN_UP),
    "recorded all the same": (CALLED_BACK, Arrival(1, 1.0, 1.0), QUIET_S, Delivery.WAITING),
}


@pytest.mark.parametrize("case", NEVER_BEGAN.values(), ids=NEVER_BEGAN.keys())
def test_a_session_that_never_began(case: tuple[SessionNode, Arrival, float, Delivery]) -> None:
    node, arrival, stopped_for_s, expected = case
    found = judge_delivery(node, arrival, stopped_for_s, QUIET_S, GIVE_UP_S, began=False)
    assert found is expected


ages = st.none() | st.floats(0, 1e6)
nodes = st.builds(
    SessionNode,
    name=st.just("cam"),
    started=st.just(value=True),
    segments_total=st.none() | st.integers(0, 50),
    complete=st.booleans(),
    remaining=st.none() | st.integers(0, 50),
)


@given(nodes, st.builds(Arrival, st.integers(0, 50), ages, ages), st.floats(0, 1e6))
def test_complete_never_means_fewer_than_the_node_made(
    node: SessionNode, arrival: Arrival, stopped_for_s: float
) -> None:
    verdict = judge_delivery(node, arrival, stopped_for_s, QUIET_S, GIVE_UP_S)
    if verdict is Delivery.COMPLETE:
        assert arrival.segments_held >= (node.segments_total or 0)
        assert node.segments_total is None or node.complete
    if verdict is Delivery.GIVEN_UP:
        hopeless = node.segments_total is None and node.remaining == arrival.segments_held == 0
        reported_s = None if hopeless else arrival.last_report_age_s
        signs = (stopped_for_s, arrival.newest_file_age_s, reported_s)
        assert min(age for age in signs if age is not None) >= GIVE_UP_S


IDLE = {"state": "idle", "sync": {"status": "idle", "segments_queued": 0}}


def view(connected: bool = True, current: bool = True, **status: object) -> NodeView:
    said = NodeStatus.model_validate(IDLE | status)
    return NodeView("cam", connected=connected, current=current, status=said)


@pytest.mark.parametrize(
    ("seen", "says_so"),
    [
        (view(), True),
        (None, False),
        (NodeView("cam", connected=True, current=True), False),
        (view(connected=False), False),
        (view(current=False), False),
        (view(state="recording"), False),
        (view(state="cleanup"), False),
        (view(state="error"), False),
        (view(sync={"status": "syncing", "segments_queued": 0}), False),
        (view(sync={"status": "idle", "segments_queued": 1}), False),
        (view(sync={"status": "idle", "segments_queued": 0, "error": "no route"}), False),
        (view(sync={"status": "idle"}), False),
        (view(sync={"segments_queued": 0}), True),
    ],
)
def test_what_a_status_says_of_the_delivery(seen: NodeView | None, says_so: bool) -> None:
    assert has_sent_all(seen) is says_so


@pytest.mark.parametrize(
    ("node", "held", "text"),
    [
        (ours(3, complete=False), 2, "2 of 3 segments here"),
        (ours(1, complete=False), 0, "0 of 1 segment here"),
        (PLAIN, 0, "no segments here"),
        (PLAIN, 1, "1 segment here"),
        (SessionNode("cam", remaining=4), 2, "2 segments here, 4 still to come"),
    ],
)
def test_what_is_here_in_words(node: SessionNode, held: int, text: str) -> None:
    assert describe(node, Arrival(held, 1.0, 1.0)) == text
