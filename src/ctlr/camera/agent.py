"""The camera node's HTTP API, as installed controllers know it.

Every answer is HTTP 200 with the same envelope, errors included; only a body that does not
parse gets 422. The content type of a body is not looked at: ``curl -d`` sends JSON as a form,
and so do installed clients. Each answer also says when the request came and when the answer
left, so that any exchange measures this node's clock. A still is no envelope: it is a JPEG, or 204
with the reason in a header.
"""

from collections.abc import Awaitable
from email.utils import formatdate
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from ctlr.camera.node import CameraNode, NodeError
from ctlr.camera.stills.maker import NoStillError
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.texts import make_harmless
from ctlr.nodes.messages import Envelope, StartCommand

_NOT_STORED = {"Cache-Control": "no-store"}


def build_agent(node_id: str, node: CameraNode, clock: Clock) -> FastAPI:
    """The application that serves ``node``."""
    app = FastAPI(title="ctlr camera node", docs_url=None, redoc_url=None)
    answers = _Answers(node_id, clock)
    received_at_us = Annotated[int, Depends(answers.receive)]

    @app.get("/preflight")
    async def preflight(received: received_at_us) -> Envelope:
        return answers.success(received, (await node.preflight()).model_dump())

    @app.get("/status")
    async def status(received: received_at_us) -> Envelope:
        return answers.success(received, node.status().model_dump())

    @app.get("/preview.jpg", response_class=Response)
    async def preview() -> Response:
        try:
            still = await node.still()
        except NoStillError as error:
            reason = make_harmless(str(error)).encode("ascii", "replace").decode()
            return Response(status_code=204, headers={"X-Reason": reason, **_NOT_STORED})
        headers = {
            "Last-Modified": formatdate(still.captured_at_ms / 1000, usegmt=True),
            "X-Captured-At-Ms": str(still.captured_at_ms),
            **_NOT_STORED,
        }
        return Response(still.jpeg, media_type="image/jpeg", headers=headers)

    @app.post("/record/start", response_model=Envelope)
    async def start(request: Request, received: received_at_us) -> Envelope | JSONResponse:
        try:
            command = StartCommand.model_validate_json(await request.body())
            started = node.start(command.uuid, command.start_at, command.first_segment)
            return await answers.outcome(received, started)
        except ValidationError as error:
            reason = _first_problem(error)
        except Refusal as refusal:
            reason = refusal.detail
        return JSONResponse(answers.error(received, reason).model_dump(), status_code=422)

    @app.post("/record/stop")
    async def stop(received: received_at_us) -> Envelope:
        return await answers.outcome(received, node.stop())

    return app


class _Answers:
    """Fills envelopes. ``received_us``: when the request came."""

    def __init__(self, node_id: str, clock: Clock) -> None:
        self._node_id = node_id
        self._clock = clock

    async def receive(self) -> int:
        return self._clock.now_us()

    async def outcome(self, received_us: int, command: Awaitable[dict[str, Any]]) -> Envelope:
        try:
            return self.success(received_us, await command)
        except NodeError as error:
            return self.error(received_us, str(error))

    def success(self, received_us: int, data: dict[str, Any]) -> Envelope:
        return self._envelope(received_us, data, None)

    def error(self, received_us: int, error: str) -> Envelope:
        return self._envelope(received_us, None, error)

    def _envelope(
        self, received_us: int, data: dict[str, Any] | None, error: str | None
    ) -> Envelope:
        now_us = self._clock.now_us()
        return Envelope(
            success=error is None,
            node_id=self._node_id,
            ts=now_us // 1000,
            data=data,
            error=error,
            received_at_us=received_us,
            sent_at_us=now_us,
        )


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"]) or "body"
    return f"{where}: {problem['msg']}"
