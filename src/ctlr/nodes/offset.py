"""How far a node's clock is off, from the calls that are made anyway. Pure.

A call is sent at t1 and its answer arrives at t4 (our clock); the node stamped it with ts (its
clock) in between. If both ways took equally long, the node's clock is ahead by
``ts - (t1 + t4) / 2``; however the round trip was split, that is wrong by at most half of it
(the bound of RFC 5905, section 8, without a server turnaround stamp). The exchange with the
shortest round trip says most, so of the recent ones that one is believed. Node stamps are
whole milliseconds, cut off: half a millisecond is added to the stamp and to the uncertainty.
"""

from collections import deque
from dataclasses import dataclass

REMEMBERED_EXCHANGES = 32
STAMP_RESOLUTION_MS = 1.0


@dataclass(frozen=True)
class Exchange:
    """One call and its answer; all three in Unix milliseconds, ``stamped_ms`` by the node."""

    sent_ms: float
    stamped_ms: int
    received_ms: float

    @property
    def round_trip_ms(self) -> float:
        return self.received_ms - self.sent_ms


@dataclass(frozen=True)
class ClockOffset:
    """The node's clock minus ours, and the half-width of the interval that holds the truth."""

    offset_ms: float
    uncertainty_ms: float


class OffsetEstimator:
    """Keeps the last exchanges of one node."""

    def __init__(self) -> None:
        self._exchanges: deque[Exchange] = deque(maxlen=REMEMBERED_EXCHANGES)

    def add(self, exchange: Exchange) -> None:
        if exchange.round_trip_ms >= 0:  # negative: our own clock was set back in between
            self._exchanges.append(exchange)

    def estimate(self) -> ClockOffset | None:
        """The best that the remembered exchanges say; None before the first."""
        if not self._exchanges:
            return None
        return measure(min(self._exchanges, key=lambda exchange: exchange.round_trip_ms))


def measure(exchange: Exchange) -> ClockOffset:
    """What a single exchange says."""
    middle = (exchange.sent_ms + exchange.received_ms) / 2
    stamped = exchange.stamped_ms + STAMP_RESOLUTION_MS / 2
    uncertainty = exchange.round_trip_ms / 2 + STAMP_RESOLUTION_MS / 2
    return ClockOffset(stamped - middle, uncertainty)
