"""Start and stop."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from ctlr.api import shapes
from ctlr.api.errors import refusals
from ctlr.api.session_id import session_id
from ctlr.kernel.texts import make_harmless
from ctlr.recording.coordinator import Coordinator
from ctlr.recording.presses import Press, Presses
from ctlr.sessions.remarks import parse_label

NamedSession = Annotated[str | None, Depends(session_id)]
LONGEST_NAME = 60


def client_name(
    request: Request,
    by: Annotated[
        str | None,
        Query(max_length=LONGEST_NAME, description="Who presses; else the client's address"),
    ] = None,
) -> str:
    """Who asks, for a person to read."""
    address = request.client.host if request.client else "somebody"
    return make_harmless(by or "").strip() or address


Client = Annotated[str, Depends(client_name)]


@dataclass(frozen=True)
class RecordingParts:
    """``set_remarks`` keeps what is said of a session, by its uuid."""

    coordinator: Coordinator
    presses: Presses
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
        client: Client,
        label: Annotated[str | None, Query(description="What the session is called")] = None,
    ) -> shapes.StartAnswer:
        """Begin a session on all cameras at one instant.

        A repeated start with the uuid that is being recorded answers like the first one.
        """
        called = parse_label(label)
        answer = shapes.StartAnswer.model_validate(await parts.coordinator.start(uuid))
        parts.presses.note_start(Press(answer.uuid, client, answer.start_at))
        if called is not None:
            await parts.set_remarks(answer.uuid, {"label": called})
        return answer

    @router.post(
        "/stop", responses=refusals("not_recording", "other_session_recording", "invalid_uuid")
    )
    async def stop(uuid: NamedSession, client: Client) -> shapes.StopAnswer:
        """End the session on all cameras. With the uuid of a stopped session: as the first time."""
        answer = shapes.StopAnswer.model_validate(await parts.coordinator.stop(uuid))
        parts.presses.note_stop(Press(answer.uuid, client, answer.stopped_at))
        return answer

    return router
