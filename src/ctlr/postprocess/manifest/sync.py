"""What the manifest says of clocks, step and marks: ``clock``, ``sync``, ``marks``. Pure.

Part of the manifest's committed schema; ``certificate`` fills these in and explains the verdict.
Times named ``*_at`` are Unix milliseconds on the controller's clock.
"""

from typing import Literal

from ctlr.postprocess.manifest.shape import Shape

Judgement = Literal["pass", "fail", "unknown"]


class ClockReading(Shape):
    """A source's clock minus the controller's; ``source`` says how it was measured.

    The truth lies within ``uncertainty_ms``. ``measured_at`` is on the controller's clock.
    """

    offset_ms: float
    uncertainty_ms: float
    source: str
    measured_at: int


class ClockEntry(Shape):
    """A source's clock at the session's start and end. ``drift_ppm`` is how fast it gains, give or
    take ``drift_uncertainty_ppm``; null where the samples do not tell, or it was set."""

    start: ClockReading
    end: ClockReading
    drift_ppm: float | None = None
    drift_uncertainty_ppm: float | None = None
    samples: int
    set_at: int | None = None


class CameraSync(Shape):
    """A camera's part. Its first frame on the controller's clock, counted from the session's
    start and from the start that this camera was told (another one if it joined late).
    ``frames_late`` came more than one and a half periods after the one before: late, or after
    others that were dropped."""

    first_frame_from_start_ms: float | None = None
    first_frame_from_own_start_ms: float | None = None
    uncertainty_ms: float | None = None
    frame_period_ms: float | None = None
    frames_late: int | None = None
    unknown_because: str | None = None


class PairSync(Shape):
    """Two cameras' nearest frames. How far apart they were: at worst and when, half of them at
    most, 99 of 100 at most, and the most that held for a second; each give or take
    ``uncertainty_ms``. How many were compared, and how many were further apart than is allowed."""

    cameras: tuple[str, str]
    verdict: Judgement
    worst_ms: float | None = None
    uncertainty_ms: float
    worst_at: int | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    steady_ms: float | None = None
    steady_at: int | None = None
    frames: int
    frames_beyond: int | None = None
    share_beyond: float | None = None


OF_THE_PAIR = (
    "worst_ms",
    "uncertainty_ms",
    "worst_at",
    "p50_ms",
    "p99_ms",
    "steady_ms",
    "steady_at",
    "frames",
    "frames_beyond",
    "share_beyond",
)
"""What a ``SyncSection`` repeats of the pair that its sentence names."""


class SyncSection(Shape):
    verdict: Judgement = "unknown"
    text: str = "How well the cameras were in step has not been measured."
    tolerance_ms: float | None = None
    worst_ms: float | None = None
    uncertainty_ms: float | None = None
    worst_at: int | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    steady_ms: float | None = None
    steady_at: int | None = None
    frames: int | None = None
    frames_beyond: int | None = None
    share_beyond: float | None = None
    cameras: dict[str, CameraSync] = {}
    pairs: tuple[PairSync, ...] = ()


class MarkEntry(Shape):
    """A marked instant; ``offset_s`` is the time in each camera's video, null
    where that does not reach to it."""

    at_ms: int
    label: str | None = None
    offset_s: dict[str, float | None] = {}
