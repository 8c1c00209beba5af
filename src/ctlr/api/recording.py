"""Start and stop."""

from fastapi import APIRouter

from ctlr.api import shapes
from ctlr.api.errors import refusals
from ctlr.api.formats import SessionId
from ctlr.kernel.ids import parse_session_id
from ctlr.recording.coordinator import Coordinator


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
    async def start(uuid: SessionId | None = None) -> shapes.StartAnswer:
        """Begin a session on all cameras at one instant.

        A repeated start with the uuid that is being recorded answers like the first one.
        """
        session_id = parse_session_id(uuid) if uuid is not None else None
        return shapes.StartAnswer.model_validate(await coordinator.start(session_id))

    @router.post(
        "/stop", responses=refusals("not_recording", "other_session_recording", "invalid_uuid")
    )
    async def stop(uuid: SessionId | None = None) -> shapes.StopAnswer:
        """End the session on all cameras. With the uuid of a stopped session: as the first time."""
        session_id = parse_session_id(uuid) if uuid is not None else None
        return shapes.StopAnswer.model_validate(await coordinator.stop(session_id))

    return router
