"""What counts of a report that anybody may have posted."""

from typing import Any

import pytest

from ctlr.ingest.belief import believe, must_be_proved
from ctlr.nodes.fleet import NodeView
from ctlr.nodes.messages import NodeStatus, NodeSync, SyncReport

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
OTHER = "11111111-2222-4333-8444-555555555555"
DONE = SyncReport(camera="cam", status="ok", uuid=UUID, segments_total=3, complete=True)


def seen(status: NodeStatus | None) -> NodeView:
    return NodeView("cam", connected=status is not None, current=True, status=status)


def ours(state: Any = "idle", uuid: str | None = None, **sync: Any) -> NodeView:
    return seen(NodeStatus(state=state, uuid=uuid, frames=0, sync=NodeSync(**sync)))


@pytest.mark.parametrize(
    "view",
    [
        seen(None),
        ours("recording", UUID),
        ours("recording", UUID.upper()),
        ours("recording"),
        ours("cleanup", UUID),
        ours(segments_queued=1),
        ours(delivered={}),
        ours(delivered={OTHER: 3}),
        ours(delivered={UUID: 4}),
    ],
)
def test_a_camera_that_says_otherwise_has_not_delivered_all(view: NodeView) -> None:
    believed = believe(DONE, UUID, view, held=3)
    assert not believed.report.complete
    assert not believed.has_stopped
    assert believed.may_prove


@pytest.mark.parametrize(
    "view",
    [
        ours(delivered={UUID: 3}),
        ours(delivered={OTHER: 1, UUID: 3}, segments_queued=2),
        ours("recording", OTHER, delivered={UUID: 3}),
        ours(),
    ],
)
def test_a_camera_that_says_the_same_has(view: NodeView) -> None:
    believed = believe(DONE, UUID, view, held=3)
    assert believed.report.complete
    assert believed.report.segments_total == 3
    assert believed.has_stopped


def test_nobody_makes_fewer_segments_than_are_here() -> None:
    assert not believe(DONE, UUID, ours(), held=4).report.complete


def test_an_installed_camera_says_no_number_and_nobody_says_it_for_it() -> None:
    plain = seen(NodeStatus(state="idle", sync=NodeSync(segments_queued=2)))
    believed = believe(DONE, UUID, plain)
    assert (believed.report.segments_total, believed.report.complete) == (None, False)
    assert believed.report.remaining == 2
    assert not believed.may_prove


def test_a_report_of_a_camera_that_is_away_is_no_sign_of_life() -> None:
    assert not believe(DONE, UUID, seen(None)).from_it
    assert believe(DONE, UUID, ours("recording", UUID)).from_it


@pytest.mark.parametrize(
    ("changes", "is_over", "asked"),
    [
        ({}, False, True),
        ({"complete": False}, False, True),
        ({"complete": False, "segments_total": None}, False, False),
        ({"complete": False, "segments_total": None}, True, True),
        ({"complete": False, "segments_total": None, "remaining": 2}, True, False),
    ],
)
def test_a_camera_is_asked_for_what_only_it_can_know(
    changes: dict[str, Any], is_over: bool, asked: bool
) -> None:
    assert must_be_proved(DONE.model_copy(update=changes), is_over=is_over) is asked
