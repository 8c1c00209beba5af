"""Which instants may be marked."""

import pytest

from ctlr.kernel.errors import Refusal
from ctlr.recording.marks import FUTURE_MS, mark_of
from ctlr.sessions.model import Mark, Session, SessionState

START_MS = 1_776_313_714_000
NOW_MS = START_MS + 60_000
SESSION = Session(
    "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f", SessionState.RECORDING, start_at_ms=START_MS
)


def test_without_an_instant_it_is_now() -> None:
    assert mark_of(SESSION, None, "curve", NOW_MS) == Mark(NOW_MS, "curve")


@pytest.mark.parametrize("at_ms", [START_MS, NOW_MS, NOW_MS + FUTURE_MS])
def test_an_instant_of_the_recording_is_marked(at_ms: int) -> None:
    assert mark_of(SESSION, at_ms, None, NOW_MS) == Mark(at_ms)


@pytest.mark.parametrize("at_ms", [0, START_MS - 1, NOW_MS + FUTURE_MS + 1])
def test_an_instant_outside_of_it_is_refused(at_ms: int) -> None:
    with pytest.raises(Refusal, match="invalid_request"):
        mark_of(SESSION, at_ms, None, NOW_MS)


def test_nothing_is_marked_while_nothing_is_recorded() -> None:
    with pytest.raises(Refusal, match="not_recording"):
        mark_of(None, None, None, NOW_MS)
