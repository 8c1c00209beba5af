"""What the status says of a camera."""

from pydantic import BaseModel

from ctlr.api.formats import CameraStateName


class CameraStatus(BaseModel):
    """``frames`` and ``dropped`` are of what it records now; ``minutes_left`` is of its own card;
    ``throttled`` says what is wrong with its power or cooling; ``starts_in_ms``: until it takes its
    first frame, 0 from then on. ``segments_received`` and ``last_sync``: what has arrived of its
    session, and when it last said so. Null from a camera that does not tell."""

    name: str
    connected: bool
    state: CameraStateName | None
    segment: int | None
    cpu: float | None
    ram: float | None
    disk_free_gb: float | None
    temp: float | None
    clock_offset_ms: float | None
    clock_uncertainty_ms: float | None
    sync_status: str | None
    segments_pending: int | None
    error: str | None
    sync_error: str | None
    sync_failing_since: int | None
    frames: int | None
    dropped: int | None
    starts_in_ms: int | None
    minutes_left: float | None
    throttled: str | None
    bitrate_kbps: int | None
    segments_received: int | None
    last_sync: int | None
