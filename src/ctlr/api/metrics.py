"""``GET /metrics``: the rig's numbers for Prometheus, from memory.

They are derived where ``/api/status`` is (``overview``), so both say the same. Labels are few and
bounded: nodes of the rig, the two drives, states, routes; never a session, a path or a text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from ctlr import __version__
from ctlr.api import overview, shapes
from ctlr.api.camera_shapes import CameraStatus
from ctlr.api.meters import Meters
from ctlr.api.overview import GIB, Facts
from ctlr.nodes.fleet import NodeView
from ctlr.telemetry.exposition import (
    CONTENT_TYPE,
    Family,
    Kind,
    Sample,
    by_label,
    counter,
    gauge,
    render,
)
from ctlr.telemetry.sink import BrokerState


class MetricsResponse(PlainTextResponse):
    media_type = CONTENT_TYPE


@dataclass(frozen=True)
class MetricsParts:
    """All from memory; ``count_sessions`` counts by state."""

    read_facts: Callable[[], Facts]
    count_sessions: Callable[[], Mapping[str, int]]
    read_broker: Callable[[], BrokerState]
    meters: Meters


def metrics_router(parts: MetricsParts) -> APIRouter:
    router = APIRouter(tags=["status"])

    @router.get(
        "/metrics",
        response_class=MetricsResponse,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics() -> MetricsResponse:
        """Numbers in Prometheus' text format; from memory."""
        meters = parts.meters
        families = [
            *rig_families(parts.read_facts(), parts.count_sessions()),
            *broker_families(parts.read_broker()),
            *(meter.family() for meter in (meters.answers, meters.statuses, meters.jobs)),
        ]
        return MetricsResponse(render(families))

    return router


def rig_families(facts: Facts, sessions: Mapping[str, int]) -> list[Family]:
    """The rig as ``/api/status`` shows it; ``sessions`` are counts by state."""
    status = overview.status(facts)
    return [
        Family(
            "ctlr_info", "gauge", "1, with the version", [Sample(1, (("version", __version__),))]
        ),
        gauge("ctlr_ready", "Whether a recording can begin", status.ready),
        gauge("ctlr_recording", "Whether a session is being recorded", status.recording),
        gauge("ctlr_recording_seconds", "How long it has been recorded", status.duration),
        by_label("ctlr_sessions", "gauge", "Sessions on record", "state", sessions),
        by_label("ctlr_jobs", "gauge", "Post-processing jobs", "state", _count_jobs(status.jobs)),
        by_label("ctlr_warnings", "gauge", "Warnings shown", "code", _count(status.warnings)),
        *_camera_families(status.cameras, facts.views),
        *_drive_families(facts, status.storage),
        *_machine_families(status),
    ]


def broker_families(broker: BrokerState) -> list[Family]:
    return [
        gauge("ctlr_mqtt_connected", "Whether the MQTT broker is there", broker.connected),
        gauge("ctlr_mqtt_spool_records", "Log records that wait for it", broker.waiting),
        counter("ctlr_mqtt_dropped_records_total", "Log records lost at a bound", broker.dropped),
    ]


def _camera_families(cameras: Sequence[CameraStatus], views: Sequence[NodeView]) -> list[Family]:
    def each(name: str, text: str, values: Mapping[str, float | None]) -> Family:
        kind: Kind = "counter" if name.endswith("_total") else "gauge"
        return by_label(f"ctlr_camera_{name}", kind, text, "node", values)

    statuses = {view.name: view.status for view in views if view.status}
    frames = {name: status.frames for name, status in statuses.items()}
    dropped = {name: status.dropped for name, status in statuses.items()}
    return [
        each("connected", "Whether it answers", {c.name: c.connected for c in cameras}),
        each("recording", "Whether it records", {c.name: c.state == "recording" for c in cameras}),
        each("frames_total", "Frames of its session", frames),
        each("dropped_frames_total", "Frames that its session lacks", dropped),
        each(
            "segments_waiting",
            "Segments that the controller does not hold yet",
            {c.name: c.segments_pending for c in cameras},
        ),
        each(
            "delivery_failing",
            "Whether its last delivery failed",
            {c.name: c.sync_status == "error" for c in cameras},
        ),
        each(
            "clock_offset_seconds",
            "How far its clock is ahead of the controller's",
            {c.name: _scaled(c.clock_offset_ms, 1e-3) for c in cameras},
        ),
        each(
            "clock_uncertainty_seconds",
            "How far that may be wrong",
            {c.name: _scaled(c.clock_uncertainty_ms, 1e-3) for c in cameras},
        ),
        each(
            "card_free_bytes",
            "Free on its card",
            {c.name: _scaled(c.disk_free_gb, GIB) for c in cameras},
        ),
        each("temperature_celsius", "Of its processor", {c.name: c.temp for c in cameras}),
    ]


def _drive_families(facts: Facts, storage: shapes.StorageSummary) -> list[Family]:
    drives = {"logging": facts.logging, "sync": facts.sync}

    def each(name: str, text: str, values: Mapping[str, float | None]) -> Family:
        return by_label(f"ctlr_drive_{name}", "gauge", text, "drive", values)

    well = {name: state for name, state in drives.items() if state.accessible}
    return [
        each("healthy", "Whether it takes data", {n: s.healthy for n, s in drives.items()}),
        each("free_bytes", "Free space", {n: s.free_bytes for n, s in well.items()}),
        each("size_bytes", "Size", {n: s.total_bytes for n, s in well.items()}),
        each(
            "write_seconds",
            "How long a small write to the disk took",
            {n: _scaled(s.latency_ms, 1e-3) for n, s in well.items()},
        ),
        gauge(
            "ctlr_recording_left_seconds",
            "How long the logging drive can still take what the cameras make",
            _scaled(storage.minutes_left, 60),
        ),
    ]


def _machine_families(status: shapes.Status) -> list[Family]:
    system, can = status.system, status.can
    return [
        gauge("ctlr_cpu_ratio", "Load of the processor", _scaled(system.cpu_percent, 0.01)),
        gauge("ctlr_memory_ratio", "Memory in use", _scaled(system.mem_percent, 0.01)),
        gauge("ctlr_temperature_celsius", "Of the controller's processor", system.temp_c),
        gauge("ctlr_can_connected", "Whether frames come from a CAN bus", can.connected),
        counter("ctlr_can_frames_total", "CAN frames recorded", can.frame_count),
    ]


def _count_jobs(jobs: Sequence[shapes.JobStatus]) -> dict[str, float | None]:
    states = ("waiting", "following", "running", "verifying", "done", "failed")
    return {state: sum(job.state == state for job in jobs) for state in states}


def _count(warnings: Sequence[shapes.Warn]) -> dict[str, float | None]:
    codes = [warning.code for warning in warnings]
    return {code: codes.count(code) for code in dict.fromkeys(codes)}


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else round(value * factor, 9)
