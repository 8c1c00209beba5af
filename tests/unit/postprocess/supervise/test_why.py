"""Why a session does not get on: one reason for each state of its record, the first that holds."""

from dataclasses import replace
from math import inf

import pytest

from ctlr.ingest.arrivals import Awaited
from ctlr.postprocess.supervise.jobs import Job, JobState
from ctlr.postprocess.supervise.record import AtWork, WorkRecord
from ctlr.postprocess.supervise.why import why
from ctlr.sessions.model import Session, SessionState

NOW = 1000.0
RECORDED = Session("u", SessionState.COLLECTING, start_at_ms=1, stopped_at_ms=2)
FAILED = Job("u", JobState.FAILED, error="No space left on device")
AWAITED = (Awaited("cam-01", "2 of 3 segments here"), Awaited("cam-02", "1 segment here"))


def at(state: SessionState) -> Session:
    return replace(RECORDED, state=state)


CASES: dict[str, tuple[Session, WorkRecord, str | None]] = {
    "armed": (
        at(SessionState.ARMING), WorkRecord("u"), "It is being recorded; it is made ready after the stop.",
    ),
    "recording": (
        at(SessionState.RECORDING), WorkRecord("u"), "It is being recorded; it is made ready after the stop.",
    ),
    "found recording while it is made": (
        at(SessionState.RECORDING), WorkRecord("u", at_work=AtWork.MAKING), "It is being made ready.",
    ),
    "being made": (
        at(SessionState.PROCESSING), WorkRecord("u", at_work=AtWork.MAKING, has_news=True),
        "It is being made ready.",
    ),
    "being read back": (
        at(SessionState.DONE), WorkRecord("u", at_work=AtWork.READING_BACK),
        "It is being read back from the sync drive.",
    ),
    "files on their way": (
        RECORDED, WorkRecord("u", awaited=AWAITED),
        "Files are still on their way from cam-01 (2 of 3 segments here); cam-02 (1 segment here).",
    ),
    "drive away": (
        RECORDED, WorkRecord("u", awaited=AWAITED, obstacle="The logging drive is away."),
        "The logging drive is away.",
    ),
    "two others at work": (
        RECORDED, WorkRecord("u", waits_for_turn=True),
        "It has its turn after the sessions that are being made ready now.",
    ),
    "nothing in its way": (RECORDED, WorkRecord("u"), "It is made ready next."),
    "failed": (
        at(SessionState.FAILED), WorkRecord("u", shown=FAILED, due_at=NOW + 39.6, awaited=AWAITED),
        "The last attempt failed: No space left on device. It is tried again in 40 s.",
    ),
    "failed for good with this drive": (
        at(SessionState.FAILED), WorkRecord("u", shown=FAILED, due_at=inf),
        "The last attempt failed: No space left on device. It is tried again with another drive, or when it is asked for.",
    ),
    "failed, and due": (
        at(SessionState.FAILED), WorkRecord("u", shown=FAILED, due_at=NOW - 1), "It is made ready next.",
    ),
    "put off after it was made": (
        RECORDED, WorkRecord("u", due_at=NOW + 0.1),
        "It was worked on a moment ago and is tried again in 1 s.",
    ),
    "start failed": (
        replace(RECORDED, state=SessionState.FAILED, stopped_at_ms=None), WorkRecord("u"),
        "Its start failed and no file has come for it, so there is nothing to make.",
    ),
    "start failed, something came": (
        replace(RECORDED, state=SessionState.FAILED, stopped_at_ms=None), WorkRecord("u", has_news=True),
        "It is made ready next.",
    ),
    "done": (at(SessionState.DONE), WorkRecord("u", due_at=NOW + 5), None),
    "done, with news": (
        at(SessionState.DONE), WorkRecord("u", has_news=True),
        "It is ready. Whether new files have come for it is still to be compared.",
    ),
    "done, with news, drive away": (
        at(SessionState.DONE), WorkRecord("u", has_news=True, obstacle="The sync drive is away."),
        "It is ready. Whether new files have come for it is still to be compared: The sync drive is away.",
    ),
    "done, to be read back": (
        at(SessionState.DONE), WorkRecord("u", read_back_at=NOW),
        "It is ready. It is read back once no session is being made ready.",
    ),
    "done, reading back failed": (
        at(SessionState.DONE), WorkRecord("u", read_back_at=NOW + 300),
        "It is ready. It is read back again in 300 s.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_why(case: tuple[Session, WorkRecord, str | None]) -> None:
    session, record, text = case
    assert why(session, record, NOW) == text
