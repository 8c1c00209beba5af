"""What the API may touch of a running controller: each group of endpoints its own few parts."""

from fastapi import APIRouter
from starlette.types import ASGIApp

from ctlr.api import overview
from ctlr.api.events import EventsParts, events_router
from ctlr.api.feed import Feed
from ctlr.api.files import FilesParts, files_router
from ctlr.api.logs import LogsParts, logs_router
from ctlr.api.metrics import MetricsParts, metrics_router
from ctlr.api.nodes import NodesParts, nodes_router
from ctlr.api.overview import Facts
from ctlr.api.recording import RecordingParts, recording_router
from ctlr.api.rehearsal import RehearsalParts, rehearsal_router
from ctlr.api.server import create_api
from ctlr.api.sessions import SessionsParts, sessions_router
from ctlr.api.status import StatusParts, status_router
from ctlr.api.storage import StorageParts, storage_router
from ctlr.api.sync import SyncParts, sync_router
from ctlr.app.controller import Controller
from ctlr.app.page import page_of
from ctlr.recording.marks import Marks
from ctlr.telemetry.sink import BrokerState


def api_of(controller: Controller) -> ASGIApp:
    """The REST API of a controller."""
    return create_api(_routers(controller), controller.meters, controller.settings.api.names)


def _routers(it: Controller) -> list[APIRouter]:
    def facts() -> Facts:
        return read_facts(it)

    def broker() -> BrokerState:
        return it.telemetry.broker

    feed = Feed(lambda: overview.status(facts()).model_dump_json(), it.changes, it.clock)
    it.tasks.start_loop("events", feed.run_forever())
    drives, marks = it.drives, Marks(it.coordinator, it.store, it.clock)
    of_sessions = SessionsParts(
        it.store,
        it.session_copies,
        it.search,
        it.set_remarks,
        it.bin,
        marks,
        it.reconciler,
        it.read_manifest,
    )
    return [
        status_router(StatusParts(it.clock, it.clock_log, facts, it.conditions.preflight)),
        events_router(EventsParts(feed)),
        recording_router(RecordingParts(it.coordinator, it.presses, it.set_remarks)),
        rehearsal_router(RehearsalParts(it.rehearsal)),
        sync_router(SyncParts(facts, it.reports, it.uploads, it.reconciler.uploaded)),
        nodes_router(NodesParts(it.roster, it.fleet, it.stills)),
        storage_router(StorageParts(facts, drives.drive, drives.ejector)),
        sessions_router(of_sessions),
        files_router(FilesParts(it.downloads, it.store.resolve)),
        logs_router(LogsParts(it.telemetry.log_entry, it.log_reader.read)),
        metrics_router(MetricsParts(facts, it.session_counts.read, broker, it.meters)),
        page_of(it, facts, of_sessions),
    ]


def read_facts(it: Controller) -> Facts:
    """Everything that is known now, from memory."""
    names = it.fleet.names
    states, ejector = it.drives.monitor.states, it.drives.ejector
    return Facts(
        now_ms=it.clock.now_ms(),
        min_cameras=it.settings.min_cameras,
        current=it.coordinator.current,
        recorded_s=it.coordinator.recorded_s,
        views=it.fleet.views(),
        reports={name: report for name in names if (report := it.reports.last(name))},
        refused=it.refused_cameras.now(),
        failures={name: failure for name in names if (failure := it.reports.failure(name))},
        logging=states["logging"],
        sync=states["sync"],
        system=it.telemetry.health,
        can=it.read_can(),
        jobs=it.reconciler.jobs(),
        collecting=it.reconciler.collecting,
        minutes_left=it.conditions.minutes_left("logging"),
        sync_minutes_left=it.conditions.minutes_left("sync"),
        phase=ejector.phase,
        waits_for=ejector.waiting_result(),
        longest_s=it.settings.max_session_h * 3600,
        record_problem=it.store.problem,
        newest=it.copies.newest,
        newcomers=it.roster.newcomers(),
        started=it.presses.start,
        stopped=it.presses.stop,
    )
