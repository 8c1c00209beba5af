"""Rehearse, and what came of it."""

from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from ctlr.api.errors import refusals
from ctlr.api.formats import SessionId
from ctlr.rehearsal.rehearsal import Rehearsal, Standing


class RehearsalCheck(BaseModel):
    """``camera`` is null for a check of all together; ``result`` ``unknown``: it could not be made,
    which fails nothing."""

    name: Literal["recorded", "step", "drops", "brightness", "sharpness", "view"]
    camera: str | None
    result: Literal["pass", "fail", "unknown"]
    text: str


class RehearsalAnswer(BaseModel):
    """The last rehearsal since the controller's start. ``result``, ``text`` and ``checks`` once it is
    ``done``; ``compared_with`` is the session whose pictures it was compared with."""

    state: Literal["none", "recording", "joining", "looking", "done"]
    uuid: SessionId | None
    start_at: int | None
    done_at: int | None
    compared_with: SessionId | None
    result: Literal["pass", "fail"] | None
    text: str | None
    checks: list[RehearsalCheck]


@dataclass(frozen=True)
class RehearsalParts:
    rehearsal: Rehearsal


def rehearsal_router(parts: RehearsalParts) -> APIRouter:
    router = APIRouter(prefix="/api/rehearsal", tags=["record"])

    @router.get("")
    async def rehearsal() -> RehearsalAnswer:
        """Where the last rehearsal is, and its verdict; from memory."""
        return _answer(parts.rehearsal.standing)

    @router.post(
        "",
        status_code=202,
        responses=refusals(
            "already_recording",
            "no_camera_ready",
            "drive_ejecting",
            "storage_full",
            "storage_unavailable",
        ),
    )
    async def rehearse() -> RehearsalAnswer:
        """Record five seconds, join them, look at them and throw them away. A recording that is
        begun meanwhile ends it."""
        return _answer(await parts.rehearsal.begin())

    return router


def _answer(standing: Standing) -> RehearsalAnswer:
    verdict = standing.verdict
    return RehearsalAnswer(
        state=standing.state,
        uuid=standing.uuid,
        start_at=standing.start_at_ms,
        done_at=standing.done_at_ms,
        compared_with=standing.compared_with,
        result=verdict.result if verdict else None,
        text=verdict.text if verdict else None,
        checks=[
            RehearsalCheck(name=c.name, camera=c.camera, result=c.result, text=c.text)
            for c in (verdict.checks if verdict else ())
        ],
    )
