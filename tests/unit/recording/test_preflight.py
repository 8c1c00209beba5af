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
NOW_MS = 1_776_313_714_000


def check(*arguments: Any, now_ms: int = NOW_MS, **more: Any) -> list[Finding]:
    return check_rig(*arguments, now_ms=now_ms, **more)


WELL = Space(healthy=True, problem=None, minutes_left=600)


def with_status(**values: Any) -> NodeView:
    return replace(READY, status=NodeStatus(**({"state": "idle"} | values)))


def only(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings if not finding.ok]


def test_a_rig_that_is_well_has_only_good_findings() -> None:
    findings = check([READY], {"logging": WELL, "sync": WELL}, phone_ahead_ms=-40)
    assert only(findings) == []
    assert [finding.name for finding in findings] == [
        "controller clock",
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
    findings = check([view], {"logging": WELL})
    assert only(findings) == [code]
    assert "cam" in next(finding.message for finding in findings if not finding.ok)


def test_an_offset_that_may_be_none_is_no_problem() -> None:
    assert only(check([replace(READY, clock=ClockOffset(25.0, 6.0))], {})) == []
    assert only(check([replace(READY, clock=None)], {})) == []


def test_what_a_camera_says_itself_counts() -> None:
    assert only(check([READY], {}, refusals={"cam": "lens cap"})) == ["camera_not_ready"]


@pytest.mark.parametrize(
    ("space", "code"),
    [
        (Space(healthy=False, problem="not mounted", minutes_left=None), "storage_unhealthy"),
        (Space(healthy=True, problem=None, minutes_left=30), "storage_low"),
    ],
)
def test_each_problem_of_a_drive_is_found(space: Space, code: str) -> None:
    assert only(check([], {"sync": space})) == [code]


def test_a_phone_that_is_seconds_off_is_found() -> None:
    assert only(check([], {}, phone_ahead_ms=2500)) == ["phone_clock"]


def test_a_camera_that_does_not_tell_its_rate_counts_as_usual() -> None:
    assert fleet_kbps([with_status(bitrate_kbps=9000), READY], 6000) == 15_000
    assert fleet_kbps([], 6000) == 0


DAY_MS = 86_400_000


def far(name: str, ahead_ms: float) -> NodeView:
    return replace(READY, name=name, clock=ClockOffset(ahead_ms, 5.0))


@pytest.mark.parametrize(
    ("now_ms", "views", "phone_ahead_ms"),
    [
        (200_000, [], None),  # 1970
        (200_000, [far("cam", NOW_MS), READY], None),
        (NOW_MS, [far("cam", 14 * DAY_MS), far("cam-2", 14 * DAY_MS + 900)], None),
        (NOW_MS, [far("cam", 14 * DAY_MS)], 14 * DAY_MS - 2000),
        (NOW_MS, [], -2 * DAY_MS),
        (NOW_MS, [READY, far("cam-2", 3.0)], 14 * DAY_MS),  # which have their time from us
    ],
)
def test_a_controller_whose_clock_was_not_set_says_so_first_and_blames_no_other(
    now_ms: int, views: list[NodeView], phone_ahead_ms: int | None
) -> None:
    findings = check(views, {}, phone_ahead_ms, now_ms=now_ms)
    assert only(findings) == ["controller_clock"]
    assert findings[0].code == "controller_clock"
    assert "sudo date -s" in findings[0].message


def test_a_phone_that_is_off_by_minutes_is_told_of_itself() -> None:
    assert only(check([], {}, 600_000)) == ["phone_clock"]
    assert only(check([READY], {}, 600_000)) == ["phone_clock"]


@pytest.mark.parametrize(
    ("views", "codes"),
    [
        ([far("cam", 14 * DAY_MS)], ["clock_offset"]),  # one alone may be wrong itself
        ([far("cam", 14 * DAY_MS), far("cam-2", 3.0)], ["clock_offset"]),
        ([far("cam", 14 * DAY_MS), far("cam-2", -3e8)], ["clock_offset", "clock_offset"]),
    ],
)
def test_a_clock_that_the_others_do_not_share_is_a_cameras(
    views: list[NodeView], codes: list[str]
) -> None:
    assert only(check(views, {})) == codes
