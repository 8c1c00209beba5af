"""Whether and how often a camera is asked for a still."""

import pytest

from ctlr.nodes.fleet import NodeView
from ctlr.nodes.messages import NodeStatus
from ctlr.nodes.still_rules import how_often_s, why_not


def view(**status: object) -> NodeView:
    said = NodeStatus.model_validate({"state": "recording", **status})
    return NodeView("cam-01", connected=True, status=said)


def test_seldom_while_recording_and_aiming_only_before() -> None:
    assert how_often_s(is_recording=False, aim=False) == 1
    assert how_often_s(is_recording=True, aim=False) == 2
    assert how_often_s(is_recording=True, aim=True) == 2
    assert 5 <= 1 / how_often_s(is_recording=False, aim=True) <= 10


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (view(), None),
        (view(throttled="throttled since boot"), None),
        (view(throttled="temperature limit"), "slowed down"),
        (view(sync={"segments_queued": 3}), None),
        (view(sync={"segments_queued": 4}), "lags behind"),
        (view(state="idle", sync={"segments_queued": 40}), None),
        (NodeView("cam-01"), "does not answer"),
    ],
)
def test_a_camera_with_troubles_is_left_alone(seen: NodeView, reason: str | None) -> None:
    found = why_not(seen)
    assert (found is None) == (reason is None)
    assert (reason or "") in (found or "")
