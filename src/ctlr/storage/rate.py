"""How fast a volume fills while a session comes in, from its free space at each probe. Pure."""

from collections import deque

WINDOW_S = 600.0
SHORTEST_S = 45.0
"""A rate that was measured over less says more of the drive's caches than of the cameras."""


class FillRate:
    """The rate of the last ten minutes; between sessions, that of the last one."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()
        self._bytes_s: float | None = None

    @property
    def bytes_s(self) -> float | None:
        """Bytes a second; None before any session was long enough to tell."""
        return self._bytes_s

    def add(self, at: float, free_bytes: int, *, filling: bool) -> None:
        """Take a look at the free space; ``at`` on the monotonic clock. ``filling``: whether a
        session comes in."""
        if not filling or (self._samples and free_bytes > self._samples[-1][1]):
            self._samples.clear()  # nothing comes in, or something was deleted
        if not filling:
            return
        self._samples.append((at, free_bytes))
        while at - self._samples[0][0] > WINDOW_S:
            self._samples.popleft()
        since, then_free = self._samples[0]
        if at - since >= SHORTEST_S and then_free > free_bytes:
            self._bytes_s = (then_free - free_bytes) / (at - since)


def minutes_left(free_bytes: int, floor_bytes: int, bytes_s: float | None) -> float | None:
    """How long a volume still takes data; None without a rate."""
    if not bytes_s:
        return None
    return round(max(0, free_bytes - floor_bytes) / bytes_s / 60, 1)
