"""Bodies of requests and answers, as the OpenAPI document shows them. Times: Unix ms; sizes of
``*_gb``: GiB; durations: seconds."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictBool

from ctlr.api.camera_shapes import CameraStatus
from ctlr.api.formats import (
    DrivePhase,
    IsoTime,
    RigPhase,
    SessionId,
    SessionStateName,
)
from ctlr.postprocess.manifest.alignment import TruthEntry
from ctlr.postprocess.manifest.sync import ClockEntry, SyncSection
from ctlr.postprocess.manifest.tables import TableEntry
from ctlr.sessions.remarks import LONGEST_LABEL, LONGEST_NOTES

Verdict = Literal["good", "bad"]


class Health(BaseModel):
    status: Literal["ok"]


class Ok(BaseModel):
    ok: bool


class Time(BaseModel):
    """When the controller received the question (t1) and sent this (t2)."""

    t1: int
    t2: int


class PhoneClock(BaseModel):
    """What a phone found over ``GET /api/time``: its clock minus the controller's; the truth lies
    within ``uncertainty_ms``. ``uuid``: of a session other than the present or the next one."""

    offset_ms: Annotated[float, Field(ge=-1e13, le=1e13, allow_inf_nan=False, strict=True)]
    uncertainty_ms: Annotated[float, Field(ge=0, le=60_000, allow_inf_nan=False, strict=True)]
    uuid: SessionId | None = None


class PhoneClockKept(BaseModel):
    """``uuid`` is the session that has it by now; null: the next one will."""

    ok: bool
    uuid: SessionId | None
    at_ms: int


class CheckResult(BaseModel):
    ok: bool
    msg: str


class PreflightAnswer(BaseModel):
    ready: bool
    checks: dict[str, CheckResult]


class MarkRequest(BaseModel):
    label: Annotated[str | None, Field(max_length=200)] = None
    at_ms: int | None = None


class MarkAnswer(BaseModel):
    ok: bool
    uuid: SessionId
    at_ms: int
    label: str | None


class StartedCamera(BaseModel):
    name: str
    started: bool
    error: str | None


class Warn(BaseModel):
    code: str
    message: str


class StartAnswer(BaseModel):
    success: bool
    uuid: SessionId
    start_at: int
    cameras: list[StartedCamera]
    warnings: list[Warn]


class StoppedCamera(BaseModel):
    name: str
    stopped: bool
    error: str | None


class StopAnswer(BaseModel):
    success: bool
    uuid: SessionId
    duration: float
    stopped_at: int
    cameras: list[StoppedCamera]
    errors: list[str] | None


class Press(BaseModel):
    """Who pressed a button: a name that the client gave, else its address."""

    uuid: SessionId
    by: str
    at: int


class StorageSummary(BaseModel):
    used_gb: float
    total_gb: float
    percent: float
    healthy: bool
    minutes_left: float | None
    phase: DrivePhase


class SyncSummary(BaseModel):
    all_synced: bool
    any_syncing: bool


class SystemSummary(BaseModel):
    cpu_percent: float | None
    mem_percent: float | None
    temp_c: float | None


class CanSummary(BaseModel):
    """What the CAN listener last said; ``stale`` if that is too long ago, or never was.
    ``refused`` counts what came in and was no frame, by reason."""

    connected: bool
    file_size_bytes: int
    frame_count: int
    fps: int
    errors: int
    refused: dict[str, int]
    lost: int
    last_frame_at: int | None
    problem: str | None
    stale: bool


class JobStatus(BaseModel):
    """Post-processing of one session. ``eta_s`` is None while it is not known."""

    uuid: SessionId
    state: Literal["waiting", "following", "running", "verifying", "done", "failed"]
    attempts: int
    done_bytes: int
    total_bytes: int
    eta_s: float | None
    error: str | None
    waiting_for: list[str]


class Status(BaseModel):
    """``ready``: all is well. ``can_start``: a start would record; ``readiness`` says why not, or
    what is not well. ``sessions``: the newest ones. ``started`` and ``stopped``: who pressed last,
    null since a restart. ``rehearsal``: what is recorded is one, and throws itself away."""

    ready: bool
    can_start: bool
    readiness: str
    recording: bool
    uuid: SessionId | None
    duration: float
    phase: RigPhase
    cameras: list[CameraStatus]
    storage: StorageSummary
    sync: SyncSummary
    system: SystemSummary
    can: CanSummary
    jobs: list[JobStatus]
    sessions: list["SessionSummary"]
    warnings: list[Warn]
    started: Press | None
    stopped: Press | None
    rehearsal: bool


class SyncCamera(BaseModel):
    name: str
    connected: bool
    sync_status: str | None
    segments_pending: int | None
    segments_received: int | None
    last_sync: int | None
    sync_error: str | None
    sync_failing_since: int | None


class SyncOverview(BaseModel):
    recording: bool
    uuid: SessionId | None
    all_synced: bool
    any_syncing: bool
    cameras: list[SyncCamera]


class StoredUpload(BaseModel):
    name: str
    size: int
    sha256: str


class RenamedUpload(BaseModel):
    """A name that could not be kept: the portable drive cannot have it, or it came twice."""

    sent: str
    stored: str


class IgnoredUpload(BaseModel):
    """A part of an upload that holds nobody's data, and why it was left out."""

    name: str
    reason: str


class UploadAnswer(BaseModel):
    success: bool
    uuid: SessionId
    files_saved: int
    files: list[str]
    stored: list[StoredUpload]
    renamed: list[RenamedUpload]
    ignored: list[IgnoredUpload]
    processing: bool
    waiting_for: list[str]


class Remarks(BaseModel):
    """What somebody says of a session; what is left out stays, null takes it away."""

    label: Annotated[str | None, Field(max_length=LONGEST_LABEL)] = None
    notes: Annotated[str | None, Field(max_length=LONGEST_NOTES)] = None
    verdict: Verdict | None = None


class BinRequest(BaseModel):
    """``everything``: the raw data goes with the copy when the bin is emptied, which has to be said
    twice: ``sure``."""

    everything: StrictBool = False
    sure: StrictBool = False


class SessionLack(BaseModel):
    """Something that is not in a session. ``source``: a camera, phone, watch or can; "": the session
    as a whole. ``still_on``: the camera that holds it, with how many ``files``, as far as is known."""

    source: str
    text: str
    still_on: str | None
    files: int | None


class SessionSummary(BaseModel):
    """``complete``: whether everything is in its folder; None while nobody can say. ``missing``:
    cameras of which nothing is in it; ``lacks``: all that is not, in words. ``verified_at``: when it
    was last read back from the disk and found as it was written. ``label``, ``notes`` and
    ``verdict``: what people say of it; ``binned_at``: when it was thrown into the bin,
    ``bin_scope``: what goes when that is emptied."""

    uuid: SessionId
    folder: str | None
    created_at: int
    started_at: int | None
    stopped_at: int | None
    state: SessionStateName
    cameras: list[str]
    processed_at: IsoTime | None
    complete: bool | None
    missing: list[str]
    verified_at: int | None
    lacks: list[SessionLack]
    label: str | None
    notes: str | None
    verdict: Verdict | None
    binned_at: int | None
    bin_scope: Literal["copy", "everything"] | None


class SessionList(BaseModel):
    sessions: list[SessionSummary]


class SessionSource(BaseModel):
    started: bool
    start_at: int | None
    error: str | None
    stopped: bool
    segments_total: int | None
    segments_pending: int | None
    complete: bool


class SessionProblem(BaseModel):
    at: int | None
    code: str
    message: str


class SessionMark(BaseModel):
    at_ms: int
    label: str | None


class SessionDetail(SessionSummary):
    """``why`` says in one or two sentences what post-processing does with it or waits for; None once
    nothing is left to do. The ``sync`` certificate, ``clock``, the ``tables``
    of phone and watch and ``truth`` are the manifest's; None (or empty) while there is none or its
    disk is away."""

    sources: dict[str, SessionSource]
    jobs: list[JobStatus]
    why: str | None
    problems: list[SessionProblem]
    marks: list[SessionMark]
    sync: SyncSection | None
    clock: dict[str, ClockEntry] | None
    tables: dict[str, list[TableEntry]]
    truth: list[TruthEntry]


class JobAccepted(BaseModel):
    job: JobStatus


LogEntry = dict[str, Any]


LogLevel = Literal["METRICS", "DEBUG", "INFO", "WARN", "ERROR"]


class LogLine(BaseModel):
    """A record of a node. ``ts`` is the record's own time, ``received_at`` when the controller
    stored it; ``fields`` is what else is in it."""

    number: int
    received_at: int
    ts: str
    node: str
    level: str
    component: str
    message: str
    fields: dict[str, Any]


class LogPage(BaseModel):
    """In the order of arrival. ``newest`` is the number of the newest record of all."""

    logs: list[LogLine]
    newest: int
