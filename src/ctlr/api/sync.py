"""Delivery: camera reports, phone uploads, and how far both are."""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request

from ctlr.api import overview, shapes
from ctlr.api.errors import refusals, refuse_while_sending
from ctlr.api.overview import Facts
from ctlr.ingest.phone_uploads import PhoneUploads, read_away
from ctlr.ingest.reports import Reports
from ctlr.kernel.errors import Refusal
from ctlr.kernel.places import group_of
from ctlr.nodes.messages import SyncAnswer, SyncReport

UPLOAD_PATH = "/api/sync/phone"
_UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["uuid", "files"],
                    "properties": {
                        "uuid": {"type": "string", "format": "uuid"},
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                    },
                }
            }
        },
    }
}


@dataclass(frozen=True)
class SyncParts:
    """``uploaded``, given a session's uuid, has it processed again; returns whether that begins
    now, and else which nodes it waits for."""

    read_facts: Callable[[], Facts]
    reports: Reports
    uploads: PhoneUploads
    uploaded: Callable[[str], Awaitable[tuple[bool, list[str]]]]


def sync_router(parts: SyncParts) -> APIRouter:
    router = APIRouter(prefix="/api/sync", tags=["sync"])

    @router.get("/status")
    async def status() -> shapes.SyncOverview:
        """How far each camera's files are on their way here."""
        return overview.sync_overview(parts.read_facts())

    @router.post(
        "/report",
        response_model_exclude_none=True,
        responses=refusals("invalid_report", "invalid_uuid", "storage_full", "storage_unavailable"),
    )
    async def report(report: SyncReport) -> SyncAnswer:
        """A camera says what it sent and is told which files are safe here."""
        return await parts.reports.receive(report)

    @router.post(
        "/phone",
        openapi_extra=_UPLOAD_BODY,
        response_model=shapes.UploadAnswer,
        max_body_size=sys.maxsize,  # PhoneUploads counts, and says in an app's words what is wrong
        responses=refusals(
            "invalid_uuid",
            "invalid_filename",
            "invalid_upload",
            "no_files",
            "upload_too_large",
            "upload_timed_out",
            "storage_full",
            "storage_unavailable",
        ),
    )
    async def phone(request: Request) -> Any:
        """Store the phone's and the watch's files. Never refused because a recording still runs."""
        body = request.stream()
        length = request.headers.get("content-length", "")
        try:
            upload = await parts.uploads.receive(
                body,
                request.headers.get("content-type", ""),
                int(length) if length.isdecimal() else None,
                group_of(request.client.host) if request.client else "",
            )
        except Refusal as refusal:
            return refuse_while_sending(refusal, lambda: read_away(body))
        processing, waiting_for = await parts.uploaded(upload.uuid)
        return shapes.UploadAnswer(
            success=True,
            uuid=upload.uuid,
            files_saved=len(upload.stored),
            files=[file.name for file in upload.stored],
            stored=[
                shapes.StoredUpload(name=file.name, size=file.size, sha256=file.sha256)
                for file in upload.stored
            ],
            renamed=[
                shapes.RenamedUpload(sent=file.sent_as, stored=file.name)
                for file in upload.stored
                if file.sent_as != file.name
            ],
            ignored=[
                shapes.IgnoredUpload(name=part.name, reason=part.reason) for part in upload.ignored
            ],
            processing=processing,
            waiting_for=waiting_for,
        )

    return router
