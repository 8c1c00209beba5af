import pytest

from ctlr.camera.record import MAX_EVENTS, NodeEvent, SessionRecord
from ctlr.camera.resume import (
    RETRY,
    choose_session,
    is_resumable,
    resumed_event,
)

START = 1_776_313_714_000
HOUR = 3_600_000


def _record(**values: object) -> SessionRecord:
    return SessionRecord.model_validate({"uuid": "a", "start_at": START} | values)


def test_what_is_owed() -> None:
    assert is_resumable(_record(), START + HOUR, 12)
    assert not is_resumable(_record(stopped_at=START + 5), START + HOUR, 12)
    assert not is_resumable(_record(ended="failed"), START + HOUR, 12)
    assert is_resumable(_record(), START - 9 * HOUR, 12)  # the clock of a node that lost power


@pytest.mark.parametrize("longest_h", [0.5, 12, 36])
def test_it_is_owed_for_as_long_as_a_session_may_last(longest_h: float) -> None:
    end = START + round(longest_h * HOUR)
    assert is_resumable(_record(), end - 1, longest_h)
    assert not is_resumable(_record(), end, longest_h)


def test_the_newest_goes_on() -> None:
    records = [_record(uuid="a"), _record(uuid="b", start_at=START + 1), _record(uuid="c")]
    chosen = choose_session(records, START + HOUR, 12)
    assert chosen is not None
    assert chosen.uuid == "b"
    assert choose_session(records, START + HOUR, 0.5) is None
    assert choose_session([_record(ended="stopped")], START + HOUR, 12) is None


def test_waits_grow_to_a_limit() -> None:
    assert [RETRY.delay_s(n) for n in (1, 2, 3, 4, 1000)] == [1, 2, 4, 5, 5]


def test_the_event_tells_the_hole() -> None:
    event = resumed_event(START, 7, 4_230_000)
    assert event.text == (
        "The recording was interrupted and goes on with segment 7 after a hole of 4.2 s."
    )
    assert event.size_us == 4_230_000
    assert "hole" not in resumed_event(START, 7, None).text


def test_of_very_many_events_the_first_and_the_newest_are_kept() -> None:
    record = _record()
    for number in range(MAX_EVENTS + 50):
        record = record.with_event(NodeEvent(at_ms=number, kind="clock_step", text=""))
    times = [event.at_ms for event in record.events]
    assert len(times) == MAX_EVENTS
    assert times == sorted(times)
    assert (times[0], times[-1]) == (0, MAX_EVENTS + 49)
