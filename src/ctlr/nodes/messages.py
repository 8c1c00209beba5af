"""What the controller and a camera node say to each other. Pure: shapes only.

The controller reads a node's answers leniently: installed nodes have only the plain fields,
and a field of the wrong type must not hide the others' news. Our own node fills everything.
Times are Unix milliseconds unless the name says otherwise.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ctlr.kernel.texts import make_harmless

_LENIENT = ConfigDict(frozen=True, extra="ignore")

LARGEST_EXACT = 2**53 - 1
"""The largest integer that every JSON reader and the database keep exactly."""

Count = Annotated[int, Field(ge=0, le=LARGEST_EXACT)]
UnixMs = Annotated[int, Field(ge=0, le=LARGEST_EXACT)]
Measure = Annotated[float, Field(allow_inf_nan=False)]
Said = Annotated[str, AfterValidator(make_harmless)]
"""What another program says to a person: it stays on one line, and any JSON can hold it."""

CameraState = Literal["idle", "recording", "cleanup", "error"]
SyncStatus = Literal["idle", "syncing", "ok", "error"]


class Envelope(BaseModel):
    """Every answer of a camera node, with HTTP status 200 also for errors.

    Our own node adds when it received the request and sent this, in Unix microseconds: with
    them, any exchange measures its clock.
    """

    model_config = _LENIENT
    success: bool
    node_id: str
    ts: UnixMs
    data: dict[str, Any] | None = None
    error: Said | None = None
    received_at_us: Count | None = None
    sent_at_us: Count | None = None


class StartCommand(BaseModel):
    """Body of ``POST /record/start``.

    ``first_segment`` is there when the node joins a session that is going on: lower numbers are
    at the controller, though the card may know nothing of them any more.
    """

    model_config = _LENIENT
    uuid: str
    start_at: UnixMs
    first_segment: Count | None = None


class Check(BaseModel):
    model_config = _LENIENT
    ok: bool
    msg: Said


class Preflight(BaseModel):
    """Data of ``GET /preflight``; checks are ``camera``, ``ntp``, ``storage``, ``state``."""

    model_config = _LENIENT
    ready: bool
    checks: dict[str, Check]


class NodeSync(BaseModel):
    """How delivery goes, as the node sees it."""

    model_config = _LENIENT
    status: Said = "idle"
    segments_synced: Count = 0
    segments_queued: Count = 0
    last_sync: UnixMs | None = None
    error: Said | None = None
    delivered: dict[str, Count] | None = None
    """Our own node's addition: the sessions that it has delivered last, each with how many
    segments it made. Who reports that in its name is believed only if this says the same."""


class NodeSystem(BaseModel):
    """CPU and RAM in percent, free space in GiB, temperature in degrees Celsius."""

    model_config = _LENIENT
    cpu: Measure | None = None
    ram: Measure | None = None
    disk_free_gb: Measure | None = None
    temp: Measure | None = None


class NodeStatus(BaseModel):
    """Data of ``GET /status``. The fields after ``system`` are our own node's additions."""

    model_config = _LENIENT
    state: CameraState
    segment: Count | None = None
    error: Said | None = None
    sync: NodeSync = NodeSync()
    system: NodeSystem = NodeSystem()
    uuid: Said | None = None
    start_at: UnixMs | None = None
    first_frame_at_us: Count | None = None
    frames: Count | None = None
    starts_in_ms: Count | None = None
    """Until the recording takes its first frame, on a clock that nobody sets; 0 once it does."""
    dropped: Count | None = None
    clock: dict[str, Any] | None = None
    bitrate_kbps: Count | None = None
    minutes_left: Measure | None = None
    """Of recording on the node's card, at its bitrate."""
    throttled: Said | None = None
    """What is wrong with the node's power or cooling, in words."""
    events: list[dict[str, Any]] | None = None
    """What happened to the session that is recorded: ``at_ms``, ``kind``, ``text``, ``size_us``."""

    @property
    def is_ours(self) -> bool:
        """Whether our own node says this; an installed one does not count frames."""
        return self.frames is not None


MOST_ASKED = 256
"""Files that one report may ask about; few, so that what an answer costs does not grow with the
recording."""


class SyncReport(BaseModel):
    """Body of ``POST /api/sync/report``, camera to controller.

    ``files`` were sent by the last run, ``remaining`` are still queued. Our own node adds
    ``uuid``, ``segments_total`` (videos made; known after the stop), ``complete`` (recording is
    over and nothing is left to send) and ``asks``: the files that it wants to hear of; without,
    it hears of all.
    """

    model_config = _LENIENT
    camera: str
    status: SyncStatus
    files: Count = 0
    remaining: Count = 0
    uuid: str | None = None
    segments_total: Count | None = None
    complete: bool = False
    error: Said | None = None
    clock: dict[str, Any] | None = None
    asks: list[str] | None = Field(default=None, max_length=MOST_ASKED)


class DurableFile(BaseModel):
    """A delivered file that the controller holds, flushed to the drive and read back."""

    model_config = _LENIENT
    name: str
    size: int
    xxh128: str


class SyncAnswer(BaseModel):
    """Answer to a report. ``durable`` is there when the report named a session; it lists every
    delivered file of that node and session, videos and sidecars alike, or those of them that the
    report asks about. ``absent`` are files that it asks about and that are not here at all: what
    was sent of them went with a drive that was pulled."""

    model_config = _LENIENT
    ok: bool
    durable: list[DurableFile] | None = None
    absent: list[str] | None = None
