from ctlr.storage.rate import WINDOW_S, FillRate, minutes_left

MIB = 1 << 20


def filled(rate: FillRate, since: float, until: float, free: int, bytes_s: int) -> int:
    at = since
    while at <= until:
        rate.add(at, free, filling=True)
        at, free = at + 30, free - 30 * bytes_s
    return free


def test_the_rate_is_what_the_free_space_loses() -> None:
    rate = FillRate()
    free = filled(rate, 0, 30, 1000 * MIB, MIB)
    assert rate.bytes_s is None  # too short to tell
    filled(rate, 60, 120, free, MIB)
    assert rate.bytes_s == MIB


def test_only_the_last_minutes_count() -> None:
    rate = FillRate()
    free = filled(rate, 0, WINDOW_S, 10_000 * MIB, 4 * MIB)
    filled(rate, WINDOW_S + 30, 3 * WINDOW_S, free, MIB)
    assert rate.bytes_s == MIB


def test_between_sessions_the_last_rate_holds() -> None:
    rate = FillRate()
    free = filled(rate, 0, 300, 1000 * MIB, MIB)
    rate.add(400, free, filling=False)
    rate.add(100_000, free, filling=False)
    assert rate.bytes_s == MIB
    filled(rate, 200_000, 200_300, free, 2 * MIB)
    assert rate.bytes_s == 2 * MIB


def test_space_that_was_freed_is_no_rate() -> None:
    rate = FillRate()
    filled(rate, 0, 90, 100 * MIB, MIB)
    filled(rate, 120, 210, 900 * MIB, MIB)
    assert rate.bytes_s == MIB


def test_minutes() -> None:
    assert minutes_left(121 * MIB, MIB, MIB) == 2.0
    assert minutes_left(MIB, 5 * MIB, MIB) == 0.0
    assert minutes_left(MIB, 0, None) is None
    assert minutes_left(MIB, 0, 0.0) is None
