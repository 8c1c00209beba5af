"""Start and stop."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from ctlr.api import shapes
from ctlr.api.errors import refusals
from ctlr.api.session_id import session_id
from ctlr.recording.coordinator import Coordinator
from ctlr.sessions.remarks import parse_label

NamedSession = Annotated[str | None, Depends(session_id)]


@dataclass(frozen=True)
class RecordingParts:
    """``set_remarks`` keeps what is said of a session, by its uuid."""

    coordinator: Coordinator
    set_remarks: Callable[[str, dict[str, str | None]], Awaitable[None]]


def recording_router(parts: RecordingParts) -> APIRouter:
    router = APIRouter(prefix="/api/record", tags=["record"])

    @router.post(
        "/start",
        responses=refusals(
            "already_recording",
            "uuid_already_used",
            "invalid_uuid",
            "no_camera_ready",
            "drive_ejecting",
            "storage_full",
            "invalid_request",
        ),
    )
    async def start(
        uuid: NamedSession,
        label: Annotated[str | None, Query(description="What the session is called")] = None,
    ) -> shapes.StartAnswer:
        """Begin a session on all cameras at one instant.

        A repeated start with the uuid that is being recorded answers like the first one.
        """
        called = parse_label(label)
        answer = shapes.StartAnswer.model_validate(await parts.coordinator.start(uuid))
        if called is not None:
            await parts.set_remarks(answer.uuid, {"label": called})
        return answer

    @router.post(
        "/stop", responses=refusals("not_recording", "other_session_recording", "invalid_uuid")
    )
    async def stop(uuid: NamedSession) -> shapes.StopAnswer:
        """End the session on all cameras. With the uuid of a stopped session: as the first time."""
        return shapes.StopAnswer.model_validate(await parts.coordinator.stop(uuid))

    return router
