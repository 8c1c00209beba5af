"""The API as one ASGI application, made of the running parts.

Bodies count as JSON whatever their content type says: installed clients send it by plain
``curl -d``. Only uploads may be large; every other body is bounded.
"""

from fastapi import FastAPI

from ctlr import __version__
from ctlr.api.errors import install_error_handlers
from ctlr.api.logs import logs_router
from ctlr.api.parts import Parts
from ctlr.api.recording import recording_router
from ctlr.api.sessions import sessions_router
from ctlr.api.status import status_router
from ctlr.api.sync import sync_router

MAX_JSON_BYTES = 64 * 1024


def create_api(parts: Parts) -> FastAPI:
    """The application; the caller runs it and closes the parts after it."""
    app = FastAPI(
        title="ctlr",
        summary="Controller of a field recording rig",
        version=__version__,
        strict_content_type=False,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    install_error_handlers(app)
    for router in (status_router, recording_router, sessions_router, logs_router):
        app.include_router(router(parts))
    app.include_router(sync_router(parts))
    return app
