from itertools import pairwise

from ctlr.kernel.backoff import Attempts, AttemptsByName, Backoff

USUAL = Backoff(first_s=1.0, longest_s=30.0)


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_each_failure_makes_the_wait_longer_up_to_the_limit() -> None:
    assert [USUAL.delay_s(n) for n in (1, 2, 3, 4, 5, 6)] == [1, 2, 4, 8, 16, 30]
    steep = Backoff(5.0, 300.0, factor=4.0)
    assert [steep.delay_s(n) for n in (1, 2, 3, 4, 1_000_000)] == [5, 20, 80, 300, 300]


def test_nothing_that_has_failed_yet_waits_the_shortest_time() -> None:
    assert USUAL.delay_s(0) == 1


def test_a_success_counts_from_the_beginning() -> None:
    attempts = Attempts(USUAL)
    assert [attempts.failed() for _ in range(3)] == [1, 2, 4]
    attempts.succeeded()
    assert attempts.failed() == 1


def test_each_try_doubles_the_wait_up_to_a_bound() -> None:
    time = Time()
    attempts = AttemptsByName(USUAL, time)
    tries = []
    while time.now < 300:
        if attempts.may_try("cam"):
            tries.append(time.now)
        time.now += 0.5
    waits = [later - earlier for earlier, later in pairwise(tries)]
    assert waits == [1, 2, 4, 8, 16, *[30] * (len(waits) - 5)]
    assert len(waits) > 6


def test_names_wait_apart_and_success_starts_over() -> None:
    attempts = AttemptsByName(USUAL, Time())
    assert attempts.may_try("a")
    assert not attempts.may_try("a")
    assert attempts.may_try("b")
    attempts.succeeded("a")
    assert attempts.may_try("a")
    assert not attempts.may_try("b")
    attempts.forget()
    assert attempts.may_try("b")
