"""Every error is ``application/problem+json`` (RFC 9457) with a stable ``code``.

Which HTTP status belongs to which code stands in this one table; a ``Refusal`` with a code that
is missing here is a programming error and shows as 500.
"""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ctlr.api.operations import allowed_methods
from ctlr.kernel.errors import Refusal

STATUS_OF_CODE = {
    "invalid_uuid": 422,
    "invalid_request": 422,
    "invalid_report": 422,
    "invalid_log": 422,
    "invalid_filename": 422,
    "invalid_upload": 422,
    "no_files": 422,
    "upload_too_large": 413,
    "upload_timed_out": 408,
    "already_recording": 409,
    "uuid_already_used": 409,
    "not_recording": 409,
    "other_session_recording": 409,
    "recording_in_progress": 409,
    "unknown_session": 404,
    "unknown_file": 404,
    "ambiguous_session": 409,
    "confirmation_needed": 409,
    "invalid_node": 422,
    "unknown_node": 404,
    "configured_in_file": 409,
    "node_conflict": 409,
    "node_unreachable": 503,
    "no_camera_ready": 503,
    "storage_unavailable": 503,
    "storage_full": 507,
    "unknown_mount": 422,
    "processing_in_progress": 409,
    "upload_in_progress": 409,
    "drive_ejecting": 409,
    "drive_busy": 409,
    "unknown_host": 403,
    "foreign_page": 403,
    "log_rate_limited": 429,
    "no_logs": 404,
}

_CODE_OF_HTTP = {
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timed_out",
    413: "body_too_large",
}
_CODE_OF_PATH = {"/api/log": "invalid_log", "/api/sync/report": "invalid_report"}
_MEDIA_TYPE = "application/problem+json"

_log = structlog.get_logger("api")


class ProblemDetails(BaseModel):
    """Body of every error answer; a code may add members of its own."""

    type: str
    title: str
    status: int
    detail: str
    code: str


def refusals(*codes: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI ``responses`` of an endpoint that may refuse with these codes."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(STATUS_OF_CODE[code], []).append(code)
    return {
        status: {
            "description": f"Code {' or '.join(f'`{code}`' for code in found)}",
            "model": ProblemDetails,
        }
        for status, found in by_status.items()
    }


def describe_errors(document: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI document whose errors are what they are here: FastAPI takes them for plain JSON
    and for lists of its own validation errors."""
    schemas = document["components"]["schemas"]
    schemas["ProblemDetails"] = ProblemDetails.model_json_schema()
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    content = {_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if status.startswith(("4", "5")):
                    answer["content"] = content
    return document


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(sqlite3.OperationalError, _on_database_error)
    app.add_exception_handler(ClientDisconnect, _on_client_gone)
    app.add_exception_handler(Exception, _on_defect)


def body_too_large(limit_bytes: int) -> JSONResponse:
    """The answer to a body that nobody will read."""
    detail = f"The request is larger than {limit_bytes // 1024} KiB. Nothing was changed."
    return _problem(413, "body_too_large", detail)


def refuse_while_sending(refusal: Refusal, read_away: Callable[[], Awaitable[None]]) -> Response:
    """A refusal to a client that is still sending its body: it is answered at once, and what it
    sends is read away before the connection ends. A reset would overtake the answer."""
    answer = _of_refusal(refusal)

    async def answer_then_read_away() -> AsyncIterator[bytes]:
        yield bytes(answer.body)
        await read_away()

    headers = {**answer.headers, "connection": "close"}
    return StreamingResponse(answer_then_read_away(), answer.status_code, headers)


def answer_refusal(refusal: Refusal) -> JSONResponse:
    """The answer to a request that no route has seen."""
    answer = _of_refusal(refusal)
    answer.headers["Connection"] = "close"  # its body is not read
    return answer


def _problem(status: int, code: str, detail: str, **extra: object) -> JSONResponse:
    body = {
        "type": f"urn:ctlr:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **extra,
    }
    return JSONResponse(body, status_code=status, media_type=_MEDIA_TYPE)


async def _on_refusal(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)
    return _of_refusal(error)


def _of_refusal(refusal: Refusal) -> JSONResponse:
    status = STATUS_OF_CODE[refusal.code]
    answer = _problem(status, refusal.code, refusal.detail, **refusal.extra)
    if (pause_s := refusal.extra.get("retry_after_s")) is not None:
        answer.headers["Retry-After"] = str(pause_s)
    return answer


async def _on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    code = _CODE_OF_PATH.get(request.url.path, "invalid_request")
    what = f"{where}: {first['msg']}" if where else str(first["msg"])
    return _problem(422, code, f"The request cannot be used ({what}). Nothing was changed.")


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # JSON that the parser gives up on, such as 20,000 brackets
        code = _CODE_OF_PATH.get(request.url.path, "invalid_request")
        return _problem(422, code, "The request's JSON cannot be read. Nothing was changed.")
    code = _CODE_OF_HTTP.get(error.status_code, "http_error")
    answer = _problem(error.status_code, code, f"{error.detail}.")
    answer.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        answer.headers["Allow"] = allowed_methods(request.scope, request.app.routes)
    return answer


async def _on_database_error(_request: Request, error: Exception) -> JSONResponse:
    """The disk beneath the database is full, read-only or broken; the database has logged it."""
    detail = (
        f"The controller's record of sessions cannot be used ({error}), so this was not done. What "
        "is being recorded goes on. Free space on the controller's own disk and try again."
    )
    return _of_refusal(Refusal("storage_full", detail))


async def _on_client_gone(request: Request, _error: Exception) -> JSONResponse:
    """Nobody reads this answer; that the phone left the Wi-Fi is no defect of ours."""
    _log.warning("the client left in mid-request", path=request.url.path)
    return _problem(400, "client_gone", "The connection was lost; nothing of it was stored.")


async def _on_defect(request: Request, error: Exception) -> JSONResponse:
    _log.error("request failed", path=request.url.path, exc_info=error)
    return _problem(
        500,
        "internal_error",
        "The controller failed on this request; a recording goes on. Try again; its log says more "
        "(journalctl -u ctlr-api).",
    )
