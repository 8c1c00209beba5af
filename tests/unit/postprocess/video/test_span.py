"""When a camera should have recorded, by the session's record and its clock."""

from tests.unit.postprocess.rig import START_MS, session

from ctlr.postprocess.video.span import Span, expected_span
from ctlr.sessions.model import ClockSample, SessionNode

STOP_MS = START_MS + 4000


def test_without_a_record_nothing_is_expected() -> None:
    assert expected_span(None, "cam-a") == Span()


def test_a_clock_never_measured_is_taken_at_its_word() -> None:
    span = expected_span(session(SessionNode("cam-a", True, START_MS + 700)), "cam-a")
    assert (span.begin_us, span.end_us) == (START_MS * 1000, STOP_MS * 1000)
    assert (span.told_us, span.doubt_us, span.why_late) == (
        (START_MS + 700) * 1000,
        0,
        "joined late",
    )


def test_a_measured_clock_moves_begin_and_end() -> None:
    samples = (ClockSample(START_MS, -5000.0, 2.0), ClockSample(STOP_MS, -5000.0, 1.0))
    node = SessionNode("cam-a", True, START_MS - 5000)
    span = expected_span(session(node, clocks={"cam-a": samples}), "cam-a")
    assert (span.begin_us, span.end_us) == ((START_MS - 5000) * 1000, (STOP_MS - 5000) * 1000)
    assert 2000 <= span.doubt_us < 2100
    assert span.measured
    assert span.why_late == "began late"


def test_a_clock_that_was_set_tells_no_end() -> None:
    samples = (ClockSample(START_MS, 0.0, 2.0), ClockSample(START_MS + 2000, 9000.0, 2.0))
    span = expected_span(session(clocks={"cam-a": samples}), "cam-a")
    assert span.end_us is None
    assert not span.measured
    assert span.begin_us == START_MS * 1000


def test_the_stop_is_when_it_was_asked_for() -> None:
    span = expected_span(session(stop_requested_at_ms=STOP_MS - 1500), "cam-a")
    assert span.end_us == (STOP_MS - 1500) * 1000
