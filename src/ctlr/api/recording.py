"""Start and stop."""

from typing import Annotated

from fastapi import APIRouter, Depends

from ctlr.api import shapes
from ctlr.api.errors import refusals
from ctlr.api.session_id import session_id
from ctlr.recording.coordinator import Coordinator

NamedSession = Annotated[str | None, Depends(session_id)]


def recording_router(coordinator: Coordinator) -> APIRouter:
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
        ),
    )
    async def start(uuid: NamedSession) -> shapes.StartAnswer:
        """Begin a session on all cameras at one instant.

        A repeated start with the uuid that is being recorded answers like the first one.
        """
        return shapes.StartAnswer.model_validate(await coordinator.start(uuid))

    @router.post(
        "/stop", responses=refusals("not_recording", "other_session_recording", "invalid_uuid")
    )
    async def stop(uuid: NamedSession) -> shapes.StopAnswer:
        """End the session on all cameras. With the uuid of a stopped session: as the first time."""
        return shapes.StopAnswer.model_validate(await coordinator.stop(uuid))

    return router
