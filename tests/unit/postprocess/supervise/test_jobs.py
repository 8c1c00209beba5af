from ctlr.postprocess.supervise.jobs import FIRST_RETRY_S, LONGEST_RETRY_S, retry_after_s


def test_each_failure_doubles_the_wait_up_to_a_bound() -> None:
    waits = [retry_after_s(attempts) for attempts in range(1, 40)]
    assert waits[:4] == [FIRST_RETRY_S, 10.0, 20.0, 40.0]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_RETRY_S
