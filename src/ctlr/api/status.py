"""Health and status."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import APIRouter

from ctlr.api import overview, shapes
from ctlr.api.errors import refusals
from ctlr.api.overview import Facts
from ctlr.kernel.clock import Clock
from ctlr.kernel.ids import parse_session_id
from ctlr.recording.clocklog import PHONE, ClockLog
from ctlr.recording.preflight import Finding
from ctlr.sessions.model import ClockSample


@dataclass(frozen=True)
class StatusParts:
    """``read_facts`` answers from memory; ``preflight``, given the phone's time in Unix
    milliseconds if it said so, asks the cameras."""

    clock: Clock
    clock_log: ClockLog
    read_facts: Callable[[], Facts]
    preflight: Callable[[int | None], Awaitable[list[Finding]]]


def status_router(parts: StatusParts) -> APIRouter:
    router = APIRouter()

    @router.get("/health", tags=["status"])
    async def health() -> shapes.Health:
        """Whether the controller answers at all."""
        return shapes.Health(status="ok")

    @router.get("/api/status", tags=["status"])
    async def status() -> shapes.Status:
        """The whole rig at a glance; from memory, never waits for a camera or a disk."""
        return overview.status(parts.read_facts())

    @router.get("/api/time", tags=["status"])
    async def time() -> shapes.Time:
        """For a client to measure its own clock against the controller's."""
        received_ms = parts.clock.now_ms()
        return shapes.Time(t1=received_ms, t2=parts.clock.now_ms())

    @router.post(
        "/api/time",
        tags=["status"],
        responses=refusals("invalid_request", "invalid_uuid", "unknown_session"),
    )
    async def keep_phone_clock(found: shapes.PhoneClock) -> shapes.PhoneClockKept:
        """Keep how far a phone found its own clock to be off, with the session."""
        uuid = parse_session_id(found.uuid) if found.uuid is not None else None
        sample = ClockSample(parts.clock.now_ms(), found.offset_ms, found.uncertainty_ms, PHONE)
        kept = await parts.clock_log.keep_phone(sample, uuid)
        return shapes.PhoneClockKept(ok=True, uuid=kept, at_ms=sample.at_ms)

    @router.get("/api/preflight", tags=["status"])
    async def preflight(client_time_ms: int | None = None) -> shapes.PreflightAnswer:
        """Everything that would spoil a session now. Asks the cameras, so it may take 1.5 s."""
        findings = await parts.preflight(client_time_ms)
        return shapes.PreflightAnswer(
            ready=all(finding.ok for finding in findings),
            checks={f.name: shapes.CheckResult(ok=f.ok, msg=f.message) for f in findings},
        )

    return router
