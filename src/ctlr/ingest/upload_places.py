"""How many uploads run at a time, and which gives way to one that waits.

There are ``in_all`` places, and ``per_address`` for each host. An upload that moves keeps its place,
however long it takes, and who comes later waits. One that stands still (less than ``QUANTUM_BYTES``
in ``slow_s``: a phone that has left the Wi-Fi, or somebody who only holds the place) keeps it until
it is wanted: by another upload, or by an eject.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

QUANTUM_BYTES = 64 * 1024
SLOW_S = 5.0
_LOOK_EVERY_S = 0.5


class Place:
    """Of one upload. Only time that it waits for the phone counts, not what the drive takes."""

    def __init__(self, address: str, slow_s: float) -> None:
        self.address = address
        self.gave_way = False
        self._slow_s = slow_s
        self._loop = asyncio.get_running_loop()
        self._received = 0  # since it last moved, as is the time that it waited
        self._waited_s = 0.0
        self._waits_since: float | None = None
        self._waiting: asyncio.Timeout | None = None

    @property
    def still_s(self) -> float:
        """How long it has been standing still."""
        since = self._waits_since
        return self._waited_s + (self._loop.time() - since if since is not None else 0.0)

    def is_moving(self) -> bool:
        return self.still_s <= self._slow_s

    def note(self, received: int) -> None:
        """So many bytes have come in."""
        self._received += received
        if self._received >= QUANTUM_BYTES:
            self._received, self._waited_s = 0, 0.0

    @asynccontextmanager
    async def waiting(self, at_most_s: float) -> AsyncIterator[None]:
        """While it waits for the phone. Raises ``TimeoutError``, sooner where it gives way."""
        self._waits_since = self._loop.time()
        try:
            async with asyncio.timeout(0 if self.gave_way else at_most_s) as self._waiting:
                yield
        finally:
            self._waited_s, self._waits_since, self._waiting = self.still_s, None, None

    def give_way(self) -> None:
        """End as soon as it waits for the phone again, which is now where it stands still."""
        self.gave_way = True
        if self._waiting is not None:
            self._waiting.reschedule(self._loop.time())


class UploadPlaces:
    """Made inside a running event loop, as its places are."""

    def __init__(self, in_all: int, per_address: int, slow_s: float = SLOW_S) -> None:
        self._in_all = in_all
        self._per_address = per_address
        self._slow_s = slow_s
        self._taken: list[Place] = []
        self._left = asyncio.Event()

    @asynccontextmanager
    async def take(self, address: str) -> AsyncIterator[Place]:
        """A place for an upload of this host; waits until there is one."""
        while (rivals := self._rivals(address)) is not None:
            await self._wait_for_one_of(rivals)
        place = Place(address, self._slow_s)
        self._taken.append(place)
        try:
            yield place
        finally:
            self._taken.remove(place)
            self._left.set()

    async def end_still(self) -> None:
        """End those that do not move; returns when they have let go of the drive."""
        still = [place for place in self._taken if not place.is_moving()]
        for place in still:
            place.give_way()
        while any(place in self._taken for place in still):
            self._left.clear()
            await self._left.wait()

    def _rivals(self, address: str) -> list[Place] | None:
        """Whose places would do; None: one is free."""
        same = [place for place in self._taken if place.address == address]
        if len(same) >= self._per_address:
            return same
        return self._taken if len(self._taken) >= self._in_all else None

    async def _wait_for_one_of(self, rivals: list[Place]) -> None:
        stillest = max(rivals, key=lambda place: place.still_s)
        if not stillest.is_moving():
            stillest.give_way()
        self._left.clear()
        try:
            async with asyncio.timeout(_LOOK_EVERY_S):
                await self._left.wait()
        except TimeoutError:
            pass  # one of them may stand still by now
