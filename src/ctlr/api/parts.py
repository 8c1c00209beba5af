"""What the routers call: the running parts of the controller, handed in by ``app``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ctlr.api import shapes
from ctlr.api.overview import Facts
from ctlr.config import Settings
from ctlr.ingest.phone_uploads import PhoneUploads
from ctlr.ingest.reports import Reports
from ctlr.kernel.clock import Clock
from ctlr.nodes.fleet import Fleet
from ctlr.postprocess.jobs import Job
from ctlr.postprocess.reconcile import Reconciler
from ctlr.recording.coordinator import Coordinator
from ctlr.sessions.store import SessionStore
from ctlr.storage.monitor import StorageMonitor


@dataclass(frozen=True)
class Parts:
    """One running controller. ``publish_log`` takes a log entry of a client and raises
    ``Refusal`` ``invalid_log``; ``read_system`` and ``read_can`` answer from memory."""

    settings: Settings
    clock: Clock
    store: SessionStore
    fleet: Fleet
    coordinator: Coordinator
    reports: Reports
    uploads: PhoneUploads
    monitor: StorageMonitor
    reconciler: Reconciler
    publish_log: Callable[[Mapping[str, Any]], None]
    read_system: Callable[[], shapes.SystemSummary]
    read_can: Callable[[], Any]

    def facts(self) -> Facts:
        """Everything that is known now, from memory."""
        names = self.fleet.names
        last = {name: report for name in names if (report := self.reports.last(name))}
        return Facts(
            now_ms=self.clock.now_ms(),
            min_cameras=self.settings.min_cameras,
            current=self.coordinator.current,
            views=self.fleet.views(),
            reports=last,
            logging=self.monitor.states["logging"],
            sync=self.monitor.states["sync"],
            system=self.read_system(),
            can=self.read_can(),
            jobs=[job_status(job) for job in self.reconciler.jobs()],
            collecting=self.reconciler.collecting,
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
    )
