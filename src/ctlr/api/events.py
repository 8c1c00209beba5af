"""Changes of status, pushed: ``GET /api/events`` as server-sent events (WHATWG HTML, 9.2).

Each event is the whole status, as ``/api/status`` would answer at that moment: a client that
missed some has lost nothing. At most five a second go to each client.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from ctlr.api import overview
from ctlr.api.changes import Changes
from ctlr.api.overview import Facts

SHORTEST_INTERVAL_S = 0.2
KEEP_ALIVE_S = 15.0


@dataclass(frozen=True)
class EventsParts:
    """``changes`` tells whenever the status may have changed."""

    read_facts: Callable[[], Facts]
    changes: Changes


def events_router(parts: EventsParts) -> APIRouter:
    router = APIRouter(tags=["status"])

    @router.get(
        "/api/events",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def events() -> StreamingResponse:
        """Every change of status, at once and then at most five a second."""
        return StreamingResponse(
            _stream(parts),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return router


async def _stream(parts: EventsParts) -> AsyncIterator[str]:
    seen, said = -1, ""
    while True:
        try:
            async with asyncio.timeout(KEEP_ALIVE_S):
                seen = await parts.changes.after(seen)
        except TimeoutError:
            yield ": still here\n\n"
            continue
        status = overview.status(parts.read_facts()).model_dump_json()
        if status != said:
            said = status
            yield f"event: status\ndata: {status}\n\n"
        await asyncio.sleep(SHORTEST_INTERVAL_S)
