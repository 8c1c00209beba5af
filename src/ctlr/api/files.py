"""Files of a session: one, a part of one, or all as a zip."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from mimetypes import MimeTypes
from typing import Annotated
from urllib.parse import quote

import structlog
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse

from ctlr.api.errors import refusals
from ctlr.downloads.folder import ChangedError, NoSuchFileError, SessionFile
from ctlr.downloads.ranges import UnsatisfiableError, parse_range
from ctlr.downloads.sending import Downloads
from ctlr.kernel.errors import Refusal

_OWN_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".mp4": "video/mp4",
    ".mhl": "application/xml",
    ".parquet": "application/vnd.apache.parquet",
    ".gpx": "application/gpx+xml",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".jpg": "image/jpeg",
    ".m4a": "audio/mp4",
}
_KNOWN_TYPES = MimeTypes()  # the same on every machine: its own tables are not read
_OTHER = "application/octet-stream"
_NOT_OURS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
"""Whatever a phone has uploaded runs no script with this address."""

_AWAY = ("storage_unavailable", "drive_ejecting")

_log = structlog.get_logger("api")


@dataclass(frozen=True)
class FilesParts:
    """``resolve`` makes a whole id of its beginning, and raises ``Refusal``."""

    downloads: Downloads
    resolve: Callable[[str], Awaitable[str]]


def files_router(parts: FilesParts) -> APIRouter:
    router = APIRouter(prefix="/api/sessions", tags=["sessions"])
    known = refusals("unknown_session", "ambiguous_session", "invalid_uuid", *_AWAY)

    @router.get(
        "/{uuid}/files/{path:path}",
        response_class=StreamingResponse,
        responses={
            200: {"content": {_OTHER: {}}, "description": "The file"},
            206: {"content": {_OTHER: {}}, "description": "The part that `Range` asks for"},
            304: {"description": "The one with this `ETag`"},
            416: {"description": "`Range` lies behind the end of the file"},
            **known,
            **refusals("unknown_session", "unknown_file"),
        },
    )
    async def file(
        uuid: str,
        path: Annotated[str, Path(description="Below the session's folder")],
        request: Request,
    ) -> Response:
        """A file of the session's folder on the sync drive, whole or in part (`Range`)."""
        whole = await parts.resolve(uuid)
        try:
            found = await parts.downloads.find(whole, path)
        except NoSuchFileError as error:
            raise Refusal("unknown_file", "The session's folder has no such file.") from error
        except (OSError, TimeoutError) as error:
            raise _unreadable(error) from error
        return _answer(parts.downloads, found, request)

    @router.get(
        "/{uuid}/zip",
        response_class=StreamingResponse,
        responses={200: {"content": {"application/zip": {}}, "description": "All files"}, **known},
    )
    async def archive(uuid: str) -> Response:
        """The session's folder as one zip, stored and not compressed, made while it is sent."""
        whole = await parts.resolve(uuid)
        try:
            plan = await parts.downloads.plan_zip(whole)
        except (OSError, TimeoutError) as error:
            raise _unreadable(error) from error
        name = quote(plan.folder, safe="")
        headers = {
            "Content-Length": str(plan.length),
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}.zip",
            **_NOT_OURS,
        }
        body = _told(parts.downloads.send_zip(plan), whole)
        return StreamingResponse(body, media_type="application/zip", headers=headers)

    return router


def _answer(downloads: Downloads, file: SessionFile, request: Request) -> Response:
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": file.tag,
        "Last-Modified": formatdate(file.modified_ns // 10**9, usegmt=True),
        "Cache-Control": "no-cache",
        **_NOT_OURS,
    }
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    wanted = request.headers.get("range") if _still_holds(request, file) else None
    try:
        part = parse_range(wanted, file.size)
    except UnsatisfiableError:
        return Response(
            status_code=416, headers={**headers, "Content-Range": f"bytes */{file.size}"}
        )
    first, size = (part.first, part.length) if part else (0, file.size)
    if part:
        headers["Content-Range"] = part.content_range
    return StreamingResponse(
        _told(downloads.send(file, first, size), file.name),
        status_code=206 if part else 200,
        media_type=media_type(file.name),
        headers={**headers, "Content-Length": str(size)},
    )


def media_type(name: str) -> str:
    """By the end of a file's name."""
    ending = "." + name.lower().rpartition(".")[2]
    return _OWN_TYPES.get(ending) or _KNOWN_TYPES.guess_type(f"x{ending}")[0] or _OTHER


def _still_holds(request: Request, file: SessionFile) -> bool:
    """Whether the file is the one that a part is asked for of (RFC 9110, 13.1.5)."""
    condition = request.headers.get("if-range")
    if condition is None or condition == file.tag:
        return True
    try:
        return parsedate_to_datetime(condition).timestamp() == file.modified_ns // 10**9
    except ValueError:
        return False


async def _told(pieces: AsyncIterator[bytes], what: str) -> AsyncIterator[bytes]:
    """Pieces as they come; why they end too early is logged before the connection breaks off."""
    try:
        async for piece in pieces:
            yield piece
    except (ChangedError, NoSuchFileError, OSError, TimeoutError) as error:
        _log.warning("a download was broken off", of=what, reason=repr(error))
        raise


def _unreadable(error: Exception) -> Refusal:
    return Refusal(
        "storage_unavailable",
        f"The drive with the session's files cannot be read ({error or 'no answer in time'}). "
        "Nothing is lost by that; try again when it is well.",
    )
