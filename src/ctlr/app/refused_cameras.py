"""Which of the rig's cameras the MQTT broker turns away.

The broker knows addresses, the rig names: while anybody is refused, the cameras' hosts are looked
up, in the background.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from ctlr.config import NodeAddress
from ctlr.nodes.local_network import resolve

LOOK_S = 5.0
_RESOLVE_S = 5.0


class RefusedCameras:
    """``lately`` tells how often which address was refused; ``on_change`` is called when a camera
    is newly refused or no longer."""

    def __init__(
        self,
        lately: Callable[[], Mapping[str, int]],
        nodes: Callable[[], Iterable[NodeAddress]],
        on_change: Callable[[], None],
    ) -> None:
        self._lately = lately
        self._nodes = nodes
        self._on_change = on_change
        self._found: dict[str, int] = {}

    def now(self) -> Mapping[str, int]:
        """How often which camera was refused lately; from memory."""
        return self._found

    async def look_forever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await self._look()

    async def _look(self) -> None:
        refused, found = self._lately(), {}
        for node in self._nodes() if refused else ():
            addresses = await _addresses_of(node.address.rpartition(":")[0])
            if times := sum(refused.get(address, 0) for address in addresses):
                found[node.name] = times
        changed = found.keys() != self._found.keys()
        self._found = found
        if changed:
            self._on_change()


async def _addresses_of(host: str) -> set[str]:
    try:
        async with asyncio.timeout(_RESOLVE_S):
            return await resolve(host)
    except (OSError, TimeoutError):  # a name that is not known: nothing is known of it
        return set()
