"""What uses the drive in the background, as an eject is told it."""

from ctlr.app.drive_users import find_background_work
from ctlr.nodes.fleet import NodeView
from ctlr.nodes.messages import NodeStatus
from ctlr.postprocess.supervise.jobs import Job, JobState

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"


def camera(queued: int, *, connected: bool = True) -> NodeView:
    status = NodeStatus.model_validate({"state": "idle", "sync": {"segments_queued": queued}})
    return NodeView("cam-01", connected=connected, current=True, status=status)


def test_what_must_not_be_interrupted_comes_first() -> None:
    jobs = [
        Job("a", JobState.VERIFYING, eta_s=9.0),
        Job(UUID, JobState.RUNNING, done_bytes=1, total_bytes=4, eta_s=3.0),
        Job("b", JobState.WAITING),
        Job("c", JobState.FAILED),
    ]
    found = find_background_work(jobs, [camera(2)], collecting=True)
    assert [(work.code, work.blocks, work.eta_s) for work in found] == [
        ("processing_in_progress", True, 3.0),
        ("delivery", False, None),
        ("collecting", False, None),
        ("verifying", False, 9.0),
    ]
    assert found[0].detail == f"Session {UUID} is being joined (25 %)"
    assert found[1].detail == "cam-01 has 2 files to send"


def test_an_idle_rig_does_not_use_the_drive() -> None:
    views = [camera(0), camera(3, connected=False), NodeView("cam-02")]
    assert find_background_work([Job(UUID, JobState.DONE)], views, collecting=False) == []
