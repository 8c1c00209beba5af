"""The camera node's HTTP API, as installed controllers know it.

Every answer is HTTP 200 with the same envelope, errors included; only a body that does not
parse gets 422, one that is too large 413, one that does not come 408, and what a web page of
another site has a browser send 403. The content type of a body is not looked at: ``curl -d`` sends
JSON as a form, and so do installed clients. Each answer also says when the request came and when
the answer left, so that any exchange measures this node's clock. A still is no envelope: it is a
JPEG, or 204 with the reason in a header.
"""

from collections.abc import Awaitable, Iterable
from email.utils import formatdate
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from ctlr.camera.node import CameraNode, NodeError
from ctlr.camera.stills.maker import NoStillError
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.own_names import OwnNames
from ctlr.kernel.own_pages import own_pages_only
from ctlr.kernel.small_body import small
from ctlr.kernel.texts import make_harmless
from ctlr.nodes.messages import Envelope, StartCommand

MAX_BODY_BYTES = 64 * 1024

_NOT_STORED = {"Cache-Control": "no-store"}


def build_agent(node_id: str, node: CameraNode, clock: Clock, names: Iterable[str] = ()) -> ASGIApp:
    """The application that serves ``node``. ``names``: what this machine is called besides what it
    knows itself."""
    agent = _routes(node_id, node, clock)
    answers = _Answers(node_id, clock)

    def refuse(refusal: Refusal) -> ASGIApp:
        answer = answers.error(clock.now_us(), refusal.detail).model_dump()
        return JSONResponse(answer, status_code=403, headers={"Connection": "close"})

    return own_pages_only(agent, OwnNames(names), "camera.names", refuse)


def _routes(node_id: str, node: CameraNode, clock: Clock) -> FastAPI:
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
            command = await _read_command(request)
            started = node.start(command.uuid, command.start_at, command.first_segment)
            return await answers.outcome(received, started)
        except _UnusableBodyError as error:
            status, reason = error.status, str(error)
        except Refusal as refusal:
            status, reason = 422, refusal.detail
        # What is left of the body is not read.
        headers = {"Connection": "close"} if status != 422 else None
        return JSONResponse(answers.error(received, reason).model_dump(), status, headers)

    @app.post("/record/stop")
    async def stop(received: received_at_us) -> Envelope:
        return await answers.outcome(received, node.stop())

    return app


class _UnusableBodyError(Exception):
    """The body of a command, with the HTTP status that it is answered with."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


async def _read_command(request: Request) -> StartCommand:
    """Raises ``_UnusableBodyError``."""
    body = Request(request.scope, small(request.receive, MAX_BODY_BYTES))
    try:
        return StartCommand.model_validate_json(await body.body())
    except ValidationError as error:
        raise _UnusableBodyError(422, _first_problem(error)) from error
    except HTTPException as error:
        reason = f"{error.detail}; nothing was changed."
        raise _UnusableBodyError(error.status_code, reason) from error
    except ClientDisconnect as error:  # nobody reads that
        raise _UnusableBodyError(422, "the connection was lost") from error


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
