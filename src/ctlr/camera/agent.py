"""The camera node's HTTP API, as installed controllers know it.

Every answer is HTTP 200 with the same envelope, errors included; only a body that does not
parse gets 422. The content type of a body is not looked at: ``curl -d`` sends JSON as a form,
and so do installed clients.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from ctlr.camera.node import CameraNode, NodeError
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.nodes.messages import Envelope, StartCommand

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def build_agent(
    node_id: str, node: CameraNode, clock: Clock, lifespan: Lifespan | None = None
) -> FastAPI:
    """The application that serves ``node``. ``lifespan`` runs what the node needs around it."""
    app = FastAPI(title="ctlr camera node", docs_url=None, redoc_url=None, lifespan=lifespan)

    def envelope(*, data: dict[str, Any] | None = None, error: str | None = None) -> Envelope:
        return Envelope(
            success=error is None, node_id=node_id, ts=clock.now_ms(), data=data, error=error
        )

    async def answer(command: Awaitable[dict[str, Any]]) -> Envelope:
        try:
            return envelope(data=await command)
        except NodeError as error:
            return envelope(error=str(error))

    @app.get("/preflight")
    async def preflight() -> Envelope:
        return envelope(data=(await node.preflight()).model_dump())

    @app.get("/status")
    async def status() -> Envelope:
        return envelope(data=node.status().model_dump())

    @app.post("/record/start", response_model=Envelope)
    async def start(request: Request) -> Envelope | JSONResponse:
        try:
            command = StartCommand.model_validate_json(await request.body())
            return await answer(node.start(command.uuid, command.start_at))
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(str(part) for part in problem["loc"]) or "body"
            reason = f"{where}: {problem['msg']}"
        except Refusal as refusal:
            reason = refusal.detail
        return JSONResponse(envelope(error=reason).model_dump(), status_code=422)

    @app.post("/record/stop")
    async def stop() -> Envelope:
        return await answer(node.stop())

    return app
