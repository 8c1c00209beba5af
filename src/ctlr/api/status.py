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

    return router
