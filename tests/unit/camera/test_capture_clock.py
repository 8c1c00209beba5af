import threading
import time

from ctlr.camera.capture_clock import STEP_US, AnchoredClock, StepWatch


def test_it_tells_wall_time() -> None:
    clock = AnchoredClock(threading.Event())
    assert abs(clock.now_us() - time.time_ns() // 1000) < 50_000


def test_a_wait_ends_at_the_instant_and_not_before() -> None:
    clock = AnchoredClock(threading.Event())
    until = clock.now_us() + 5_000
    assert clock.wait_until(until)
    assert clock.now_us() >= until


def test_a_wait_ends_at_once_when_the_recording_is_stopped() -> None:
    stopped = threading.Event()
    clock = AnchoredClock(stopped)
    threading.Timer(0.01, stopped.set).start()
    assert not clock.wait_until(clock.now_us() + 10**20)


def test_a_recording_that_goes_on_never_goes_back_in_time() -> None:
    an_hour_ahead = time.time_ns() // 1000 + 3_600_000_000
    clock = AnchoredClock(threading.Event(), an_hour_ahead)
    assert 0 <= clock.now_us() - an_hour_ahead < 1_000_000
    assert abs(clock.wall_ahead_us() + 3_600_000_000) < 1_000_000


def test_a_clock_that_is_right_is_not_moved_by_an_earlier_recording() -> None:
    clock = AnchoredClock(threading.Event(), time.time_ns() // 1000 - 60_000_000)
    assert abs(clock.wall_ahead_us()) < 50_000
    assert clock.at_monotonic_us(time.monotonic_ns() // 1000) <= clock.now_us()


def test_a_step_is_told_once_and_with_its_size() -> None:
    watch = StepWatch()
    looks = [20_000, STEP_US, 2_000_000, 2_000_100, 2_040_000, -1_000_000]
    assert [watch.check(ahead) for ahead in looks] == [
        None,
        None,
        2_000_000,
        None,
        None,
        -3_000_000,
    ]


def test_slow_drift_is_told_when_it_has_become_a_step() -> None:
    watch = StepWatch()
    told = [watch.check(ahead) for ahead in range(0, 200_000, 10_000)]
    assert [size for size in told if size] == [60_000, 60_000, 60_000]
