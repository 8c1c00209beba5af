"""One running controller: its parts, and the few words that they say to each other."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from ctlr.api.changes import Changes
from ctlr.api.meters import Meters
from ctlr.api.overview import recording_now
from ctlr.api.parts import Parts
from ctlr.api.shapes import SystemSummary
from ctlr.app.drive_users import find_work
from ctlr.app.drives import Drives
from ctlr.can.status import CanStatus, read_can_status
from ctlr.config import Settings
from ctlr.ingest.arrivals import Arrivals
from ctlr.ingest.inventory import Inventory
from ctlr.ingest.phone_uploads import PhoneUploads
from ctlr.ingest.reports import Reports
from ctlr.ingest.takes import Takes
from ctlr.kernel.clock import Clock
from ctlr.kernel.database import Database
from ctlr.kernel.errors import Refusal
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.layout.raw import LoggingLayout
from ctlr.logbook.reader import LogReader
from ctlr.logbook.store import log_path
from ctlr.nodes.adopted import AdoptedNodes
from ctlr.nodes.client import NodeClient
from ctlr.nodes.discovery import Discovery
from ctlr.nodes.fleet import Fleet
from ctlr.nodes.roster import Roster
from ctlr.postprocess.manifest.shapes import Manifest
from ctlr.postprocess.supervise.child import run_child
from ctlr.postprocess.supervise.disk_queries import (
    CAN_LOOKS_S,
    needs_processing,
    needs_verification,
    read_session_manifest,
)
from ctlr.postprocess.supervise.jobs import Job, JobResult
from ctlr.postprocess.supervise.reconcile import Reconciler
from ctlr.postprocess.supervise.workers import Task, Workers
from ctlr.recording.camera_reconciler import CameraReconciler
from ctlr.recording.clocklog import ClockLog
from ctlr.recording.coordinator import Coordinator
from ctlr.recording.outcome import StartWarning
from ctlr.recording.preflight import (
    SHOWN_BY_THE_START,
    Finding,
    Space,
    check_rig,
    fleet_kbps,
)
from ctlr.recording.session_clock import SessionClock
from ctlr.recording.stopwatch import Stopwatch
from ctlr.sessions.clock_steps import ClockSteps
from ctlr.sessions.counts import SessionCounts
from ctlr.sessions.store import SessionStore
from ctlr.storage.drive_file import boot_id
from ctlr.storage.eject_rules import Work
from ctlr.telemetry.sink import Telemetry

WorkerCommand = Callable[[Task, str], Sequence[str]]
"""The command line of a worker for a task and a session's uuid."""


class Controller:
    """The parts, and the few words that they say to each other."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        database: Database,
        client: NodeClient,
        tasks: BackgroundTasks,
        telemetry: Telemetry,
        worker_command: WorkerCommand,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.tasks = tasks
        self.telemetry = telemetry
        self.worker_command = worker_command
        self.changes = Changes()
        self.meters = Meters()
        self.store = SessionStore(database)
        self.session_counts = SessionCounts(self.store)
        layout = LoggingLayout(settings.storage.logging)
        self.drives = Drives(
            settings,
            clock,
            tasks,
            is_filling=lambda: self.coordinator.current is not None,
            on_change=self.disks_changed,
        )
        self.monitor = self.drives.monitor
        self.fleet = Fleet(settings.nodes, client, clock, self.wake)
        self.clock_log = ClockLog(self.store, self.fleet, clock)
        self.coordinator = Coordinator(
            self.store,
            self.fleet,
            clock,
            self.clock_log,
            Stopwatch(clock, settings.max_session_h * 3600),
            SessionClock(ClockSteps(database), clock, boot_id()),
            start_delay_ms=settings.start_delay_ms,
            min_cameras=settings.min_cameras,
            find_warnings=self.find_start_warnings,
            on_change=self.session_changed,
            check_start=lambda: self.ejector.check_start(),
        )
        self.takes = Takes(
            self.store,
            layout,
            clock,
            check_disk=partial(self.monitor.require_readable, "logging"),
            on_replaced=self.camera_reported,
        )
        self.camera_reconciler = CameraReconciler(
            self.coordinator,
            self.store,
            self.fleet,
            self.takes,
            clock,
            start_delay_ms=settings.start_delay_ms,
            longest_s=settings.max_session_h * 3600,
        )
        inventory = Inventory(
            self.store,
            layout,
            clock.monotonic,
            check_disk=partial(self.monitor.require_readable, "logging"),
        )
        self.workers = Workers(tasks, self.run_worker, on_change=self.changes.notify)
        self.reconciler = Reconciler(
            self.store,
            inventory,
            Arrivals(
                inventory,
                clock,
                quiet_s=settings.ingest.quiet_s,
                give_up_s=settings.ingest.give_up_s,
            ),
            clock,
            tasks,
            self.workers,
            check_sync=self.drives.require_for_joining,
            needs_processing=partial(needs_processing, settings),
            needs_verification=partial(needs_verification, settings),
            looks_s=CAN_LOOKS_S,
        )
        self.reports = Reports(
            self.store,
            inventory,
            self.takes,
            clock,
            check_storage=partial(self.monitor.require, "logging"),
            on_report=self.camera_reported,
        )
        self.uploads = PhoneUploads(
            layout,
            settings.api.max_upload_mb << 20,
            require_mount=settings.storage.require_mounts,
        )
        self.log_reader = LogReader(
            log_path(settings.storage.logging),
            partial(self.monitor.why_unreadable, "logging"),
        )
        self.discovery = Discovery(settings.api.host, clock) if settings.discovery.enabled else None
        self.roster = Roster(
            settings.nodes,
            AdoptedNodes(database),
            self.fleet,
            client,
            clock,
            self.discovery,
            lock=self.coordinator.lock,
            is_recording=lambda: self.coordinator.current is not None,
        )
        self.ejector, self.drive = self.drives.handled(
            find_work=self.find_work,
            release_readers=self.workers.release_readers,
            starts=self.coordinator.lock,
        )

    async def start(self) -> None:
        """Carry on with what is stored, then watch everything in the background."""
        await self.roster.load()
        await self.coordinator.resume()
        self.fleet.start_polling(self.tasks)
        if self.discovery is not None:
            self.tasks.start_loop("discovery", self.discovery.browse_forever())
        self.tasks.start_job("clean-uploads", self.uploads.clean_staging())
        await self.drives.start(self.telemetry)
        self.tasks.start_job("resume eject", self.ejector.resume())
        self.tasks.start_loop("recording", self.camera_reconciler.reconcile_forever())
        self.tasks.start_loop("takes", self.takes.watch_forever())
        self.tasks.start_loop("session-counts", self.session_counts.count_forever())
        self.tasks.start_loop("session clock", self.coordinator.follow_clock_forever())
        self.tasks.start_loop("clocks", self.clock_log.run_forever())
        self.tasks.start_loop("postprocess", self.reconciler.run_forever())

    def parts(self) -> Parts:
        """What the API calls."""
        return Parts(
            settings=self.settings,
            clock=self.clock,
            store=self.store,
            fleet=self.fleet,
            roster=self.roster,
            coordinator=self.coordinator,
            clock_log=self.clock_log,
            reports=self.reports,
            uploads=self.uploads,
            monitor=self.monitor,
            drive=self.drive,
            ejector=self.ejector,
            reconciler=self.reconciler,
            publish_log=self.telemetry.log_entry,
            read_logs=self.log_reader.read,
            read_system=self.read_system,
            read_can=self.read_can,
            find_problems=self.find_problems,
            read_manifest=self.read_manifest,
            count_sessions=lambda: self.session_counts.by_state,
            read_broker=lambda: self.telemetry.broker,
            meters=self.meters,
            changes=self.changes,
            minutes_left=self.minutes_left,
        )

    def wake(self) -> None:
        """A camera has changed."""
        self.camera_reconciler.wake()
        self.reconciler.wake()
        self.changes.notify()

    def disks_changed(self) -> None:
        self.reconciler.disks_changed()
        self.wake()

    def session_changed(self) -> None:
        now = recording_now(self.coordinator.current, self.coordinator.recorded_s)
        self.telemetry.set_recording(recording=now.recording, uuid=now.uuid, duration=now.duration)
        self.reconciler.wake()
        self.changes.notify()

    def camera_reported(self, uuid: str | None, node: str) -> None:
        self.reconciler.reported(uuid, node)
        self.changes.notify()

    def find_problems(
        self, phone_ahead_ms: int | None = None, said: Mapping[str, str] | None = None
    ) -> list[Finding]:
        """What would spoil a session now; ``said`` is what cameras said against recording."""
        spaces = {
            name: Space(state.healthy, state.error, self.minutes_left(name), state.full)
            for name, state in self.monitor.states.items()
        }
        now_ms = self.clock.now_ms()
        return check_rig(self.fleet.views(), spaces, phone_ahead_ms, said, now_ms=now_ms)

    def minutes_left(self, name: str) -> float | None:
        """How long a volume still takes what the cameras make."""
        kbps = fleet_kbps(self.fleet.views(), self.settings.camera.bitrate_kbps)
        return self.monitor.minutes_left(name, kbps * 1000 / 8)

    def find_start_warnings(self) -> list[StartWarning]:
        """The problems that a start does not find out by itself from the cameras' answers."""
        return [
            StartWarning(found.code, found.message)
            for found in self.find_problems(self.clock_log.phone_ahead_ms())
            if not found.ok and found.code not in SHOWN_BY_THE_START
        ]

    async def run_worker(
        self, task: Task, job: Job, keep: Callable[[Job], None], finish: asyncio.Event | None
    ) -> JobResult:
        began_s = self.clock.monotonic()
        result = await run_child(self.worker_command(task, job.uuid), job, keep, finish)
        outcome = "failed" if result.failed else "done"
        self.meters.jobs.observe(self.clock.monotonic() - began_s, task=task, result=outcome)
        return result

    async def read_manifest(self, uuid: str) -> Manifest | None:
        """A session's manifest; a drive that is away or hangs is not asked."""
        try:
            self.monitor.require_readable("sync")
        except Refusal:
            return None
        return await read_session_manifest(self.settings, uuid)

    def free_for_recording(self) -> int | None:
        """Free bytes of the logging drive; None while it is not well."""
        state = self.monitor.states["logging"]
        return state.free_bytes if state.healthy else None

    async def note_deletion(self, uuid: str, text: str) -> None:
        if await self.store.get(uuid):  # the drive may be older than the record
            await self.store.add_event(uuid, self.clock.now_ms(), "raw_deleted", text)
        self.changes.notify()

    def find_work(self) -> list[Work]:
        """What uses the drive now."""
        return find_work(
            self.coordinator.current,
            self.uploads.running,
            self.reconciler.jobs(),
            self.fleet.views(),
            collecting=self.reconciler.collecting,
        )

    def read_system(self) -> SystemSummary:
        health = self.telemetry.health
        return SystemSummary(cpu_percent=health.cpu, mem_percent=health.mem, temp_c=health.temp)

    def read_can(self) -> CanStatus:
        return read_can_status(self.settings.can.status_file, self.clock.now_ms() / 1000)
