"""What a node does about a recording that ended untold. Pure.

A recording is over when the controller says so. Until then whatever ends it — a crash, a reboot, a
restarted service, a camera that fails, a full card — is an interruption: the node itself goes on as
soon as it can, in the next free segment and on the same origin, whether or not the controller can
be reached. It tries again and again, a little later each time, until it records, is told to stop,
is told to record another session, or the session is as old as any may become (``max_session_h`` of
the configuration): nobody waits for that one any more. Should the session have ended meanwhile, the
controller sees it being recorded and stops it.
"""

from collections.abc import Iterable

from ctlr.camera.record import NodeEvent, SessionRecord
from ctlr.kernel.backoff import Backoff

RETRY = Backoff(first_s=1.0, longest_s=5.0)
"""A camera that is plugged in again should not have to wait."""

_HOUR_MS = 3_600_000


def is_resumable(record: SessionRecord, now_ms: int, longest_h: float) -> bool:
    """Whether the node is to go on with this session, which lasts ``longest_h`` hours at most. A
    clock that is behind decides for it."""
    untold = record.stopped_at is None and record.ended is None
    return untold and now_ms - record.start_at < longest_h * _HOUR_MS


def choose_session(
    records: Iterable[SessionRecord], now_ms: int, longest_h: float
) -> SessionRecord | None:
    """The session to go on with after a restart: the newest that is resumable."""
    resumable = [record for record in records if is_resumable(record, now_ms, longest_h)]
    return max(resumable, key=lambda record: record.start_at, default=None)


def resumed_event(at_ms: int, segment: int, hole_us: int | None) -> NodeEvent:
    """What the sidecar says of a recording that goes on with ``segment`` after a hole."""
    hole = "" if hole_us is None else f" after a hole of {hole_us / 1_000_000:.1f} s"
    text = f"The recording was interrupted and goes on with segment {segment}{hole}."
    return NodeEvent(at_ms=at_ms, kind="resumed", text=text, size_us=hole_us)
