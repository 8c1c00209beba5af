"""When a recording that nobody stops ends."""

from ctlr.nodes.fleet import NodeView
from ctlr.nodes.messages import CameraState, NodeStatus
from ctlr.recording.limits import reason_to_end, warn_before_end

HOURS = 3600.0


def camera(name: str, state: CameraState, minutes_left: float | None) -> NodeView:
    status = NodeStatus(state=state, minutes_left=minutes_left)
    return NodeView(name, connected=True, current=True, status=status)


FULL, RUNNING = camera("full", "error", 0), camera("running", "recording", 40)


def test_it_goes_on_while_there_is_anything_to_record_with() -> None:
    assert reason_to_end(HOURS, 12 * HOURS, [RUNNING], ["running"]) is None
    assert reason_to_end(HOURS, 12 * HOURS, [FULL, RUNNING], ["full", "running"]) is None


def test_it_ends_after_the_configured_time() -> None:
    reason = reason_to_end(12 * HOURS, 12 * HOURS, [RUNNING], ["running"])
    assert reason is not None
    assert "12 h" in reason


def test_it_ends_when_no_camera_has_room() -> None:
    reason = reason_to_end(60, 12 * HOURS, [FULL, RUNNING], ["full"])
    assert reason is not None
    assert "no camera has room" in reason


def test_a_camera_that_is_not_seen_or_says_nothing_may_still_record() -> None:
    unseen = NodeView("gone", connected=False)
    plain = camera("plain", "idle", None)
    assert reason_to_end(60, 12 * HOURS, [FULL, unseen], ["full", "gone"]) is None
    assert reason_to_end(60, 12 * HOURS, [FULL, plain], ["full", "plain"]) is None
    assert reason_to_end(60, 12 * HOURS, [FULL], ["full", "not configured any more"]) is None
    assert reason_to_end(60, 12 * HOURS, [], []) is None


def test_the_warning_comes_well_before() -> None:
    assert warn_before_end(11 * HOURS, 12 * HOURS, [RUNNING]) == []
    soon = warn_before_end(11.8 * HOURS, 12 * HOURS, [RUNNING])
    assert [warning.code for warning in soon] == ["recording_ends_soon"]
    low = warn_before_end(0, 12 * HOURS, [camera("low", "recording", 9)])
    assert [warning.code for warning in low] == ["camera_space_low"]
