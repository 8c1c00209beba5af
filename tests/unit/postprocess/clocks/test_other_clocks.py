"""The clocks of watch and CAN bus, from what they delivered."""

from ctlr.layout.can_files import Run
from ctlr.postprocess.clocks.other_clocks import can_clocks, watch_clock
from ctlr.postprocess.manifest.alignment import TruthEntry
from ctlr.sessions.model import ClockSample

START_MS = 1_776_313_714_000
STOP_MS = START_MS + 120_000


def runs(bus: str, ahead_ms: int, delay_ms: int = 2, count: int = 240) -> list[Run]:
    """Twice a second some rows arrive that were stamped by a clock so far ahead."""
    arrivals = (START_MS + n * 500 for n in range(count))
    return [
        Run(at, bus, 0, 100, 5, at - delay_ms + ahead_ms - 400, at - delay_ms + ahead_ms)
        for at in arrivals
    ]


def holds(sample: ClockSample, truth_ms: float) -> bool:
    return abs(sample.offset_ms - truth_ms) <= sample.uncertainty_ms


def test_a_bridge_that_is_ahead() -> None:
    found = can_clocks(runs("car", 5000), START_MS, STOP_MS)
    assert list(found) == ["can"]
    assert len(found["can"]) == 2  # one a minute
    assert all(holds(sample, 5000) for sample in found["can"])
    assert {sample.method for sample in found["can"]} == {"arrival"}


def test_rows_that_were_held_up_say_nothing_against_those_that_were_not() -> None:
    held_up = [run._replace(arrived_ms=run.arrived_ms + 900) for run in runs("car", 5000)[::2]]
    found = can_clocks([*runs("car", 5000), *held_up], START_MS, STOP_MS)
    assert all(holds(sample, 5000) for sample in found["can"])


def test_one_row_from_the_future_does_not_decide() -> None:
    odd = runs("car", 0)
    odd[7] = odd[7]._replace(high_ms=odd[7].high_ms + 86_400_000)
    found = can_clocks(odd, START_MS, STOP_MS)
    assert all(holds(sample, 0) for sample in found["can"])


def test_each_bus_has_a_clock_of_its_own() -> None:
    found = can_clocks([*runs("car", 0), *runs("trailer", -700)], START_MS, STOP_MS)
    assert list(found) == ["can/car", "can/trailer"]
    assert holds(found["can/trailer"][0], -700)


def test_what_arrived_outside_of_the_session_is_not_asked() -> None:
    assert can_clocks(runs("car", 0), STOP_MS + 1, STOP_MS + 2) == {}


def entry(lag_ms: float, confidence: str = "high") -> TruthEntry:
    files = ("watch/Gyroscope.csv", "phone/Gyroscope.csv")
    return TruthEntry.model_validate(
        {"clock": "watch", "against": "phone", "files": files, "confidence": confidence,
         "text": "", "lag_ms": lag_ms, "uncertainty_ms": 10.0}
    )  # fmt: skip


PHONE = (ClockSample(START_MS, 300.0, 4.0), ClockSample(STOP_MS, 300.0, 4.0))
MIDDLE_MS = (START_MS + STOP_MS) // 2


def test_a_watch_behind_a_phone_that_is_ahead() -> None:
    """The phone is 0.3 s ahead of the controller, the watch 1 s behind the phone: 0.7 s behind."""
    [sample] = watch_clock([entry(1000.0)], PHONE, set(), MIDDLE_MS)
    assert sample.offset_ms == -700.0
    assert 14.0 <= sample.uncertainty_ms < 15.0
    assert sample.at_ms == MIDDLE_MS


def test_a_watch_that_is_not_known_well_has_no_clock() -> None:
    assert watch_clock([entry(1000.0, "low")], PHONE, set(), MIDDLE_MS) == ()
    assert watch_clock([entry(1000.0)], (), set(), MIDDLE_MS) == ()
    counted = {"watch/Gyroscope.csv"}  # from the session's start: the lag is not the clock's
    assert watch_clock([entry(1000.0)], PHONE, counted, MIDDLE_MS) == ()
