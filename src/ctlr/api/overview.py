"""The one place that derives what a person is shown of the rig. Pure.

``/api/status`` and ``/api/sync/status`` are made here from what is in memory; nothing in it
waits for a camera or a disk.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from ctlr.api import shapes, storage_shapes
from ctlr.api.camera_shapes import CameraStatus
from ctlr.api.newest import Known, is_elsewhere, not_on_drive, summaries
from ctlr.api.readiness import Readiness, judge
from ctlr.can.status import CanStatus
from ctlr.ingest.reports import DeliveryFailure, LastReport
from ctlr.nodes.fleet import NodeView
from ctlr.nodes.roster import Newcomer
from ctlr.postprocess.supervise.jobs import Job, JobState
from ctlr.recording.limits import warn_before_end
from ctlr.recording.now import is_recording, recording_now
from ctlr.recording.preflight import MINUTES_WARN, check_own_clock
from ctlr.recording.presses import Press
from ctlr.sessions.model import Session
from ctlr.storage.eject_rules import OperationResult, Phase
from ctlr.storage.states import MountState, State
from ctlr.telemetry.health import Health

GIB = 1 << 30
_STILL_WAITS = (JobState.WAITING, JobState.FOLLOWING)


@dataclass(frozen=True)
class Facts:
    """All that is known at one instant."""

    now_ms: int
    min_cameras: int
    current: Session | None
    recorded_s: float
    views: Sequence[NodeView]
    reports: Mapping[str, LastReport]
    logging: MountState
    sync: MountState
    system: Health
    can: CanStatus
    jobs: Sequence[Job]
    collecting: bool
    minutes_left: float | None
    longest_s: float
    sync_minutes_left: float | None = None
    phase: Phase = Phase.IN_USE
    waits_for: OperationResult | None = None
    record_problem: str | None = None
    failures: Mapping[str, DeliveryFailure] = field(default_factory=dict)
    newest: Sequence[Known] = ()
    refused: Mapping[str, int] = field(default_factory=dict)
    """How often the broker has turned a camera away lately."""
    newcomers: Sequence[Newcomer] = ()
    started: Press | None = None
    stopped: Press | None = None


def status(facts: Facts) -> shapes.Status:
    """Body of ``GET /api/status``."""
    recording = recording_now(facts.current, facts.recorded_s)
    readiness = _readiness(facts)
    cameras = [_camera(view, facts) for view in facts.views]
    return shapes.Status(
        ready=readiness.ready and facts.current is None,
        can_start=readiness.can_start and facts.current is None,
        readiness=readiness.text if facts.current is None else _phase(facts),
        recording=recording.recording,
        uuid=recording.uuid,
        duration=recording.duration,
        phase=_phase(facts),
        cameras=cameras,
        storage=_storage(facts.logging, facts.minutes_left, facts.phase),
        sync=_sync(facts),
        system=_system(facts.system),
        can=shapes.CanSummary(**asdict(facts.can)),
        jobs=[job_status(job) for job in facts.jobs],
        sessions=summaries(facts.newest),
        warnings=_warnings(facts),
        started=_press(facts.started),
        stopped=_press(facts.stopped),
        rehearsal=facts.current is not None and facts.current.is_rehearsal,
    )


def _press(press: Press | None) -> shapes.Press | None:
    return shapes.Press(uuid=press.uuid, by=press.by, at=press.at_ms) if press else None


def sync_overview(facts: Facts) -> shapes.SyncOverview:
    """Body of ``GET /api/sync/status``."""
    summary, recording = _sync(facts), recording_now(facts.current, facts.recorded_s)
    return shapes.SyncOverview(
        recording=recording.recording,
        uuid=recording.uuid,
        all_synced=summary.all_synced,
        any_syncing=summary.any_syncing,
        cameras=[_sync_camera(view, facts) for view in facts.views],
    )


def job_status(job: Job) -> shapes.JobStatus:
    """A job as it is shown."""
    return shapes.JobStatus(
        uuid=job.uuid,
        state=job.state.value,
        attempts=job.attempts,
        done_bytes=job.done_bytes,
        total_bytes=job.total_bytes,
        eta_s=job.eta_s,
        error=job.error,
        waiting_for=list(job.waiting_for) if job.state in _STILL_WAITS else [],
    )


def _readiness(facts: Facts) -> Readiness:
    drive = None
    if not facts.logging.healthy:
        drive = f"the logging drive is not usable ({facts.logging.error or 'no answer'})"
    elif facts.logging.full:
        drive = "the logging drive is full"
    return judge(
        idle_cameras=sum(map(_is_idle, facts.views)),
        min_cameras=facts.min_cameras,
        ejecting=facts.phase is Phase.EJECTING,
        drive=drive,
        record=facts.record_problem,
    )


def _system(health: Health) -> shapes.SystemSummary:
    return shapes.SystemSummary(cpu_percent=health.cpu, mem_percent=health.mem, temp_c=health.temp)


def _is_idle(view: NodeView) -> bool:
    return view.connected and view.status is not None and view.status.state == "idle"


def _phase(facts: Facts) -> str:
    if facts.current is not None:
        return facts.current.state.value
    if any(job.state is JobState.RUNNING for job in facts.jobs):
        return "processing"
    return "collecting" if facts.collecting else "idle"


def _camera(view: NodeView, facts: Facts) -> CameraStatus:
    status, last, failure = view.status, facts.reports.get(view.name), find_failure(view, facts)
    system = status.system if status else None
    return CameraStatus(
        name=view.name,
        connected=view.connected,
        state=status.state if status else None,
        segment=status.segment if status else None,
        cpu=system.cpu if system else None,
        ram=system.ram if system else None,
        disk_free_gb=system.disk_free_gb if system else None,
        temp=system.temp if system else None,
        clock_offset_ms=round(view.clock.offset_ms, 2) if view.clock else None,
        clock_uncertainty_ms=round(view.clock.uncertainty_ms, 2) if view.clock else None,
        sync_status="error" if failure else _sync_status(view, last),
        segments_pending=_pending(view, last),
        error=view.error,
        sync_error=failure.reason if failure else None,
        sync_failing_since=failure.since_ms if failure else None,
        frames=status.frames if status else None,
        dropped=status.dropped if status else None,
        starts_in_ms=status.starts_in_ms if status else None,
        minutes_left=status.minutes_left if status else None,
        throttled=status.throttled if status else None,
        bitrate_kbps=status.bitrate_kbps if status else None,
        segments_received=last.held if last else None,
        last_sync=last.at_ms if last else None,
    )


def find_failure(view: NodeView, facts: Facts) -> DeliveryFailure | None:
    """Why a camera cannot deliver: what it reported, else what its status says."""
    if failure := facts.failures.get(view.name):
        return replace(failure, reason=failure.reason or "its transfer failed")
    sync = view.status.sync if view.status else None
    if sync is None or not (sync.error or sync.status == "error"):
        return None
    return DeliveryFailure(None, sync.error or "its transfer failed")


def _sync_camera(view: NodeView, facts: Facts) -> shapes.SyncCamera:
    last, failure = facts.reports.get(view.name), find_failure(view, facts)
    return shapes.SyncCamera(
        name=view.name,
        connected=view.connected,
        sync_status="error" if failure else _sync_status(view, last),
        segments_pending=_pending(view, last),
        segments_received=last.held if last else None,
        last_sync=last.at_ms if last else None,
        sync_error=failure.reason if failure else None,
        sync_failing_since=failure.since_ms if failure else None,
    )


def _sync_status(view: NodeView, last: LastReport | None) -> str | None:
    if view.status is not None:
        return view.status.sync.status
    return last.report.status if last else None


def _pending(view: NodeView, last: LastReport | None) -> int | None:
    """The newer of the two: a poll of the node, or its last report."""
    if view.status is not None and (last is None or (view.seen_at_ms or 0) >= last.at_ms):
        return view.status.sync.segments_queued
    return last.report.remaining if last else None


def _sync(facts: Facts) -> shapes.SyncSummary:
    cameras = [(view, facts.reports.get(view.name)) for view in facts.views]
    pending = [_pending(view, last) for view, last in cameras]
    syncing = any(_sync_status(view, last) == "syncing" for view, last in cameras)
    return shapes.SyncSummary(
        all_synced=not is_recording(facts.current)
        and not facts.collecting
        and all(count == 0 for count in pending)
        and not any(find_failure(view, facts) for view in facts.views)
        and not is_elsewhere(facts.newest),
        any_syncing=syncing,
    )


def storage_status(facts: Facts) -> storage_shapes.StorageStatus:
    """Body of ``GET /api/storage/status``."""
    return storage_shapes.StorageStatus(
        logging=_mount(facts.logging, facts.minutes_left),
        sync=_mount(facts.sync, facts.sync_minutes_left),
        healthy=facts.logging.healthy and facts.sync.healthy,
        minutes_left=facts.minutes_left,
        eject=_eject(facts),
    )


def _mount(state: MountState, minutes_left: float | None) -> storage_shapes.MountStatus:
    return storage_shapes.MountStatus(
        path=state.path,
        mounted=state.mounted,
        accessible=state.accessible,
        free_gb=round(state.free_bytes / GIB, 2),
        total_gb=round(state.total_bytes / GIB, 2),
        fs_type=state.fs_type,
        device=state.device,
        read_only=state.read_only,
        error="it is full" if state.full and state.error is None else state.error,
        state=state.state.value,
        latency_ms=state.latency_ms,
        minutes_left=minutes_left,
    )


def _eject(facts: Facts) -> storage_shapes.EjectStatus:
    waits = facts.waits_for
    return storage_shapes.EjectStatus(
        phase=facts.phase.value,
        message=waits.message if waits else None,
        waiting_for=[storage_shapes.DriveWork(**work) for work in waits.details.get("busy", ())]
        if waits
        else [],
        eta_s=waits.details.get("eta_s") if waits else None,
        not_on_drive=not_on_drive(facts.newest, facts.views),
    )


def _storage(state: MountState, minutes_left: float | None, phase: Phase) -> shapes.StorageSummary:
    used = state.total_bytes - state.free_bytes
    return shapes.StorageSummary(
        used_gb=round(used / GIB, 2),
        total_gb=round(state.total_bytes / GIB, 2),
        percent=round(100 * used / state.total_bytes, 1) if state.total_bytes else 0.0,
        healthy=state.healthy,
        minutes_left=minutes_left if state.healthy else None,
        phase=phase.value,
    )


def _drive_warnings(
    name: str, state: MountState, minutes_left: float | None
) -> Iterator[shapes.Warn]:
    """What is wrong with one volume, the gravest alone."""
    if state.state is State.EJECTED:
        text = f"The {name} drive is ejected: plug it in and mount it. Cameras keep their files."
        yield shapes.Warn(code="storage_ejected", message=text)
    elif not state.healthy:
        text = f"The {name} drive is not usable: {state.error}."
        yield shapes.Warn(code="storage_unhealthy", message=text)
    elif state.full:
        text = f"The {name} drive is full: nothing new is taken until there is room."
        yield shapes.Warn(code="storage_full", message=text)
    elif minutes_left is not None and minutes_left < MINUTES_WARN:
        text = f"The {name} drive has room for {minutes_left:.0f} minutes."
        yield shapes.Warn(code="storage_low", message=text)
    elif state.slow:
        text = f"The {name} drive is slow: a small write took {state.latency_ms:.0f} ms."
        yield shapes.Warn(code="storage_slow", message=text)


def _delivery_warnings(facts: Facts) -> Iterator[shapes.Warn]:
    """Of cameras that cannot deliver; a drive that takes nothing has a warning of its own."""
    if not facts.logging.healthy or facts.logging.full:
        return
    for view in facts.views:
        if failure := find_failure(view, facts):
            text = (
                f"{view.name} cannot deliver its segments ({failure.reason}). They stay on its card "
                "until it can: see to its network and to what it sends to before that is full."
            )
            yield shapes.Warn(code="delivery_failed", message=text)


def _warnings(facts: Facts) -> list[shapes.Warn]:
    own_clock = check_own_clock(facts.now_ms, facts.views)
    found = [] if own_clock.ok else [shapes.Warn(code=own_clock.code, message=own_clock.message)]
    found += [
        *_drive_warnings("logging", facts.logging, facts.minutes_left),
        *_drive_warnings("sync", facts.sync, facts.sync_minutes_left),
    ]
    if facts.record_problem is not None:
        text = (
            f"The controller's record of sessions cannot be written ({facts.record_problem}): none "
            "can be started. What is recorded goes on and can be stopped. Free space on its own disk."
        )
        found.append(shapes.Warn(code="record_unwritable", message=text))
    found += [
        shapes.Warn(
            code="camera_unreachable", message=f"{view.name} does not answer ({view.error})."
        )
        for view in facts.views
        if not view.connected and view.error
    ]
    found += _delivery_warnings(facts)
    found += [
        shapes.Warn(
            code="camera_refused_by_broker",
            message=(
                f"The MQTT broker does not let {name} in ({times} times in ten minutes), so its log "
                "is lost. Videos are not affected. Give it a new password: sudo ctlr-mqtt-user node "
                f"{name} --renew."
            ),
        )
        for name, times in facts.refused.items()
    ]
    found += [
        shapes.Warn(
            code="camera_adopted",
            message=(
                f"{new.node.name} at {new.node.address} was taken into the rig from {new.by} a moment "
                f"ago. If that was nobody of the crew: ctlr nodes remove {new.node.name}."
            ),
        )
        for new in facts.newcomers
    ]
    found += [
        shapes.Warn(code="processing_failed", message=f"Session {job.uuid}: {job.error}")
        for job in facts.jobs
        if job.state is JobState.FAILED
    ]
    if is_recording(facts.current):
        ending = warn_before_end(facts.recorded_s, facts.longest_s, facts.views)
        found += [shapes.Warn(code=item.code, message=item.message) for item in ending]
    return found
