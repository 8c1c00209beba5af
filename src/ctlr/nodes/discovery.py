"""Which cameras announce themselves on the local network. Nothing follows from it by itself.

A browser notices names; each is then asked where it is, and again every few seconds, which is
how one that went without a goodbye disappears (its record lives two minutes). The browser is
renewed every minute and when the interfaces change: multicast over Wi-Fi gets lost, and a new
browser asks again. What strangers announce takes up a bounded amount of memory.
"""

import asyncio
from contextlib import suppress

import structlog
from zeroconf import ServiceStateChange, Zeroconf, current_time_millis
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from ctlr.kernel.clock import Clock
from ctlr.nodes.announcement import SERVICE_TYPE, Announced, believe
from ctlr.nodes.local_network import LocalNetwork

MOST_NAMES = 64
POLL_INTERVAL_S = 5.0
BROWSER_LIFE_S = 60.0
ANSWER_TIMEOUT_MS = 2000

_log = structlog.get_logger("discovery")


class Discovery:
    """``host`` is where the controller listens: only there it looks for cameras."""

    def __init__(self, host: str, clock: Clock) -> None:
        self._clock = clock
        self._network = LocalNetwork(host, "discovery of cameras")
        self._names: set[str] = set()
        self._found: dict[str, Announced] = {}
        self._noticed = asyncio.Event()
        self._overflowed = False

    @property
    def error(self) -> str | None:
        """Why no camera can be seen at present, for a person."""
        return self._network.error

    @property
    def names(self) -> frozenset[str]:
        """The service names that have come and not gone, whether they answer or not."""
        return frozenset(self._names)

    def announced(self) -> list[Announced]:
        """The cameras that announce themselves, by name; from memory."""
        return sorted(self._found.values(), key=lambda camera: camera.name)

    async def browse_forever(self) -> None:
        await self._network.run(self._browse)

    async def _browse(self, zeroconf: AsyncZeroconf) -> None:
        while True:
            await self._browse_a_while(zeroconf)
            await zeroconf.async_update_interfaces(interfaces=await self._network.addresses())

    async def _browse_a_while(self, zeroconf: AsyncZeroconf) -> None:
        """Until the browser is old or the interfaces are others."""
        self._names.clear()
        addresses = await self._network.addresses()
        ends_at = self._clock.monotonic() + BROWSER_LIFE_S
        async with AsyncServiceBrowser(zeroconf.zeroconf, SERVICE_TYPE, handlers=[self.notice]):
            while self._clock.monotonic() < ends_at:
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_INTERVAL_S):
                        await self._noticed.wait()
                self._noticed.clear()
                await self._resolve_all(zeroconf.zeroconf)
                if await self._network.addresses() != addresses:
                    return
                self._network.works()

    def notice(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        """A name has come or gone; where it is, is asked later. Called by the browser."""
        if state_change is ServiceStateChange.Removed:
            self._names.discard(name)
        elif len(self._names) < MOST_NAMES:
            self._names.add(name)
        elif not self._overflowed:
            self._overflowed = True
            _log.warning("too many cameras announce themselves; some are not listed", of=MOST_NAMES)
        self._noticed.set()

    async def _resolve_all(self, zeroconf: Zeroconf) -> None:
        """Ask each name where it is; those that do not answer any more are forgotten."""
        names = sorted(self._names)
        answers = await asyncio.gather(*(self._ask(zeroconf, name) for name in names))
        self._found = {camera.name: camera for camera in answers if camera is not None}

    async def _ask(self, zeroconf: Zeroconf, name: str) -> Announced | None:
        info = AsyncServiceInfo(SERVICE_TYPE, name)
        if not await info.async_request(zeroconf, ANSWER_TIMEOUT_MS) or info.port is None:
            return None
        seen_at_ms = self._clock.now_ms() - round(_age_ms(zeroconf, info))
        hosts, text = info.parsed_addresses(), info.decoded_properties
        return believe(name, hosts, info.port, text, seen_at_ms)


def _age_ms(zeroconf: Zeroconf, info: AsyncServiceInfo) -> float:
    """How long ago the camera last said where it is."""
    record = zeroconf.cache.get(info.dns_service())
    return current_time_millis() - record.created if record is not None else 0.0
