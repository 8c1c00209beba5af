"""What has arrived and is not stored yet, in memory, bounded in records and in bytes.

The broker's client puts in from its own thread, the keeper takes out. While the drive is away the
tail fills up to what the broker lets out without an acknowledgement; the rest waits at the broker.
Who sends without asking for an acknowledgement (QoS 0), or sends very large records, meets the
bounds here: the oldest go, and are counted.
"""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from ctlr.logbook.entry import Entry

MAX_RECORDS = 10_000
MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the broker waits for: an acknowledgement of ``mid``, in this connection only."""

    connection: int
    mid: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """``ticket`` is None where the broker does not wait for anything."""

    entry: Entry
    ticket: Ticket | None


class Tail:
    def __init__(self, max_records: int = MAX_RECORDS, max_bytes: int = MAX_BYTES) -> None:
        self.dropped = 0
        """Records that had to go before they were stored."""
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._waiting: deque[Arrived] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, arrived: Arrived) -> list[Arrived]:
        """Add one at the end. From any thread; returns what had to go for it."""
        with self._lock:
            self._waiting.append(arrived)
            self._bytes += _size(arrived)
            return self._make_room()

    def take(self, limit: int) -> list[Arrived]:
        """Remove and return the oldest, at most ``limit``."""
        with self._lock:
            taken = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
            self._bytes -= sum(map(_size, taken))
            return taken

    def put_back(self, taken: Sequence[Arrived]) -> list[Arrived]:
        """Undo a ``take``; returns what had to go meanwhile."""
        with self._lock:
            self._waiting.extendleft(reversed(taken))
            self._bytes += sum(map(_size, taken))
            return self._make_room()

    def _make_room(self) -> list[Arrived]:
        gone = []
        while len(self._waiting) > self._max_records or self._bytes > self._max_bytes:
            gone.append(self._waiting.popleft())
            self._bytes -= _size(gone[-1])
            self.dropped += 1
        return gone


def _size(arrived: Arrived) -> int:
    return len(arrived.entry.payload)
