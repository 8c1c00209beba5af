"""What is said before anyone drives off."""

from dataclasses import replace
from typing import Any

import pytest

from ctlr.nodes.fleet import NodeView
from ctlr.nodes.messages import NodeStatus, NodeSystem
from ctlr.nodes.offset import ClockOffset
from ctlr.recording.preflight import Finding, Space, check_rig, fleet_kbps

READY = NodeView(
    "cam",
    connected=True,
    current=True,
    status=NodeStatus(state="idle"),
    clock=ClockOffset(1.0, 0.5),
)
WELL = Space(healthy=True, problem=None, minutes_left=600)


def with_status(**values: Any) -> NodeView:
    return replace(READY, status=NodeStatus(**({"state": "idle"} | values)))


def only(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings if not finding.ok]


def test_a_rig_that_is_well_has_only_good_findings() -> None:
    findings = check_rig([READY], {"logging": WELL, "sync": WELL}, phone_ahead_ms=-40)
    assert only(findings) == []
    assert [finding.name for finding in findings] == [
        "cam",
        "cam clock",
        "logging",
        "sync",
        "phone clock",
    ]


@pytest.mark.parametrize(
    ("view", "code"),
    [
        (NodeView("cam"), "camera_unreachable"),
        (NodeView("cam", connected=False, error="no answer"), "camera_unreachable"),
        (with_status(state="recording"), "camera_busy"),
        (with_status(error="no sensor"), "camera_not_ready"),
        (with_status(throttled="under-voltage now"), "camera_power"),
        (with_status(system=NodeSystem(temp=81.0)), "camera_hot"),
        (with_status(minutes_left=12.0), "camera_space_low"),
        (replace(READY, clock=ClockOffset(-25.0, 2.0)), "clock_offset"),
    ],
)
def test_each_problem_of_a_camera_is_found(view: NodeView, code: str) -> None:
    findings = check_rig([view], {"logging": WELL})
    assert only(findings) == [code]
    assert "cam" in next(finding.message for finding in findings if not finding.ok)


def test_an_offset_that_may_be_none_is_no_problem() -> None:
    assert only(check_rig([replace(READY, clock=ClockOffset(25.0, 6.0))], {})) == []
    assert only(check_rig([replace(READY, clock=None)], {})) == []


def test_what_a_camera_says_itself_counts() -> None:
    assert only(check_rig([READY], {}, refusals={"cam": "lens cap"})) == ["camera_not_ready"]


@pytest.mark.parametrize(
    ("space", "code"),
    [
        (Space(healthy=False, problem="not mounted", minutes_left=None), "storage_unhealthy"),
        (Space(healthy=True, problem=None, minutes_left=30), "storage_low"),
    ],
)
def test_each_problem_of_a_drive_is_found(space: Space, code: str) -> None:
    assert only(check_rig([], {"sync": space})) == [code]


def test_a_phone_that_is_seconds_off_is_found() -> None:
    assert only(check_rig([], {}, phone_ahead_ms=2500)) == ["phone_clock"]


def test_a_camera_that_does_not_tell_its_rate_counts_as_usual() -> None:
    assert fleet_kbps([with_status(bitrate_kbps=9000), READY], 6000) == 15_000
    assert fleet_kbps([], 6000) == 0
