"""The newest still of a node, made only when somebody asks and not more often than is allowed."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from ctlr.camera.stills.maker import NoStillError, Still, StillMaker
from ctlr.camera.stills.wire import EncodedPicture

LOOKED_EVERY_S = 0.09
RECORDED_EVERY_S = 1.0
LOOKED_FOR_S = 5.0
"""So long after the last question the camera stays open."""
KEPT_FOR_S = 30.0
"""So long the program stays that decodes what is recorded."""
OLDEST_MS = 5000
TEND_EVERY_S = 0.5


class Stills:
    """``camera_free`` is held by whoever opens the camera."""

    def __init__(self, maker: StillMaker, camera_free: threading.Lock) -> None:
        self._maker = maker
        self._camera_free = camera_free
        self._is_looking = False
        self._gives_way = False
        self._asked_at_s = 0.0
        self._made_at_s = 0.0
        self._newest: Still | None = None
        self._one_at_a_time = asyncio.Lock()

    async def look(self) -> Still:
        """What the camera sees, while nothing is recorded. Raises ``NoStillError``."""
        return await self._make(LOOKED_EVERY_S, self._look)

    async def of_recording(self, picture: EncodedPicture) -> Still:
        """The newest picture of what is recorded. Raises ``NoStillError``."""
        newest = self._newest
        if newest is not None and newest.captured_at_ms == picture.captured_at_ms:
            self._asked_at_s = time.monotonic()
            return newest
        return await self._make(RECORDED_EVERY_S, lambda: self._maker.decode(picture))

    @asynccontextmanager
    async def out_of_the_way(self) -> AsyncIterator[None]:
        """Nobody looks while the block lasts: the camera is let go of before it begins."""
        self._gives_way = True
        try:
            await self._let_go()
            yield
        finally:
            self._gives_way = False

    async def close(self) -> None:
        self._gives_way = True
        await self._let_go()
        await self._maker.end()

    async def tend(self) -> None:
        """For as long as the node runs: let go of what nobody asks for any more."""
        while True:
            await asyncio.sleep(TEND_EVERY_S)
            unasked_s = time.monotonic() - self._asked_at_s
            if self._is_looking and unasked_s > LOOKED_FOR_S:
                await self._let_go()
            elif unasked_s > KEPT_FOR_S:
                await self._maker.end()

    async def _make(self, every_s: float, make: Callable[[], Awaitable[Still]]) -> Still:
        self._asked_at_s = time.monotonic()
        async with self._one_at_a_time:
            if self._newest is None or time.monotonic() - self._made_at_s >= every_s:
                self._newest = await make()
                self._made_at_s = time.monotonic()
            return self._newest

    async def _look(self) -> Still:
        if self._gives_way:
            raise NoStillError("a recording begins")
        if not self._is_looking:
            if not self._camera_free.acquire(blocking=False):
                raise NoStillError("the camera is being checked")
            self._is_looking = True
        try:
            still = await self._maker.look()
        except NoStillError:
            await self._let_go()
            raise
        if time.time() * 1000 - still.captured_at_ms > OLDEST_MS:
            await self._let_go()
            raise NoStillError("the camera gives no pictures")
        return still

    async def _let_go(self) -> None:
        if not self._is_looking:
            return
        await self._maker.end()
        if self._is_looking:  # unless somebody else has let go meanwhile
            self._is_looking = False
            self._camera_free.release()
