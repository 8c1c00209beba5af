"""``ctlr camera``: puts the node together and serves it until SIGTERM or SIGINT.

Order of a start: the card is brought in order first (unfinished segments, recordings without
an ending), then the API answers, then delivery goes on with what is left. The end is the
reverse: a running recording is finished and noted as interrupted, rsync is ended.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI

from ctlr.camera import rsync
from ctlr.camera.agent import build_agent
from ctlr.camera.announce import Announcer
from ctlr.camera.node import CameraNode
from ctlr.camera.recovery import recover_spool
from ctlr.camera.reporter import Reporter
from ctlr.camera.sender import Sender
from ctlr.camera.sources import SourceError, load_source
from ctlr.camera.spool import Spool
from ctlr.camera.vitals import NodeClock
from ctlr.config import CameraSettings, Settings
from ctlr.kernel.clock import SystemClock
from ctlr.kernel.errors import ConfigError
from ctlr.kernel.tasks import BackgroundTasks

_log = structlog.get_logger("camera")

GRACE_S = 1


class NodeDiedError(Exception):
    """A background loop of the node ended; the process must be started again."""


async def run_camera(settings: Settings) -> None:
    """Serve the camera node ``settings.node`` until it is told to end.

    Raises ``ConfigError`` when the spool cannot be used, and ``NodeDiedError`` when a part of
    the node died. The port in use ends the process, as uvicorn does.
    """
    camera = settings.camera
    spool = Spool(camera.spool)
    try:
        spool.prepare()
        await asyncio.to_thread(recover_spool, spool)
    except OSError as error:
        raise ConfigError(f"camera.spool: {camera.spool} cannot be used: {error}.") from error
    clock, node_clock = SystemClock(), NodeClock()
    reporter = Reporter(camera.controller)
    send = partial(_send, camera, settings.node)
    sender = Sender(settings.node, spool, send, reporter.report, clock, node_clock.latest)
    node = CameraNode(camera, spool, clock, sender.wake, sender.status, node_clock.latest)
    died = asyncio.Event()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        tasks = BackgroundTasks(on_death=lambda: _end(server, died))
        async with reporter:
            tasks.start_loop("sender", sender.run())
            tasks.start_loop("node-clock", node_clock.run())
            if camera.announce:
                announcer = Announcer(settings.node, camera.host, camera.port)
                tasks.start_loop("announce", announcer.announce_forever())
            tasks.start_job("load-source", asyncio.to_thread(_load_early, camera.source))
            try:
                yield
            finally:
                await node.close()
                await tasks.close()

    server = uvicorn.Server(
        uvicorn.Config(
            build_agent(settings.node, node, clock, lifespan),
            host=camera.host,
            port=camera.port,
            log_level="warning",
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    _outlive_uvicorn_signals()
    await server.serve()
    if died.is_set():
        raise NodeDiedError("A part of the camera node died; see the log. Start it again.")


def _end(server: uvicorn.Server, died: asyncio.Event) -> None:
    died.set()
    server.should_exit = True


def _outlive_uvicorn_signals() -> None:
    """uvicorn raises the signal that ended it once more; here it has been dealt with by then."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _log.info, "the node has ended")


def _load_early(source: str) -> None:
    """Import the camera's libraries before the first start needs them."""
    try:
        load_source(source)
    except SourceError as error:
        _log.error("the camera source cannot be used", reason=str(error))


async def _send(
    camera: CameraSettings, node: str, spool: Path, uuid: str, names: Sequence[str]
) -> None:
    command = rsync.build_command(spool, uuid, names, camera.target, node, camera.ssh_config)
    await rsync.send(command)
