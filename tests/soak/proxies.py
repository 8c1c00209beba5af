"""Links that can be cut where namespaces are not allowed: proxies, whose cut is a connection that
breaks. A cable that is pulled is worse, for it says nothing; ``namespaces`` has those."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from tests.soak.links import Joined
from tests.soak.steps import CAMERAS, UPLINK

from ctlr.simulator.places import HOST, Section, laid_over
from ctlr.simulator.ports import claim_port
from ctlr.simulator.rig import Rig


class Link:
    """A TCP proxy; while it is cut, nobody gets through and what was open hangs up."""

    def __init__(self) -> None:
        self.claim = claim_port()
        self.target: int | None = None
        self.is_cut = False
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        return f"{HOST}:{self.claim.number}"

    async def listen(self, stack: AsyncExitStack) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, self.claim.number)
        stack.push_async_callback(self._close)

    async def _close(self) -> None:
        self.cut()
        if self._server is not None:
            self._server.close()
        self.claim.release()

    def cut(self) -> None:
        self.is_cut = True
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        self.is_cut = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut or self.target is None:
            writer.transport.abort()
            return
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(HOST, self.target)
            ends = {writer, far_writer}
            self._open |= ends
            try:
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
            finally:
                self._open -= ends
                far_writer.close()
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()


class Proxies:
    """The links as proxies: one before each camera, two before the controller."""

    kind = "proxies"

    def __init__(self) -> None:
        self._links = {name: [Link()] for name in CAMERAS} | {UPLINK: [Link(), Link()]}

    def cut(self, name: str) -> None:
        for link in self._links[name]:
            link.cut()

    def mend(self, name: str) -> None:
        for link in self._links[name]:
            link.mend()

    def before(self, name: str) -> list[Link]:
        return self._links[name]

    async def listen(self, stack: AsyncExitStack) -> None:
        for link in (link for links in self._links.values() for link in links):
            await link.listen(stack)


@asynccontextmanager
async def joined_by_proxies(folder: Path, on_cameras: Section) -> AsyncIterator[Joined]:
    """A rig on the loopback interface."""
    proxies = Proxies()
    to_api, to_rsync = proxies.before(UPLINK)
    async with AsyncExitStack() as stack:
        await proxies.listen(stack)
        nodes = [{"name": name, "address": proxies.before(name)[0].address} for name in CAMERAS]
        uplink = {
            "controller": f"http://{to_api.address}",
            "target": f"rsync://{to_rsync.address}/logging/",
        }
        changes = laid_over(on_cameras, {"camera": uplink})
        rig = Rig(folder, CAMERAS, on_controller={"nodes": nodes}, on_cameras=changes)
        rig = await stack.enter_async_context(rig)
        to_api.target, to_rsync.target = rig.places.api_port, rig.places.rsync_port
        for name in CAMERAS:
            proxies.before(name)[0].target = rig.places.camera_ports[name]
        yield Joined(rig, proxies)
