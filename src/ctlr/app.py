"""The composition root: makes every object of a running controller once, in one place.

Nothing else knows all the classes. What one part needs of a sibling it gets here as a plain
callable. Shutdown is the reverse of start-up; a background task that dies ends the process
with exit code 1, and the next start carries on from what is stored.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
from starlette.types import ASGIApp

from ctlr.api.changes import Changes
from ctlr.api.overview import duration_s
from ctlr.api.parts import Parts
from ctlr.api.server import create_api
from ctlr.api.shapes import SystemSummary
from ctlr.can.status import read_can_status
from ctlr.config import Settings
from ctlr.ingest.inventory import Inventory
from ctlr.ingest.layout import LoggingLayout
from ctlr.ingest.phone_uploads import PhoneUploads
from ctlr.ingest.reports import Reports
from ctlr.kernel.clock import Clock, SystemClock
from ctlr.kernel.database import Database, load_migrations
from ctlr.kernel.serving import serve_until
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.kernel.threads import in_thread
from ctlr.nodes.adopted import AdoptedNodes
from ctlr.nodes.client import NodeClient
from ctlr.nodes.discovery import Discovery
from ctlr.nodes.fleet import Fleet
from ctlr.nodes.roster import Roster
from ctlr.postprocess.child import run_child
from ctlr.postprocess.folders import find_folder, read_manifest
from ctlr.postprocess.manifest import Manifest
from ctlr.postprocess.reconcile import Reconciler
from ctlr.postprocess.session import needs_processing
from ctlr.postprocess.verify import needs_verification
from ctlr.postprocess.workers import Task, Workers
from ctlr.recording.clocklog import ClockLog
from ctlr.recording.coordinator import Coordinator
from ctlr.recording.outcome import StartWarning
from ctlr.recording.preflight import Finding, Space, check_rig
from ctlr.recording.tender import Tender
from ctlr.sessions.model import SessionState
from ctlr.sessions.store import SessionStore
from ctlr.storage.monitor import StorageMonitor
from ctlr.telemetry.log import configure_logging
from ctlr.telemetry.sink import Telemetry
from ctlr.telemetry.storage_metrics import MountMetrics, storage_fields

DISKS_DEADLINE_S = 30.0
MANIFEST_DEADLINE_S = 1.0

WorkerCommand = Callable[[Task, str], Sequence[str]]
"""The command line of a worker for a task and a session's uuid."""

_log = structlog.get_logger("app")


@asynccontextmanager
async def build(
    settings: Settings, worker_command: WorkerCommand, on_death: Callable[[], None]
) -> AsyncIterator[ASGIApp]:
    """A running controller; yields its API. Raises ``DatabaseError`` when there can be none."""
    clock = SystemClock()
    configure_logging(settings.node, "ctlr")
    async with AsyncExitStack() as stack:
        migrations = load_migrations("ctlr.sessions.schema")
        database = await Database.open(settings.database.path, migrations)
        stack.push_async_callback(database.close)
        client = await stack.enter_async_context(NodeClient(clock))
        telemetry = Telemetry(settings, "serve", clock)
        stack.push_async_callback(telemetry.close)
        configure_logging(settings.node, "ctlr", publish=telemetry.publish)
        discovery = Discovery(settings.api.host, clock) if settings.discovery.enabled else None
        tasks = BackgroundTasks(on_death)
        stack.push_async_callback(tasks.close)
        telemetry.start(tasks)
        parts, tender, clock_log = _assemble(
            settings, clock, database, client, discovery, tasks, telemetry, worker_command
        )
        await parts.monitor.check()
        await parts.uploads.clean_staging()
        await parts.roster.load()
        await parts.coordinator.resume()
        parts.fleet.start_polling(tasks)
        if discovery is not None:
            tasks.start_loop("discovery", discovery.browse_forever())
        tasks.start_loop("storage", parts.monitor.watch_forever())
        tasks.start_loop("recording", tender.tend_forever())
        tasks.start_loop("clocks", clock_log.run_forever())
        tasks.start_loop("postprocess", parts.reconciler.run_forever())
        yield create_api(parts)


async def serve(settings: Settings, worker_command: WorkerCommand) -> int:
    """Run the controller until SIGTERM or SIGINT; returns the exit code.

    Raises ``DatabaseError`` and ``OSError`` (port in use) when it cannot begin.
    """
    stopped, died = asyncio.Event(), False

    def die() -> None:
        nonlocal died
        died = True
        stopped.set()

    async with build(settings, worker_command, die) as app:
        await serve_until(stopped, app, settings.api.host, settings.api.port)
    return 1 if died else 0


def _assemble(
    settings: Settings,
    clock: Clock,
    database: Database,
    client: NodeClient,
    discovery: Discovery | None,
    tasks: BackgroundTasks,
    telemetry: Telemetry,
    worker_command: WorkerCommand,
) -> tuple[Parts, Tender, ClockLog]:
    store = SessionStore(database)
    layout = LoggingLayout(settings.storage.logging)
    monitor = StorageMonitor(
        settings.storage,
        clock,
        on_change=lambda: on_change(),
        on_checked=lambda: telemetry.publish_metrics(
            "storage", "storage", _storage_fields(monitor)
        ),
    )
    fleet = Fleet(settings.nodes, client, clock, lambda: on_change())
    clock_log = ClockLog(store, fleet, clock)
    changes = Changes()

    def on_change() -> None:
        tender.wake()
        reconciler.wake()
        changes.notify()

    def find_problems(
        phone_ahead_ms: int | None = None, said: Mapping[str, str] | None = None
    ) -> list[Finding]:
        spaces = {
            name: Space(state.healthy, state.error, parts.minutes_left(name))
            for name, state in monitor.states.items()
        }
        return check_rig(fleet.views(), spaces, phone_ahead_ms, said)

    coordinator = Coordinator(
        store,
        fleet,
        clock,
        clock_log,
        start_delay_ms=settings.start_delay_ms,
        min_cameras=settings.min_cameras,
        find_warnings=lambda: [
            StartWarning(found.code, found.message)
            for found in find_problems()
            if not found.ok and not found.code.startswith("camera_unreachable")
        ],
        on_change=lambda: on_session_change(),
    )

    def on_session_change() -> None:
        session = coordinator.current
        telemetry.set_recording(
            recording=session is not None and session.state is SessionState.RECORDING,
            uuid=session.uuid if session else None,
            duration=duration_s(session, clock.now_ms()) if session else None,
        )
        reconciler.wake()
        changes.notify()

    tender = Tender(
        coordinator,
        store,
        fleet,
        clock,
        start_delay_ms=settings.start_delay_ms,
        longest_s=settings.max_session_h * 3600,
    )
    inventory = Inventory(store, layout, clock.monotonic)
    workers = Workers(
        tasks,
        lambda task, job, keep, finish: run_child(
            worker_command(task, job.uuid), job, keep, finish
        ),
        on_change=changes.notify,
    )
    reconciler = Reconciler(
        store,
        inventory,
        clock,
        tasks,
        workers,
        quiet_s=settings.ingest.quiet_s,
        give_up_s=settings.ingest.give_up_s,
        check_sync=lambda: monitor.require("sync"),
        needs_processing=lambda uuid: _on_disks(lambda: needs_processing(settings, uuid)),
        needs_verification=lambda uuid: _on_disks(lambda: needs_verification(settings, uuid)),
    )

    def on_report(uuid: str | None, node: str) -> None:
        reconciler.reported(uuid, node)
        changes.notify()

    reports = Reports(
        store,
        inventory,
        clock,
        check_storage=lambda: monitor.require("logging"),
        on_report=on_report,
    )
    roster = Roster(
        settings.nodes,
        AdoptedNodes(database),
        fleet,
        client,
        clock,
        discovery,
        lock=coordinator.lock,
        is_recording=lambda: coordinator.current is not None,
    )
    uploads = PhoneUploads(
        layout,
        settings.api.max_upload_mb << 20,
        require_mount=settings.storage.require_mounts,
    )
    parts = Parts(
        settings=settings,
        clock=clock,
        store=store,
        fleet=fleet,
        roster=roster,
        coordinator=coordinator,
        reports=reports,
        uploads=uploads,
        monitor=monitor,
        reconciler=reconciler,
        publish_log=telemetry.log_entry,
        read_system=lambda: SystemSummary(
            cpu_percent=telemetry.health.cpu,
            mem_percent=telemetry.health.mem,
            temp_c=telemetry.health.temp,
        ),
        read_can=lambda: read_can_status(settings.can.status_file, clock.now_ms() / 1000),
        find_problems=find_problems,
        read_manifest=lambda uuid: _read_manifest(settings, uuid),
        changes=changes,
    )
    return parts, tender, clock_log


def _storage_fields(monitor: StorageMonitor) -> dict[str, Any]:
    """The mounts as last seen, as the fields of the storage record."""
    return storage_fields(
        {
            name: MountMetrics(
                mounted=state.mounted,
                accessible=state.accessible,
                free_bytes=state.free_bytes if state.accessible else None,
                write_ok=state.accessible,
                latency_ms=state.latency_ms,
            )
            for name, state in monitor.states.items()
        }
    )


def _on_disks(call: Callable[[], bool]) -> Awaitable[bool]:
    return in_thread("compare", DISKS_DEADLINE_S, call)


async def _read_manifest(settings: Settings, uuid: str) -> Manifest | None:
    """A session's manifest; None where there is none or its disk does not answer in time."""

    def read() -> Manifest | None:
        folder = find_folder(settings, uuid)
        return read_manifest(folder) if folder else None

    try:
        return await in_thread("manifest", MANIFEST_DEADLINE_S, read)
    except (TimeoutError, OSError):
        return None
