"""What is being recorded now, as everybody is told it. Pure."""

from dataclasses import dataclass

from ctlr.sessions.model import Session, SessionState


@dataclass(frozen=True)
class RecordingNow:
    """Whether something is recorded, which session is under way, and for how many seconds."""

    recording: bool
    uuid: str | None
    duration: float


def is_recording(session: Session | None) -> bool:
    """Not while a session is armed or stopping."""
    return session is not None and session.state is SessionState.RECORDING


def recording_now(session: Session | None, recorded_s: float) -> RecordingNow:
    """The one place that derives this: for the status, the pushed status and ``status/recording``."""
    uuid = session.uuid if session else None
    return RecordingNow(is_recording(session), uuid, round(recorded_s, 3))
