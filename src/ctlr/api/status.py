"""Health and status."""

from fastapi import APIRouter

from ctlr.api import overview, shapes
from ctlr.api.parts import Parts


def status_router(parts: Parts) -> APIRouter:
    router = APIRouter()

    @router.get("/health", tags=["status"])
    async def health() -> shapes.Health:
        """Whether the controller answers at all."""
        return shapes.Health(status="ok")

    @router.get("/api/status", tags=["status"])
    async def status() -> shapes.Status:
        """The whole rig at a glance; from memory, never waits for a camera or a disk."""
        return overview.status(parts.facts())

    @router.get("/api/time", tags=["status"])
    async def time() -> shapes.Time:
        """For a client to measure its own clock against the controller's."""
        received_ms = parts.clock.now_ms()
        return shapes.Time(t1=received_ms, t2=parts.clock.now_ms())

    @router.get("/api/preflight", tags=["status"])
    async def preflight(client_time_ms: int | None = None) -> shapes.PreflightAnswer:
        """Everything that would spoil a session now. Asks the cameras, so it may take 1.5 s."""
        now_ms = parts.clock.now_ms()
        phone_ahead_ms = None if client_time_ms is None else client_time_ms - now_ms
        findings = parts.find_problems(phone_ahead_ms, await parts.fleet.ask_ready())
        return shapes.PreflightAnswer(
            ready=all(finding.ok for finding in findings),
            checks={f.name: shapes.CheckResult(ok=f.ok, msg=f.message) for f in findings},
        )

    return router
