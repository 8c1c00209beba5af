"""Time that passes only when everything waits, and clocks that can be set while it does."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

EPOCH_MS = 1_776_313_714_000


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that jumps to its next timer. Nothing in it may wait for a thread or a
    socket, so that a run is the same every time."""

    def __init__(self) -> None:
        self._jumps = _Jumps()
        super().__init__(self._jumps)

    def time(self) -> float:
        return self._jumps.now_s

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.run_until_complete(work)


class _Jumps(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "everything waits for something that nothing will bring about"
        # The loop runs what is due within its resolution; a step in full never falls short.
        self.now_s += max(timeout, 0.0)
        return super().select(0)


class SettableClock:
    """A ``Clock`` on virtual time whose wall clock may be off and be set at any time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ahead_ms: int = 0) -> None:
        self._loop = loop
        self.ahead_ms = ahead_ms

    def now_ms(self) -> int:
        return self.now_us() // 1000

    def now_us(self) -> int:
        return (EPOCH_MS + self.ahead_ms) * 1000 + round(self._loop.time() * 1_000_000)

    def monotonic(self) -> float:
        return self._loop.time()
