"""Multicast DNS on the interfaces that are there now. With ``discovery`` and the camera's
``announce``, the home of zeroconf.

A rig's network comes and goes: Wi-Fi is up a minute after the service, a cable is pulled. So
nothing here is ever given up: what fails is logged once for each reason and tried again, and
the sockets follow the interfaces. Recording needs none of it, so no error gets out.
IPv4 only: a link-local IPv6 address is worth nothing without the interface that it is for.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import psutil
import structlog
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncZeroconf

RETRY_S = 5.0
"""Also how soon a new interface is noticed."""

_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - recognised, not bound
_log = structlog.get_logger("network")


class LocalNetwork:
    """Multicast sockets for whatever listens on ``host``; ``what`` names it in the log.

    ``error`` says why it does not work at present, for a person; ``failures`` counts the tries
    that have not worked.
    """

    def __init__(self, host: str, what: str, retry_s: float = RETRY_S) -> None:
        self._host = host
        self._what = what
        self._retry_s = retry_s
        self.error: str | None = None
        self.failures = 0

    async def run(self, work: Callable[[AsyncZeroconf], Awaitable[None]]) -> None:
        """Do ``work`` with open sockets, and again with new ones whenever it fails. Lasts until
        cancelled; only then it has no more to say to the network."""
        while True:
            try:
                addresses = await self.addresses()
                async with AsyncZeroconf(
                    interfaces=addresses, ip_version=IPVersion.V4Only
                ) as zeroconf:
                    await work(zeroconf)
            except Exception as error:
                self._failed(str(error) or type(error).__name__)
            await asyncio.sleep(self._retry_s)

    async def addresses(self) -> list[str]:
        """IPv4 addresses that ``host`` stands for now. Raises ``OSError`` when there is none."""
        own = _own_addresses()
        if self._host in _EVERYWHERE:
            found = [one for one in own if not one.startswith("127.")] or own
        else:
            found = sorted(await resolve(self._host) & set(own))
        if not found:
            raise OSError(f"no network interface has an IPv4 address for {self._host}")
        return found

    def works(self) -> None:
        """Note that it does: the next failure is worth a word again."""
        if self.error is not None:
            _log.info(f"{self._what} works again")
        self.error = None

    def _failed(self, reason: str) -> None:
        if reason != self.error:
            _log.warning(f"{self._what} does not work; recording is not affected", reason=reason)
        self.error = reason
        self.failures += 1


def _own_addresses() -> list[str]:
    return sorted(
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET
    )


async def resolve(host: str) -> set[str]:
    """The IPv4 addresses of a host. Raises ``OSError``."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, None, family=socket.AF_INET, type=socket.SOCK_STREAM
    )
    return {str(address[0]) for *_, address in found}
