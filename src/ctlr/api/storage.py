"""The drive: how it is, and ejecting, mounting, remounting it.

A person stands in front of it with a phone: where an eject or unmount is not possible the answer
is 200 with ``success: false`` and one sentence that says why, as installed apps expect.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request

from ctlr.api import overview, storage_shapes
from ctlr.api.errors import refusals
from ctlr.api.formats import AnyMount, OneMount
from ctlr.api.newest import not_on_drive
from ctlr.api.overview import Facts
from ctlr.kernel.errors import Refusal
from ctlr.layout.volumes import VOLUMES
from ctlr.storage.drive import Drive
from ctlr.storage.eject_rules import OperationResult
from ctlr.storage.ejector import Ejector

_CHOICES = frozenset({"mount", "when"})


@dataclass(frozen=True)
class StorageParts:
    """What is known of the drive, and who handles it."""

    read_facts: Callable[[], Facts]
    drive: Drive
    ejector: Ejector


def storage_router(parts: StorageParts) -> APIRouter:
    router = APIRouter(
        prefix="/api/storage", tags=["storage"], dependencies=[Depends(_refuse_unknown_choices)]
    )

    @router.get("/status")
    async def status() -> storage_shapes.StorageStatus:
        """Both mounts as last seen; from memory, never waits for a disk."""
        return overview.storage_status(parts.read_facts())

    @router.post(
        "/remount",
        response_model_exclude_none=True,
        responses=refusals(
            "unknown_mount",
            "invalid_request",
            "recording_in_progress",
            "processing_in_progress",
            "upload_in_progress",
            "drive_busy",
        ),
    )
    async def remount(
        mount: Annotated[AnyMount, Query(description="logging, sync or all")] = "all",
    ) -> storage_shapes.RemountAnswer:
        """Unmount, check and mount again what is stale or read-only."""
        names = VOLUMES if mount == "all" else [_known(mount)]
        problems = await parts.drive.remount(names)
        return storage_shapes.RemountAnswer(
            success=not any(problems.values()),
            mounts={
                name: storage_shapes.RemountResult(success=False, error=problem)
                if problem
                else storage_shapes.RemountResult(success=True, status="mounted")
                for name, problem in problems.items()
            },
        )

    @router.post("/unmount", responses=refusals("unknown_mount", "invalid_request"))
    async def unmount(
        mount: Annotated[OneMount, Query(description="logging or sync")] = "sync",
    ) -> storage_shapes.UnmountAnswer:
        """Unmount one of the two; it stays away until it is mounted again."""
        outcome = await parts.drive.unmount(_known(mount))
        return storage_shapes.UnmountAnswer(mount=mount, **_members(outcome))

    @router.post("/eject", responses=refusals("invalid_request"))
    async def eject(
        when: Annotated[
            Literal["now", "safe"], Query(description="safe: by itself once all work has ended")
        ] = "now",
    ) -> storage_shapes.DriveAnswer:
        """Make the drive safe to remove: stop what uses it, write out, unmount, prove, power down."""
        facts = parts.read_facts()
        left = not_on_drive(facts.newest, facts.views)
        ejecting = parts.ejector.eject_when_safe() if when == "safe" else parts.ejector.eject()
        answer = storage_shapes.DriveAnswer(**_members(await ejecting))
        return answer.model_copy(update={"details": {**answer.details, "not_on_drive": left}})

    @router.post("/mount")
    async def mount() -> storage_shapes.DriveAnswer:
        """Bring drive, services and uploads back; ends an eject that waits."""
        return storage_shapes.DriveAnswer(**_members(await parts.drive.mount()))

    @router.post("/adopt", responses=refusals("unknown_mount", "invalid_request"))
    async def adopt(
        mount: Annotated[AnyMount, Query(description="logging, sync or all")] = "all",
    ) -> storage_shapes.DriveAnswer:
        """Take the drive that is plugged in as one of this rig, though it is not marked as such."""
        names = VOLUMES if mount == "all" else [_known(mount)]
        return storage_shapes.DriveAnswer(**_members(await parts.drive.adopt(names)))

    return router


async def _refuse_unknown_choices(request: Request) -> None:
    """A choice that is not seen would be the default, which is another volume or another moment."""
    if request.method != "POST":
        return
    known = {parameter.alias for parameter in request.scope["route"].dependant.query_params}
    fields = await _fields_of(request)
    for name in (*request.query_params, *(field for field in fields if field in _CHOICES)):
        if name not in known or name in fields:
            raise Refusal(
                "invalid_request",
                f"What {name!r} chooses is not known here, so nothing was done. Choose in the "
                f"address: {' or '.join(f'?{each}=' for each in sorted(known)) or 'nothing'}.",
            )


async def _fields_of(request: Request) -> dict[str, Any]:
    try:
        fields = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _known(mount: str) -> str:
    if mount not in VOLUMES:
        raise Refusal("unknown_mount", "There are two mounts, logging and sync.")
    return mount


def _members(outcome: OperationResult) -> dict[str, Any]:
    return {
        "success": outcome.success,
        "message": outcome.message,
        "details": outcome.details,
    }
