"""A whole rig on the loopback interface, in one folder, from the programs of the field.

Nothing between the parts is pretended: each camera is a process that encodes its test picture,
rsync carries the segments, the controller is ``ctlr serve``. Each part is a ``Child`` that a
test may kill, freeze or restart by name. Leaving the ``async with`` block ends every process;
the folder stays. Where the rig itself is killed, the kernel ends them.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from ctlr.simulator.child import Child
from ctlr.simulator.daemons import broker_command, rsync_daemon_command
from ctlr.simulator.places import (
    HOST,
    Places,
    Section,
    camera_settings,
    controller_settings,
    laid_over,
    to_toml,
)
from ctlr.simulator.ports import claim_port

_PROBE_TIMEOUT = aiohttp.ClientTimeout(total=2)


class Rig:
    """Broker, rsync daemon, controller and cameras.

    ``on_controller`` and ``on_cameras`` are laid over what the rig configures, in the shape of
    ``ctlr.toml``: ``{"camera": {"segment_s": 4}}``. ``through`` names, by camera, a program that
    it is run with: ``{"cam-1": ["nice"]}``. ``host`` is the controller's address, ``camera_hosts``
    are those of cameras in network namespaces of their own. ``api_port`` is taken if it is free;
    ``places`` tells which port it became, and where everything lies. ``http`` is a client
    session for the controller's address: ``rig.http.get("/api/status")``.
    """

    places: Places
    http: aiohttp.ClientSession
    controller: Child
    broker: Child
    rsync_daemon: Child

    def __init__(
        self,
        folder: Path,
        cameras: Sequence[str] = ("cam-1", "cam-2", "cam-3"),
        *,
        on_controller: Section | None = None,
        on_cameras: Section | None = None,
        through: Mapping[str, Sequence[str]] | None = None,
        api_port: int | None = None,
        host: str = HOST,
        camera_hosts: Mapping[str, str] | None = None,
    ) -> None:
        self.camera_names = tuple(cameras)
        self._folder = folder.resolve()
        self._on_controller = on_controller or {}
        self._on_cameras = on_cameras or {}
        self._through = through or {}
        self._preferred_api_port = api_port
        self._host = host
        self._camera_hosts = camera_hosts or {}
        self._cameras: dict[str, Child] = {}
        self._ending = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start everything. Raises ``RigError`` naming the part that does not come up."""
        async with AsyncExitStack() as stack:
            self.places = self._claim_places(stack)
            for folder in self.places.folders():
                folder.mkdir(parents=True, exist_ok=True)
            self.http = await stack.enter_async_context(
                aiohttp.ClientSession(self.places.url, timeout=aiohttp.ClientTimeout(total=30))
            )
            self._make_children()
            daemons, nodes = (
                (self.broker, self.rsync_daemon),
                (*self._cameras.values(), self.controller),
            )
            stack.push_async_callback(self._stop, daemons)
            await _all_of([child.start() for child in daemons])
            stack.push_async_callback(self._stop, nodes)
            await _all_of([child.start() for child in nodes])
            self._ending = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._ending.aclose()

    def camera(self, name: str) -> Child:
        """Raises ``KeyError`` for a name that is not among ``camera_names``."""
        return self._cameras[name]

    def _claim_places(self, stack: AsyncExitStack) -> Places:
        def claim(preferred: int | None = None) -> int:
            held = claim_port(preferred)
            stack.callback(held.release)
            return held.number

        cameras = {name: claim() for name in self.camera_names}
        api_port = claim(self._preferred_api_port)
        return Places(
            self._folder, api_port, claim(), claim(), cameras, self._host, self._camera_hosts
        )

    def _make_children(self) -> None:
        places = self.places
        broker = broker_command(places.run, places.host, places.broker_port)
        self.broker = self._child(
            "broker", broker, lambda: _listens(places.host, places.broker_port)
        )
        daemon = rsync_daemon_command(places.run, places.host, places.rsync_port, places.logging)
        self.rsync_daemon = self._child(
            "rsync", daemon, lambda: _listens(places.host, places.rsync_port)
        )
        settings = laid_over(controller_settings(places), self._on_controller)
        self.controller = self._node("controller", "serve", settings, f"{places.url}/health")
        for name in self.camera_names:
            settings = laid_over(camera_settings(places, name), self._on_cameras)
            url = f"{places.camera_url(name)}/status"
            self._cameras[name] = self._node(name, "camera", settings, url)

    def _node(self, name: str, verb: str, settings: Section, url: str) -> Child:
        config = self.places.config(name)
        config.write_text(to_toml(settings), encoding="utf-8")
        command = [sys.executable, "-m", "ctlr", "--config", str(config), verb]
        command = [*self._through.get(name, ()), *command]
        return self._child(name, command, lambda: self._answers(url))

    def _child(
        self, name: str, command: Sequence[str], answers: Callable[[], Awaitable[bool]]
    ) -> Child:
        return Child(name, command, self.places.log(name), answers)

    async def _answers(self, url: str) -> bool:
        try:
            async with self.http.get(url, timeout=_PROBE_TIMEOUT) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _stop(self, children: Sequence[Child]) -> None:
        await asyncio.gather(*(child.stop() for child in children))


async def _listens(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def _all_of(work: Sequence[Awaitable[Any]]) -> None:
    """Do all at once; the first error ends the rest and is raised."""
    tasks = [asyncio.ensure_future(item) for item in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
