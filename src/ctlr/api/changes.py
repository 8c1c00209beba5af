"""Tells whoever waits for it that the status may have changed."""

import asyncio


class Changes:
    """Tells all who wait that something has changed; several changes may be told as one."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = asyncio.Event()

    def notify(self) -> None:
        self._count += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, seen: int) -> int:
        """Wait until there was a change after the ``seen``-th; returns how many there were."""
        while self._count <= seen:
            await self._changed.wait()
        return self._count
