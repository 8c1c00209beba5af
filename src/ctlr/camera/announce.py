"""A camera makes itself known on the local network, so that a controller can offer to adopt it.

Registers ``{node}._ctlr-cam._tcp.local.`` at the addresses where the node's API listens, and
follows them while interfaces come and go. The host record has the service's own name: the
machine's ``{host}.local`` belongs to the system, whose responder would take a second one for
a clash and rename itself. A second camera of the same name is told so in its log.
"""

import asyncio
import socket

from zeroconf import NonUniqueNameException
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from ctlr import __version__
from ctlr.nodes.announcement import SERVICE_TYPE, service_name, text_record
from ctlr.nodes.local_network import RETRY_S, LocalNetwork


class NameInUseError(Exception):
    """Another machine on the network announces a camera of this name."""


class Announcer:
    """Announces the node ``node`` whose API listens on ``host`` and ``port``."""

    def __init__(self, node: str, host: str, port: int) -> None:
        self._node = node
        self._port = port
        self._network = LocalNetwork(host, "announcing this camera")

    async def announce_forever(self) -> None:
        """Never raises for the network's sake; says goodbye when it is cancelled."""
        await self._network.run(self._announce)

    async def _announce(self, zeroconf: AsyncZeroconf) -> None:
        said = await self._network.addresses()
        await self._register(zeroconf, said)
        while True:
            self._network.works()
            await asyncio.sleep(RETRY_S)
            addresses = await self._network.addresses()
            if addresses != said:
                await zeroconf.async_update_interfaces(interfaces=addresses)
                await (await zeroconf.async_update_service(self._service(addresses)))
                said = addresses

    async def _register(self, zeroconf: AsyncZeroconf, addresses: list[str]) -> None:
        try:
            await (await zeroconf.async_register_service(self._service(addresses)))
        except NonUniqueNameException as error:
            raise NameInUseError(
                f"another camera on this network is called {self._node} too, and both deliver "
                "into one folder: give one of them another node = in its ctlr.toml"
            ) from error

    def _service(self, addresses: list[str]) -> AsyncServiceInfo:
        name = service_name(self._node)
        return AsyncServiceInfo(
            SERVICE_TYPE,
            name,
            server=name,
            port=self._port,
            properties=text_record(self._node, __version__),
            addresses=[socket.inet_aton(address) for address in addresses],
        )
