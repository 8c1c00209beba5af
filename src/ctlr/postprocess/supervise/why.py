"""Why a session does not get on, in words. Pure."""

from math import isinf

from ctlr.postprocess.supervise.jobs import JobState
from ctlr.postprocess.supervise.record import AtWork, WorkRecord
from ctlr.sessions.model import ACTIVE_STATES, Session, SessionState


def why(session: Session, record: WorkRecord, now: float) -> str | None:
    """What a session does or waits for; None once nothing is left to do. ``now`` is on the
    monotonic clock."""
    if record.at_work is AtWork.MAKING:
        return "It is being made ready."
    if session.state in ACTIVE_STATES:
        return "It is being recorded; it is made ready after the stop."
    if record.at_work is AtWork.READING_BACK:
        return "It is being read back from the sync drive."
    if session.state is SessionState.DONE:
        return _why_done(record, now)
    if session.start_failed and session.state is SessionState.FAILED and not record.has_news:
        return "Its start failed and no file has come for it, so there is nothing to make."
    return _why_not_made(record, now)


def _why_not_made(record: WorkRecord, now: float) -> str:
    if record.due_at > now:
        again = f"is tried again {_when(record.due_at, now)}."
        if record.job.state is JobState.FAILED and record.job.error:
            return f"The last attempt failed: {_sentence(record.job.error)} It {again}"
        return f"It was worked on a moment ago and {again}"
    if record.obstacle:
        return record.obstacle
    if record.awaited:
        nodes = "; ".join(f"{awaited.node} ({awaited.text})" for awaited in record.awaited)
        return f"Files are still on their way from {nodes}."
    if record.waits_for_turn:
        return "It has its turn after the sessions that are being made ready now."
    return "It is made ready next."


def _why_done(record: WorkRecord, now: float) -> str | None:
    if record.has_news:
        text = "It is ready. Whether new files have come for it is still to be compared"
        return f"{text}: {_sentence(record.obstacle)}" if record.obstacle else f"{text}."
    if record.read_back_at is None:
        return None
    if record.read_back_at > now:
        return f"It is ready. It is read back again {_when(record.read_back_at, now)}."
    return "It is ready. It is read back once no session is being made ready."


def _when(at: float, now: float) -> str:
    if isinf(at):
        return "with another drive, or when it is asked for"
    return f"in {max(round(at - now), 1)} s"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
