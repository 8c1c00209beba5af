"""Bodies of the answers about the drive. ``*_gb`` are GiB, ``minutes_left`` is None without a rate."""

from typing import Any

from pydantic import BaseModel

from ctlr.api.formats import DrivePhase, MountStateName, OneMount


class MountStatus(BaseModel):
    """One mount. ``state``: absent, mounting, ok, ro, stale, hung, foreign, stacked or ejected;
    ``error`` in words, None when all is well; ``minutes_left`` at the measured rate."""

    path: str
    mounted: bool
    accessible: bool
    free_gb: float
    total_gb: float
    fs_type: str | None
    device: str | None
    read_only: bool
    error: str | None
    state: MountStateName
    latency_ms: float | None
    minutes_left: float | None


class DriveWork(BaseModel):
    """What an eject waits for or is refused for."""

    code: str
    message: str
    eta_s: float | None


class EjectStatus(BaseModel):
    """``phase``: in_use, waiting (for the work to end), ejecting or ejected. ``not_on_drive``: what
    whoever takes the drive away now leaves behind, in sentences."""

    phase: DrivePhase
    message: str | None
    waiting_for: list[DriveWork]
    eta_s: float | None
    not_on_drive: list[str]


class StorageStatus(BaseModel):
    logging: MountStatus
    sync: MountStatus
    healthy: bool
    minutes_left: float | None
    eject: EjectStatus


class RemountResult(BaseModel):
    success: bool
    status: str | None = None
    error: str | None = None


class RemountAnswer(BaseModel):
    success: bool
    mounts: dict[str, RemountResult]


class DriveAnswer(BaseModel):
    """``message`` is one sentence for a person."""

    success: bool
    message: str
    details: dict[str, Any]


class UnmountAnswer(DriveAnswer):
    mount: OneMount
