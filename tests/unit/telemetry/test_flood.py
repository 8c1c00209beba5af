"""A line that comes over and over."""

from hypothesis import given
from hypothesis import strategies as st

from ctlr.telemetry.flood import BURST, MOST_KINDS, PER_SECOND, Flood


def test_a_burst_passes_then_a_few_and_all_are_counted() -> None:
    flood = Flood(burst=3, per_second=1)
    assert [flood.let("a", 0) for _ in range(5)] == [0, 0, 0, None, None]
    assert flood.let("a", 1.0) == 2
    assert flood.let("a", 1.0) is None
    assert flood.let("a", 100.0) == 1


def test_other_lines_pass() -> None:
    flood = Flood(burst=1, per_second=1)
    assert [flood.let(kind, 0) for kind in "aabb"] == [0, None, 0, None]


def test_kinds_that_somebody_makes_up_take_no_memory() -> None:
    flood = Flood(burst=1, per_second=1)
    flood.let("mine", 0)
    for number in range(MOST_KINDS - 1):
        flood.let(number, 0)
    assert flood.let("mine", 0) is None  # it is still known
    for number in range(MOST_KINDS):
        flood.let(f"more {number}", 0)
    assert flood.let("mine", 0) == 0


@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=400))
def test_none_is_uncounted_and_few_pass(pauses: list[float]) -> None:
    flood, now, passed, told = Flood(), 0.0, 0, 0
    for pause in pauses:
        now += pause
        left_out = flood.let("a", now)
        if left_out is not None:
            passed, told = passed + 1, told + left_out
    left_out = flood.let("a", now + 1000)
    assert passed + told + (left_out or 0) == len(pauses)
    assert passed <= BURST + now * PER_SECOND + 1
