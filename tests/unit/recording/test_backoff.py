from itertools import pairwise

from ctlr.recording.backoff import FIRST_WAIT_S, LONGEST_WAIT_S, Backoff


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_each_try_doubles_the_wait_up_to_a_bound() -> None:
    time = Time()
    backoff = Backoff(time)
    tries = []
    while time.now < 300:
        if backoff.may_try("cam"):
            tries.append(time.now)
        time.now += 0.5
    waits = [later - earlier for earlier, later in pairwise(tries)]
    assert waits == [FIRST_WAIT_S, 2, 4, 8, 16, *[LONGEST_WAIT_S] * (len(waits) - 5)]
    assert len(waits) > 6


def test_names_wait_apart_and_success_begins_anew() -> None:
    backoff = Backoff(Time())
    assert backoff.may_try("a")
    assert not backoff.may_try("a")
    assert backoff.may_try("b")
    backoff.succeeded("a")
    assert backoff.may_try("a")
    assert not backoff.may_try("b")
    backoff.forget()
    assert backoff.may_try("b")
