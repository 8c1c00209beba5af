"""One running controller: its parts, and the few words that they say to each other."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from ctlr.api.changes import Changes
from ctlr.api.meters import Meters
from ctlr.app.conditions import Conditions
from ctlr.app.copies import Copies
from ctlr.app.drive_users import find_background_work
from ctlr.app.drives import Drives
from ctlr.app.refused_cameras import RefusedCameras
from ctlr.can.status import CanStatus, read_can_status
from ctlr.config import Settings
from ctlr.downloads.sending import Downloads
from ctlr.gate import Gate, Work
from ctlr.ingest.arrivals import Arrivals
from ctlr.ingest.inventory import Inventory
from ctlr.ingest.phone_uploads import PhoneUploads
from ctlr.ingest.reports import Reports
from ctlr.ingest.takes import Takes
from ctlr.ingest.takes_watch import TakesWatch
from ctlr.kernel.clock import Clock
from ctlr.kernel.database import Database
from ctlr.kernel.errors import Refusal
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.kernel.threads import in_thread
from ctlr.layout.raw import LoggingLayout
from ctlr.logbook.reader import LogReader
from ctlr.logbook.store import log_path
from ctlr.nodes.adopted import AdoptedNodes
from ctlr.nodes.client import NodeClient
from ctlr.nodes.discovery import Discovery
from ctlr.nodes.fleet import Fleet
from ctlr.nodes.roster import Roster
from ctlr.nodes.stills import Stills
from ctlr.postprocess.manifest.shapes import Manifest
from ctlr.postprocess.supervise.child import run_child
from ctlr.postprocess.supervise.disk_queries import (
    CAN_LOOKS_S,
    find_session_folder,
    needs_processing,
    needs_verification,
    read_session_manifest,
)
from ctlr.postprocess.supervise.jobs import Job, JobResult
from ctlr.postprocess.supervise.reconcile import Reconciler
from ctlr.postprocess.supervise.workers import Task
from ctlr.recording.camera_reconciler import CameraReconciler
from ctlr.recording.clocklog import ClockLog
from ctlr.recording.coordinator import Coordinator
from ctlr.recording.now import recording_now
from ctlr.recording.presses import Presses
from ctlr.recording.session_clock import SessionClock
from ctlr.recording.stopwatch import Stopwatch
from ctlr.rehearsal.rehearsal import Rehearsal
from ctlr.retention.bin import Bin
from ctlr.sessions.clock_steps import ClockSteps
from ctlr.sessions.copies import SessionCopies
from ctlr.sessions.counts import SessionCounts
from ctlr.sessions.search import SessionSearch
from ctlr.sessions.store import SessionStore
from ctlr.storage.drive_file import boot_id
from ctlr.storage.drive_limits import USUAL, DriveLimits
from ctlr.storage.drive_state import DriveState
from ctlr.telemetry.sink import Telemetry

FIND_DEADLINE_S = 5.0

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
        drive_limits: DriveLimits = USUAL,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.tasks = tasks
        self.telemetry = telemetry
        self.worker_command = worker_command
        self.changes = Changes()
        self.meters = Meters()
        self.presses = Presses(self.changes.notify)
        self.store = SessionStore(database)
        self.session_copies = SessionCopies(database)
        self.search = SessionSearch(database)
        self.copies = Copies(
            self.search, self.session_copies, self.read_manifest, self.changes.notify
        )
        self.session_counts = SessionCounts(self.store)
        layout = LoggingLayout(settings.storage.logging)
        drive_state = DriveState(settings.database.path.parent)
        self.gate = Gate(drive_state.is_ejecting)
        self.drives = Drives(
            settings,
            clock,
            tasks,
            drive_state,
            self.gate,
            on_change=self.disks_changed,
            limits=drive_limits,
        )
        monitor = self.drives.monitor
        self.fleet = Fleet(settings.nodes, client, clock, self.wake)
        self.stills = Stills(self.fleet, client, clock, self.gate.is_recording)
        self.refused_cameras = RefusedCameras(
            telemetry.refused_clients, lambda: self.fleet.addresses, self.changes.notify
        )
        session_clock = SessionClock(ClockSteps(database), clock, boot_id())
        self.clock_log = ClockLog(self.store, self.fleet, clock, session_clock)
        self.conditions = Conditions(
            self.fleet, monitor, self.clock_log, clock, settings.camera.bitrate_kbps
        )
        self.coordinator = Coordinator(
            self.store,
            self.fleet,
            clock,
            self.clock_log,
            Stopwatch(clock, settings.max_session_h * 3600),
            session_clock,
            self.gate,
            start_delay_ms=settings.start_delay_ms,
            min_cameras=settings.min_cameras,
            find_warnings=self.conditions.find_start_warnings,
            on_change=self.session_changed,
        )
        self.takes = Takes(
            self.store,
            layout,
            clock,
            check_disk=partial(monitor.require_readable, "logging"),
            on_replaced=self.camera_reported,
        )
        self.takes_watch = TakesWatch(
            self.takes,
            self.store,
            layout,
            clock,
            check_disk=partial(monitor.require_readable, "logging"),
        )
        self.camera_reconciler = CameraReconciler(
            self.coordinator,
            self.store,
            self.fleet,
            self.takes,
            clock,
            self.gate,
            start_delay_ms=settings.start_delay_ms,
            longest_s=settings.max_session_h * 3600,
            is_configured={node.name for node in settings.nodes}.__contains__,
        )
        inventory = Inventory(
            self.store,
            layout,
            clock.monotonic,
            check_disk=partial(monitor.require_readable, "logging"),
            on_other=self.takes.note_lost,
        )
        self.reconciler = Reconciler(
            self.store,
            inventory,
            Arrivals(
                inventory,
                clock,
                quiet_s=settings.ingest.quiet_s,
                give_up_s=settings.ingest.give_up_s,
                view=self.fleet.view,
            ),
            clock,
            tasks,
            self.run_worker,
            on_change=self.job_changed,
            on_copy=self.copies.changed,
            check_sync=self.drives.require_for_joining,
            needs_processing=partial(needs_processing, settings),
            needs_verification=partial(needs_verification, settings),
            looks_s=CAN_LOOKS_S,
        )
        self.bin = Bin(self.store, clock, self.remarked)
        self.gate.add_user(self.find_background_work)
        self.gate.add_reader(self.reconciler.release_readers)
        self.reports = Reports(
            self.store,
            inventory,
            self.takes,
            clock,
            check_storage=partial(monitor.require, "logging"),
            on_report=self.camera_reported,
            members=lambda: self.fleet.names,
            ask=self.fleet.poll,
            view=self.fleet.view,
        )
        self.uploads = PhoneUploads(
            layout,
            settings.api.max_upload_mb << 20,
            self.gate,
            check_storage=partial(monitor.require, "logging"),
            require_mount=settings.storage.require_mounts,
            floor_bytes=settings.storage.floor_mb << 20,
        )
        self.downloads = Downloads(
            partial(find_session_folder, settings),
            self.check_downloads,
            self.gate.is_recording,
            clock,
        )
        self.gate.add_reader(self.downloads.release)
        self.rehearsal = Rehearsal(
            self.coordinator,
            self.store,
            clock,
            tasks,
            check_sync=self.drives.require_for_joining,
            read_manifest=self.read_manifest,
            find_folder=self.find_session_folder,
            find_sessions=self.copies.find_newest,
            on_change=self.changes.notify,
        )
        self.gate.add_reader(self.rehearsal.release)
        self.log_reader = LogReader(
            log_path(settings.storage.logging), partial(monitor.why_unreadable, "logging")
        )
        self.discovery = Discovery(settings.api.host, clock) if settings.discovery.enabled else None
        self.roster = Roster(
            settings.nodes,
            AdoptedNodes(database),
            self.fleet,
            client,
            clock,
            self.discovery,
            self.gate,
        )

    async def start(self) -> None:
        """Carry on with what is stored, then watch everything in the background."""
        self.drives.start(self.telemetry)  # its probes take a while, beside what follows
        await self.roster.load()
        await self.coordinator.resume()
        self.fleet.start_polling(self.tasks)
        if self.discovery is not None:
            self.tasks.start_loop("discovery", self.discovery.browse_forever())
        self.tasks.start_job("rehearsal", self.rehearsal.take_up())
        self.tasks.start_job("clean-uploads", self.uploads.clean_staging())
        self.tasks.start_job("resume eject", self.drives.ejector.resume())
        self.tasks.start_loop("recording", self.camera_reconciler.reconcile_forever())
        self.tasks.start_loop("takes", self.takes_watch.watch_forever())
        self.tasks.start_loop("reports", self.reports.settle_forever())
        self.tasks.start_loop("session-counts", self.session_counts.count_forever())
        self.tasks.start_loop("session-copies", self.copies.keep_forever())
        self.tasks.start_loop("session clock", self.coordinator.follow_clock_forever())
        self.tasks.start_loop("clocks", self.clock_log.run_forever())
        self.tasks.start_loop("refused-cameras", self.refused_cameras.look_forever())
        self.tasks.start_loop("postprocess", self.reconciler.run_forever())

    def wake(self) -> None:
        """A camera has changed."""
        self.camera_reconciler.wake()
        self.reconciler.wake()
        self.changes.notify()

    def disks_changed(self) -> None:
        self.takes_watch.wake()
        self.reconciler.disks_changed()
        self.wake()

    def job_changed(self) -> None:
        self.copies.wake()
        self.changes.notify()

    def session_changed(self) -> None:
        now = recording_now(self.coordinator.current, self.coordinator.recorded_s)
        self.copies.wake()
        self.telemetry.set_recording(recording=now.recording, uuid=now.uuid, duration=now.duration)
        self.takes_watch.wake()
        self.reconciler.wake()
        self.changes.notify()

    def camera_reported(self, uuid: str | None, node: str) -> None:
        self.reconciler.reported(uuid, node)
        self.copies.wake()
        self.changes.notify()

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
            self.drives.monitor.require_readable("sync")
        except Refusal:
            return None
        return await read_session_manifest(self.settings, uuid)

    def check_downloads(self) -> None:
        """Raise the ``Refusal`` for a drive that nothing can be read from now."""
        self.gate.check_read()
        self.drives.monitor.require_readable("sync")

    async def find_session_folder(self, uuid: str) -> Path | None:
        """A session's folder on the sync drive; None where it has none or the drive is away."""
        try:
            self.check_downloads()
            return await in_thread(
                FIND_DEADLINE_S, partial(find_session_folder, self.settings, uuid)
            )
        except (Refusal, TimeoutError):
            return None

    def free_for_recording(self) -> int | None:
        """Free bytes of the logging drive; None while it is not well."""
        state = self.drives.monitor.states["logging"]
        return state.free_bytes if state.healthy else None

    async def set_remarks(self, uuid: str, said: dict[str, str | None]) -> None:
        """Keep what somebody says of a session; its manifest says it too, as soon as it can."""
        await self.store.change(uuid, None, **said)
        self.remarked(uuid)

    def remarked(self, uuid: str) -> None:
        """What people say of a session, or want with it, has changed."""
        self.reconciler.look_at(uuid)
        self.job_changed()

    async def note_emptied(self, uuid: str, text: str) -> None:
        """A session's folder was deleted from the bin."""
        await self.session_copies.forget(uuid)
        await self.store.change(uuid, folder=None, bin_scope="copy")
        await self.store.add_event(uuid, self.clock.now_ms(), "bin_emptied", text)
        self.job_changed()

    def sync_is_full(self) -> bool:
        return self.drives.monitor.states["sync"].full

    async def note_deletion(self, uuid: str, text: str) -> None:
        if await self.store.get(uuid):  # the drive may be older than the record
            await self.store.add_event(uuid, self.clock.now_ms(), "raw_deleted", text)
        self.changes.notify()

    def find_background_work(self) -> list[Work]:
        """What uses the drive without being asked to."""
        return find_background_work(
            self.reconciler.jobs(), self.fleet.views(), collecting=self.reconciler.collecting
        )

    def read_can(self) -> CanStatus:
        return read_can_status(self.settings.can.status_file, self.clock.now_ms() / 1000)
