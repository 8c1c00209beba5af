"""What a person is shown, from the facts of one instant."""

from dataclasses import replace
from typing import Any

import pytest

from ctlr.api.overview import GIB, Facts, status, storage_status, sync_overview
from ctlr.can.status import CanStatus
from ctlr.ingest.reports import DeliveryFailure, LastReport
from ctlr.nodes.fleet import NodeView
from ctlr.nodes.messages import NodeStatus, SyncReport
from ctlr.postprocess.supervise.jobs import Job, JobState
from ctlr.sessions.copies import SessionCopy
from ctlr.sessions.model import Session, SessionNode, SessionState
from ctlr.storage.states import MountState
from ctlr.telemetry.health import Health

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
NOW = 1_776_313_714_000
WELL = MountState("/mnt/x", accessible=True, free_bytes=3 * GIB, total_bytes=4 * GIB, error=None)
ILL = replace(WELL, accessible=False, error="not mounted")


def camera(state: str = "idle", queued: int = 0, sync: str = "idle") -> NodeView:
    values = {"state": state, "sync": {"status": sync, "segments_queued": queued}}
    node = NodeStatus.model_validate(values)
    return NodeView("cam-01", connected=True, current=True, status=node, seen_at_ms=NOW)


LOST = NodeView("cam-01", error="no answer within 1.5 s")


def session(state: SessionState) -> Session:
    return Session(UUID, state, start_at_ms=NOW)


def report(remaining: int, at_ms: int) -> dict[str, LastReport]:
    said = SyncReport(camera="cam-01", status="ok", remaining=remaining)
    return {"cam-01": LastReport(said, at_ms, 7)}


def facts(**changes: Any) -> Facts:
    return replace(
        Facts(
            now_ms=NOW,
            min_cameras=1,
            current=None,
            recorded_s=0.0,
            views=[camera()],
            reports={},
            logging=WELL,
            sync=WELL,
            system=Health(cpu=1, mem=2, temp=None, disk=3),
            can=CanStatus(),
            jobs=[],
            collecting=False,
            minutes_left=125.0,
            longest_s=14_400,
        ),
        **changes,
    )


def job(state: JobState) -> Job:
    return Job(UUID, state, attempts=1, error="full")


@pytest.mark.parametrize(
    ("changes", "ready"),
    [
        ({}, True),
        ({"views": [LOST]}, False),
        ({"views": [camera("recording")]}, False),
        ({"views": [camera("error")]}, False),
        ({"views": [LOST], "min_cameras": 0}, True),
        ({"logging": ILL}, False),
        ({"sync": ILL}, True),
        ({"current": session(SessionState.RECORDING)}, False),
        ({"collecting": True}, True),
    ],
    ids=str,
)
def test_ready_means_that_a_start_would_do(changes: dict[str, Any], *, ready: bool) -> None:
    assert status(facts(**changes)).ready is ready


@pytest.mark.parametrize(
    ("changes", "phase", "recording"),
    [
        ({}, "idle", False),
        ({"current": session(SessionState.ARMING)}, "arming", False),
        ({"current": session(SessionState.RECORDING)}, "recording", True),
        ({"current": session(SessionState.STOPPING)}, "stopping", False),
        ({"collecting": True}, "collecting", False),
        ({"jobs": [job(JobState.RUNNING)]}, "processing", False),
        ({"current": session(SessionState.RECORDING), "collecting": True}, "recording", True),
    ],
    ids=str,
)
def test_phase(changes: dict[str, Any], phase: str, *, recording: bool) -> None:
    shown = status(facts(**changes))
    assert (shown.phase, shown.recording) == (phase, recording)


def test_a_duration_is_shown_to_the_millisecond() -> None:
    recording = facts(current=session(SessionState.RECORDING), recorded_s=2.50049)
    assert status(recording).duration == 2.5


@pytest.mark.parametrize(
    ("changes", "all_synced", "any_syncing"),
    [
        ({}, True, False),
        ({"views": []}, True, False),
        ({"views": [camera(queued=2, sync="syncing")]}, False, True),
        ({"views": [LOST]}, False, False),
        ({"views": [LOST], "reports": report(0, NOW)}, True, False),
        ({"reports": report(3, NOW - 1)}, True, False),
        ({"reports": report(3, NOW + 1)}, False, False),
        ({"collecting": True}, False, False),
        ({"current": session(SessionState.RECORDING)}, False, False),
    ],
    ids=str,
)
def test_synced_means_that_nothing_is_left_to_come(
    changes: dict[str, Any], *, all_synced: bool, any_syncing: bool
) -> None:
    for shown in (status(facts(**changes)).sync, sync_overview(facts(**changes))):
        assert (shown.all_synced, shown.any_syncing) == (all_synced, any_syncing)


FAILED = {"cam-01": DeliveryFailure(NOW - 60_000, "rsync: connection refused")}
SAYS_SO = NodeStatus.model_validate({"state": "idle", "sync": {"error": "rsync failed (code 10)"}})
REPORTED = {"failures": FAILED}
POLLED = {"views": [NodeView("cam-01", connected=True, status=SAYS_SO, seen_at_ms=NOW)]}


@pytest.mark.parametrize(
    ("changes", "reason", "since_ms"),
    [
        (REPORTED, "rsync: connection refused", NOW - 60_000),
        ({**REPORTED, "views": [LOST]}, "rsync: connection refused", NOW - 60_000),
        ({"failures": {"cam-01": DeliveryFailure(NOW, None)}}, "its transfer failed", NOW),
        (POLLED, "rsync failed (code 10)", None),
    ],
    ids=str,
)
def test_a_delivery_that_fails_is_said_everywhere(
    changes: dict[str, Any], reason: str, since_ms: int | None
) -> None:
    shown, overview = status(facts(**changes)), sync_overview(facts(**changes))
    for camera_shown in (shown.cameras[0], overview.cameras[0]):
        assert camera_shown.sync_status == "error"
        assert camera_shown.sync_error == reason
        assert camera_shown.sync_failing_since == since_ms
    (warning,) = [found for found in shown.warnings if found.code == "delivery_failed"]
    assert warning.message.startswith(f"cam-01 cannot deliver its segments ({reason})")
    assert (shown.sync.all_synced, overview.all_synced) == (False, False)


@pytest.mark.parametrize("logging", [ILL, replace(WELL, full=True)])
def test_a_drive_that_takes_nothing_is_one_warning(logging: MountState) -> None:
    shown = status(facts(logging=logging, **REPORTED))
    assert [warning.code for warning in shown.warnings] == [
        "storage_full" if logging.full else "storage_unhealthy"
    ]
    assert shown.cameras[0].sync_status == "error"


def test_what_is_wrong_is_said() -> None:
    shown = status(facts(views=[LOST], sync=ILL, jobs=[job(JobState.FAILED)]))
    assert [warning.code for warning in shown.warnings] == [
        "storage_unhealthy",
        "camera_unreachable",
        "processing_failed",
    ]
    assert "sync" in shown.warnings[0].message
    assert "no answer within 1.5 s" in shown.warnings[1].message


def test_sizes_are_binary() -> None:
    storage = status(facts()).storage
    assert (storage.used_gb, storage.total_gb, storage.percent) == (1.0, 4.0, 25.0)
    empty = status(facts(logging=MountState("/mnt/x"))).storage
    assert (empty.percent, empty.healthy) == (0.0, False)


def test_received_segments_come_from_the_last_report() -> None:
    (shown,) = sync_overview(facts(reports=report(0, NOW))).cameras
    assert (shown.segments_received, shown.last_sync) == (7, NOW)


def test_what_a_camera_that_was_given_up_still_holds_is_not_here() -> None:
    node = SessionNode("cam-01", started=True, segments_total=12, remaining=2)
    given_up = replace(session(SessionState.DONE), stopped_at_ms=NOW + 9000, nodes=(node,))
    copy = SessionCopy(1, complete=False, segments={"cam-01": 10})
    known = facts(newest=[(given_up, copy)])
    assert status(facts()).sync.all_synced is True
    shown = status(known)
    assert (shown.sync.all_synced, sync_overview(known).all_synced) == (False, False)
    [brief] = shown.sessions
    assert (brief.complete, [lack.still_on for lack in brief.lacks]) == (False, ["cam-01"])
    assert storage_status(known).eject.not_on_drive == [
        "Session 3f2b8c1e: 2 files are still on cam-01."
    ]
    silent = replace(known, views=[LOST])
    assert storage_status(silent).eject.not_on_drive == [
        "Session 3f2b8c1e: 2 files are still on cam-01, which does not answer."
    ]


@pytest.mark.parametrize("state", JobState)
def test_only_a_job_that_is_still_to_be_done_waits(state: JobState) -> None:
    waits = replace(job(state), waiting_for=("cam-01",))
    [shown] = status(facts(jobs=[waits])).jobs
    still = state in (JobState.WAITING, JobState.FOLLOWING)
    assert shown.waiting_for == (["cam-01"] if still else [])


def test_a_rig_that_would_start_is_not_called_unable() -> None:
    shown = status(facts(logging=ILL))
    assert (shown.ready, shown.can_start) == (False, True)
    assert shown.readiness.startswith("would record, but the logging drive is not usable (not moun")


def test_a_clock_that_was_never_set_is_the_first_warning() -> None:
    shown = status(facts(now_ms=200_000, views=[LOST]))
    assert [warning.code for warning in shown.warnings] == [
        "controller_clock",
        "camera_unreachable",
    ]
    assert "1970-01-01 00:03" in shown.warnings[0].message
