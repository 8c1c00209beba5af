from ctlr.telemetry.rate import RateLimit


def test_a_burst_passes_and_then_a_steady_rate() -> None:
    limit = RateLimit(burst=5, per_second=2)
    assert [limit.take(100) for _ in range(7)] == [True] * 5 + [False] * 2
    assert [limit.take(100.6), limit.take(100.6)] == [True, False]
    assert [limit.take(1000) for _ in range(6)] == [True] * 5 + [False]
