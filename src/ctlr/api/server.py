"""The API as one ASGI application, made of routers that are given what they may touch.

Bodies count as JSON whatever their content type says: installed clients send it by plain
``curl -d``, which calls it a form. Only uploads may be large and slow; every other body is bounded,
and due. What a web page of another site has a browser send is refused before anything of it is read.
"""

from collections.abc import Callable, Iterable
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from ctlr import __version__
from ctlr.api.errors import (
    answer_refusal,
    body_too_large,
    describe_errors,
    install_error_handlers,
)
from ctlr.api.events import events_router
from ctlr.api.files import files_router
from ctlr.api.lenient import lenient
from ctlr.api.logs import logs_router
from ctlr.api.meters import Meters, measured
from ctlr.api.metrics import metrics_router
from ctlr.api.nodes import nodes_router
from ctlr.api.operations import name_operations
from ctlr.api.recording import recording_router
from ctlr.api.rehearsal import rehearsal_router
from ctlr.api.sessions import sessions_router
from ctlr.api.status import status_router
from ctlr.api.storage import storage_router
from ctlr.api.sync import UPLOAD_PATH, sync_router
from ctlr.kernel.own_names import OwnNames
from ctlr.kernel.own_pages import own_pages_only
from ctlr.kernel.small_body import small

MAX_JSON_BYTES = 64 * 1024


ROUTERS: tuple[Callable[[Any], APIRouter], ...] = (
    status_router,
    events_router,
    recording_router,
    rehearsal_router,
    sync_router,
    nodes_router,
    storage_router,
    sessions_router,
    files_router,
    logs_router,
    metrics_router,
)
"""Every group of endpoints, in the order of the document. Each takes what it may touch."""


def create_api(routers: Iterable[APIRouter], meters: Meters, names: Iterable[str] = ()) -> ASGIApp:
    """The application; the caller runs it and closes after it what the routers touch. ``names``:
    what this machine is called besides what it knows itself."""
    api = lenient(_everything_is_json(measured(create_routes(routers), meters)))
    return own_pages_only(api, OwnNames(names), "api.names", answer_refusal)


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        return name_operations(describe_errors(super().openapi()), self.routes)


def create_routes(routers: Iterable[APIRouter]) -> FastAPI:
    """The routes with their OpenAPI document."""
    app = _Api(
        title="ctlr",
        summary="Controller of a field recording rig",
        version=__version__,
        max_body_size=MAX_JSON_BYTES,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    install_error_handlers(app)
    for router in routers:
        # Not include_router: it makes each route a second time, on the first request that passes
        # by, and for so long (0.1 s, more on a Pi) nobody else is answered.
        app.router.routes.extend(router.routes)
    return app


def _everything_is_json(app: ASGIApp) -> ASGIApp:
    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == UPLOAD_PATH:
            await app(scope, receive, send)
        elif _declared_bytes(scope) > MAX_JSON_BYTES:
            await body_too_large(MAX_JSON_BYTES)(scope, receive, send)
        else:
            others = [pair for pair in scope["headers"] if pair[0] != b"content-type"]
            headers = [*others, (b"content-type", b"application/json")]
            await app({**scope, "headers": headers}, small(receive), send)

    return call


def _declared_bytes(scope: Scope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"")
    return int(length) if length.isdigit() else 0
