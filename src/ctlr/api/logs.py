"""Log entries of the phone, on to MQTT."""

from fastapi import APIRouter

from ctlr.api import shapes
from ctlr.api.errors import refusals
from ctlr.api.parts import Parts


def logs_router(parts: Parts) -> APIRouter:
    router = APIRouter(tags=["logs"])

    @router.post("/api/log", responses=refusals("invalid_log", "log_rate_limited"))
    async def log(entry: shapes.LogEntry) -> shapes.Ok:
        """Publish any JSON object as a log record; missing fields are filled in."""
        parts.publish_log(entry)
        return shapes.Ok(ok=True)

    return router
