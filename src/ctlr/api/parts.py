"""What the routers call: the running parts of the controller, handed in by ``app``."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ctlr.api import shapes
from ctlr.api.changes import Changes
from ctlr.api.meters import Meters
from ctlr.api.overview import Facts
from ctlr.can.status import CanStatus
from ctlr.config import Settings
from ctlr.ingest.phone_uploads import PhoneUploads
from ctlr.ingest.reports import Reports
from ctlr.kernel.clock import Clock
from ctlr.logbook.reader import LogPage, LogQuery
from ctlr.nodes.fleet import Fleet
from ctlr.nodes.roster import Roster
from ctlr.postprocess.manifest.shapes import Manifest
from ctlr.postprocess.supervise.jobs import Job
from ctlr.postprocess.supervise.reconcile import Reconciler
from ctlr.recording.clocklog import ClockLog
from ctlr.recording.coordinator import Coordinator
from ctlr.recording.preflight import Finding
from ctlr.sessions.store import SessionStore
from ctlr.storage.drive import Drive
from ctlr.storage.ejector import Ejector
from ctlr.storage.monitor import StorageMonitor
from ctlr.telemetry.sink import BrokerState


@dataclass(frozen=True)
class Parts:
    """One running controller. ``publish_log`` takes a log entry of a client and raises
    ``Refusal`` ``invalid_log``; ``read_system``, ``read_can``, ``count_sessions``, ``read_broker``
    and ``find_problems`` (given how far the phone's clock is ahead in ms, and what cameras said
    against recording) answer from memory;
    ``read_manifest`` and ``read_logs`` have a deadline; ``changes`` tells whenever the
    status may have changed; ``minutes_left`` tells of a volume how long it still takes what the
    cameras make."""

    settings: Settings
    clock: Clock
    store: SessionStore
    fleet: Fleet
    roster: Roster
    coordinator: Coordinator
    clock_log: ClockLog
    reports: Reports
    uploads: PhoneUploads
    monitor: StorageMonitor
    drive: Drive
    ejector: Ejector
    reconciler: Reconciler
    publish_log: Callable[[Mapping[str, Any]], None]
    read_logs: Callable[[LogQuery], Awaitable[LogPage]]
    read_system: Callable[[], shapes.SystemSummary]
    read_can: Callable[[], CanStatus]
    find_problems: Callable[[int | None, Mapping[str, str] | None], list[Finding]]
    read_manifest: Callable[[str], Awaitable[Manifest | None]]
    count_sessions: Callable[[], Mapping[str, int]]
    read_broker: Callable[[], BrokerState]
    meters: Meters
    changes: Changes
    minutes_left: Callable[[str], float | None]

    def facts(self) -> Facts:
        """Everything that is known now, from memory."""
        names = self.fleet.names
        last = {name: report for name in names if (report := self.reports.last(name))}
        return Facts(
            now_ms=self.clock.now_ms(),
            min_cameras=self.settings.min_cameras,
            current=self.coordinator.current,
            recorded_s=self.coordinator.recorded_s,
            views=self.fleet.views(),
            reports=last,
            failures={name: failure for name in names if (failure := self.reports.failure(name))},
            logging=self.monitor.states["logging"],
            sync=self.monitor.states["sync"],
            system=self.read_system(),
            can=self.read_can(),
            jobs=[job_status(job) for job in self.reconciler.jobs()],
            collecting=self.reconciler.collecting,
            minutes_left=self.minutes_left("logging"),
            sync_minutes_left=self.minutes_left("sync"),
            phase=self.ejector.phase,
            waits_for=self.ejector.waiting_result(),
            longest_s=self.settings.max_session_h * 3600,
            record_problem=self.store.problem,
        )


def job_status(job: Job) -> shapes.JobStatus:
    return shapes.JobStatus(
        uuid=job.uuid,
        state=job.state.value,
        attempts=job.attempts,
        done_bytes=job.done_bytes,
        total_bytes=job.total_bytes,
        eta_s=job.eta_s,
        error=job.error,
        waiting_for=list(job.waiting_for),
    )
