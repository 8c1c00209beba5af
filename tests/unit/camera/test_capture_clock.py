import threading
import time

from ctlr.camera.capture_clock import AnchoredClock


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
