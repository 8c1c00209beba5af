"""The whole controller in this process: real settings, database, disks (folders) and HTTP."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from ctlr.app import build
from ctlr.app.controller import WorkerCommand
from ctlr.config import NodeAddress, Settings
from ctlr.kernel.serving import serve_until
from ctlr.simulator.child import Child
from ctlr.simulator.places import to_toml
from ctlr.simulator.ports import claim_port
from ctlr.storage.drive_limits import USUAL, DriveLimits

WAIT_S = 40.0


@dataclass(frozen=True)
class Answer:
    """What the controller answered; ``body`` is None where it was not JSON."""

    status: int
    media_type: str
    body: Any

    def expect(self, status: int = 200) -> dict[str, Any]:
        """The body, if the request was accepted."""
        assert self.status == status, self
        assert self.media_type == "application/json"
        assert isinstance(self.body, dict)
        return self.body

    def expect_problem(self, status: int, code: str) -> dict[str, Any]:
        """The body, if the request was refused as the contract says."""
        assert (self.status, self.media_type) == (status, "application/problem+json"), self
        assert isinstance(self.body, dict)
        problem = self.body
        assert {"type", "title", "status", "detail", "code"} <= problem.keys()
        assert (problem["status"], problem["code"]) == (status, code)
        assert problem["detail"].endswith((".", ")"))
        return problem


@dataclass(frozen=True)
class Controller:
    """A running controller and a client of it."""

    settings: Settings
    url: str
    http: aiohttp.ClientSession

    async def get(self, path: str) -> Answer:
        return await self.ask("GET", path)

    async def post(self, path: str, **request: Any) -> Answer:
        return await self.ask("POST", path, **request)

    async def ask(self, method: str, path: str, **request: Any) -> Answer:
        async with self.http.request(method, self.url + path, **request) as response:
            content = await response.read()
        try:
            body = json.loads(content)
        except ValueError:
            body = None
        return Answer(response.status, response.content_type, body)

    async def start(self, uuid: str | None = None) -> Answer:
        return await self.post("/api/record/start" + (f"?uuid={uuid}" if uuid else ""))

    async def stop(self, uuid: str | None = None) -> Answer:
        return await self.post("/api/record/stop" + (f"?uuid={uuid}" if uuid else ""))

    async def status(self) -> dict[str, Any]:
        return (await self.get("/api/status")).expect()

    async def camera(self, name: str) -> dict[str, Any]:
        """A camera as ``/api/status`` shows it."""
        cameras = (await self.status())["cameras"]
        found: dict[str, Any] = next(camera for camera in cameras if camera["name"] == name)
        return found

    async def session(self, uuid: str) -> dict[str, Any]:
        return (await self.get(f"/api/sessions/{uuid}")).expect()

    async def until_connected(self, *names: str) -> None:
        async def all_there() -> bool:
            cameras = (await self.status())["cameras"]
            there = {camera["name"] for camera in cameras if camera["connected"]}
            return set(names) <= there

        await until(all_there)

    def folder(self, node: str, uuid: str) -> Path:
        """Where a node's files of a session arrive; made if need be."""
        folder = self.settings.storage.logging / node / uuid
        folder.mkdir(parents=True, exist_ok=True)
        return folder


async def until(holds: Callable[[], Awaitable[bool]], timeout_s: float = WAIT_S) -> None:
    """Wait for something that the controller does by itself. Raises ``TimeoutError``."""
    async with asyncio.timeout(timeout_s):
        while not await holds():  # noqa: ASYNC110 - what is waited for shows only when asked
            await asyncio.sleep(0.05)


def settings_in(folder: Path, nodes: Iterable[NodeAddress] = (), **sections: Any) -> Settings:
    """Settings with all paths below ``folder``; plain folders stand in for the disks."""
    (folder / "logging").mkdir(parents=True, exist_ok=True)
    (folder / "sync").mkdir(exist_ok=True)
    values: dict[str, Any] = {
        "node": "ctlr",
        "nodes": tuple(nodes),
        "start_delay_ms": 200,
        "api": {"host": "127.0.0.1", "port": claim_and_release(), "max_upload_mb": 1},
        "storage": {
            "logging": folder / "logging",
            "sync": folder / "sync",
            "require_mounts": False,
        },
        "database": {"path": folder / "ctlr.db"},
        "mqtt": {"host": "127.0.0.1", "port": 1, "spool": folder / "mqtt-spool.db"},
        "can": {"status_file": folder / "can_status.json"},
        "discovery": {"enabled": False},
    }
    for name, section in sections.items():
        values[name] = {**values.get(name, {}), **section} if isinstance(section, dict) else section
    return Settings(**values)


def claim_and_release() -> int:
    """A port number that nothing listens on and the kernel gives to nobody."""
    claim = claim_port()
    claim.release()
    return claim.number


@asynccontextmanager
async def running(
    settings: Settings,
    worker: WorkerCommand = lambda _task, _uuid: ["true"],
    drive_limits: DriveLimits = USUAL,
) -> AsyncIterator[Controller]:
    """The controller of ``settings``; it must not have died by itself at the end.

    ``worker`` makes the command line that stands in for a worker on a session.
    """
    died: list[None] = []
    stop = asyncio.Event()
    async with build(settings, worker, lambda: died.append(None), (), drive_limits) as app:
        serving = asyncio.create_task(serve_until(stop, app, settings.api.host, settings.api.port))
        url = f"http://{settings.api.host}:{settings.api.port}"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http:
            controller = Controller(settings, url, http)
            await until(lambda: _answers(controller))
            try:
                yield controller
            finally:
                stop.set()
                await http.close()
                await serving
    assert not died, "a background task of the controller died"


@asynccontextmanager
async def process(settings: Settings) -> AsyncIterator[tuple[Child, Controller]]:
    """The controller as ``ctlr serve`` in a process of its own, which can be killed."""
    folder = settings.database.path.parent
    config = folder / "ctlr.toml"
    config.write_text(to_toml(settings.model_dump(mode="json", exclude_none=True)))
    command = [sys.executable, "-m", "ctlr", "--config", str(config), "serve"]
    url = f"http://{settings.api.host}:{settings.api.port}"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http:
        controller = Controller(settings, url, http)
        child = Child("controller", command, folder / "serve.log", lambda: _answers(controller))
        await child.start()
        try:
            yield child, controller
        finally:
            await child.stop()


async def _answers(controller: Controller) -> bool:
    try:
        return (await controller.get("/health")).status == 200
    except aiohttp.ClientConnectionError:
        return False
