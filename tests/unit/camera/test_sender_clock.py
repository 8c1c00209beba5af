import random
from itertools import pairwise

from ctlr.camera.sources.sender_clock import SLEW_US, WINDOW_US, SenderClock

SENT = 77_000_000
ARRIVED = 1_776_313_714_000_000
FRAME = 33_333


def _arrivals(count: int, ppm: float = 0.0, seed: int = 1) -> list[tuple[int, int]]:
    """Sent and arrival times of a camera whose clock is off by ``ppm``, over jittery Wi-Fi."""
    jitter = random.Random(seed)
    times = []
    for n in range(count):
        delay = 2_000 + round(jitter.expovariate(1 / 8_000))
        times.append((SENT + round(n * FRAME * (1 + ppm / 1e6)), ARRIVED + n * FRAME + delay))
    return times


def test_the_least_delayed_packet_tells_where_the_clocks_lie() -> None:
    clock = SenderClock(ARRIVED + 100 * FRAME)
    placed = [clock.captured_at_us(*times) for times in _arrivals(200)]
    for n, at_us in enumerate(placed[100:], start=100):
        assert 1_900 <= at_us - (ARRIVED + n * FRAME) <= 4_000


def test_from_the_start_on_the_senders_distances_are_kept() -> None:
    clock = SenderClock(ARRIVED + 100 * FRAME)
    placed = [clock.captured_at_us(*times) for times in _arrivals(1000)][100:]
    distances = [b - a for a, b in pairwise(placed)]
    assert all(abs(distance - FRAME) <= SLEW_US for distance in distances)
    assert sum(distance != FRAME for distance in distances) <= 1000 * FRAME / WINDOW_US + 1


def test_drift_is_followed() -> None:
    clock = SenderClock(ARRIVED + 100 * FRAME)
    late = 0
    for n, times in enumerate(_arrivals(20_000, ppm=90)):
        late = clock.captured_at_us(*times) - (ARRIVED + n * FRAME)
    assert abs(late) < 6_000  # without it: 60 ms


def test_a_late_joiner_starts_with_what_it_has() -> None:
    clock = SenderClock(ARRIVED - 1)
    assert clock.captured_at_us(SENT, ARRIVED) == ARRIVED
