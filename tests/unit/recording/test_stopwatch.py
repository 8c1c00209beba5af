from dataclasses import dataclass, replace

import pytest

from ctlr.recording.stopwatch import Stopwatch
from ctlr.sessions.model import Session, SessionState

EPOCH_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
LONGEST_S = 4 * 3600.0


@dataclass
class SetClock:
    """Holds both times where a test puts them."""

    wall_ms: int = EPOCH_MS
    passed_s: float = 100.0

    def now_ms(self) -> int:
        return self.wall_ms

    def now_us(self) -> int:
        return self.wall_ms * 1000

    def monotonic(self) -> float:
        return self.passed_s

    def wait(self, seconds: float) -> None:
        self.passed_s += seconds
        self.wall_ms += round(seconds * 1000)


def started(in_ms: int = 0) -> Session:
    return Session("a", SessionState.RECORDING, start_at_ms=EPOCH_MS + in_ms)


def test_nothing_is_recorded_without_a_session_or_a_start() -> None:
    stopwatch = Stopwatch(SetClock(), LONGEST_S)
    assert stopwatch.recorded_s(None) == 0
    assert stopwatch.recorded_s(Session("a", SessionState.ARMING)) == 0


def test_it_counts_from_the_start_and_not_from_the_tap() -> None:
    clock = SetClock()
    stopwatch, session = Stopwatch(clock, LONGEST_S), started(in_ms=2000)
    assert stopwatch.recorded_s(session) == 0
    clock.wait(1.5)
    assert stopwatch.recorded_s(session) == 0
    clock.wait(3.0)
    assert stopwatch.recorded_s(session) == pytest.approx(2.5)


@pytest.mark.parametrize("step_ms", [-24 * HOUR_MS, -3400, 3400, 24 * HOUR_MS])
def test_a_clock_that_is_set_meanwhile_changes_nothing(step_ms: int) -> None:
    clock = SetClock()
    stopwatch, session = Stopwatch(clock, LONGEST_S), started(in_ms=2000)
    stopwatch.recorded_s(session)
    clock.wait(5.0)
    clock.wall_ms += step_ms
    clock.wait(4.0)
    assert stopwatch.recorded_s(session) == pytest.approx(7.0)
    stopping = replace(session, state=SessionState.STOPPING, stopped_at_ms=clock.now_ms())
    assert stopwatch.recorded_s(stopping) == pytest.approx(7.0)


@pytest.mark.parametrize(
    ("wall_says_s", "believed_s"),
    [(3600.0, 3600.0), (-3600.0, 0.0), (LONGEST_S, 0.0), (LONGEST_S - 1, LONGEST_S - 1)],
)
def test_after_a_restart_the_wall_clock_is_believed_within_reason(
    wall_says_s: float, believed_s: float
) -> None:
    clock = SetClock(wall_ms=EPOCH_MS + round(wall_says_s * 1000))
    stopwatch = Stopwatch(clock, LONGEST_S)
    assert stopwatch.recorded_s(started()) == pytest.approx(believed_s)
    clock.wait(10.0)
    assert stopwatch.recorded_s(started()) == pytest.approx(believed_s + 10.0)


def test_a_stop_that_a_restart_cut_off_counts_to_its_own_instant() -> None:
    clock = SetClock(wall_ms=EPOCH_MS + HOUR_MS)
    stopped = replace(started(), state=SessionState.STOPPING, stopped_at_ms=EPOCH_MS + 7000)
    assert Stopwatch(clock, LONGEST_S).recorded_s(stopped) == pytest.approx(7.0)


def test_a_second_start_under_the_same_id_counts_again() -> None:
    clock = SetClock()
    stopwatch = Stopwatch(clock, LONGEST_S)
    stopwatch.recorded_s(started())
    clock.wait(60.0)
    assert stopwatch.recorded_s(started(in_ms=60_000)) == 0


def test_what_was_stopped_stays_as_long_as_it_was() -> None:
    """A stop that waits to be stored is no longer a recording."""
    clock = SetClock()
    stopwatch = Stopwatch(clock, LONGEST_S)
    stopwatch.recorded_s(started())
    clock.wait(10)
    stopping = replace(started(), state=SessionState.STOPPING, stopped_at_ms=clock.wall_ms)
    assert stopwatch.recorded_s(stopping) == 10
    clock.wait(60)
    assert stopwatch.recorded_s(stopping) == 10
