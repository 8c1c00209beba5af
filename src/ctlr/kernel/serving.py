"""An ASGI application on a port, until the process is asked to end.

uvicorn's own signal handling raises the signal again once the server has ended, which kills the
process before what stands around it is closed. So the signals are taken here.
"""

import asyncio
import gc
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import anyio.lowlevel
import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn._types import ASGIApplication

from ctlr.kernel.connection import Connection
from ctlr.kernel.door import Door, open_listeners
from ctlr.kernel.sd_notify import signs_of_life
from ctlr.kernel.service import stop_on_signals

SHUTDOWN_GRACE_S = 3
"""How long requests that are under way may take at the end."""

KEEP_ALIVE_S = 75
"""How long a connection that nobody uses stays open: longer than clients pause between two
requests. A request that meets the end of its connection is lost, and a POST is not sent again."""


_log = structlog.get_logger("network")


class _Server(uvicorn.Server):
    """uvicorn's, with a door of our own. ``listening`` is set once the port is open."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        config = self.config
        try:
            listeners = await open_listeners(config.host, config.port)
        except OSError as error:
            where = f"port {config.port} of {config.host}"
            raise OSError(f"{where} cannot be opened; is it in use?") from error
        await self.lifespan.startup()

        def make(received: bytes) -> Connection:
            return Connection(config, self.server_state, self.lifespan.state, received=received)

        connections = cast("set[Connection]", self.server_state.connections)
        # uvicorn closes what stands there at the end, and waits for it.
        self.servers = cast("Any", [Door(listeners, make, connections, self._door_died)])
        self.started = True
        self.listening.set()

    def _door_died(self, error: BaseException | None) -> None:
        _log.error("nobody is let in any more; the process ends", exc_info=error)
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def warm_up() -> None:
    """Do before the first request what would otherwise hold one up, when a process has made all
    that lasts as long as itself.

    A full run of the garbage collector looks at every object there is: on a Pi that is a pause of
    a tenth of a second, in the middle of a recording. What is there now stays, and is left out
    from here on; a run before that would cost the same pause at the start, for a few hundred
    kilobytes. anyio loads its half of the event loop when it is first used. Python 3.11 starts a
    thread for each child process and waits until it runs; later ones ask the kernel, as here.
    """
    if sys.version_info < (3, 12) and _has_pidfd():
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(asyncio.get_running_loop())
        asyncio.set_child_watcher(watcher)
    await anyio.lowlevel.checkpoint()
    gc.freeze()


def _has_pidfd() -> bool:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False  # an old kernel, or a sandbox that does not know the call
    return True


async def serve_until(stopped: asyncio.Event, app: ASGIApp, host: str, port: int) -> None:
    """Serve ``app`` until ``stopped`` is set; SIGTERM and SIGINT set it, systemd is told.

    Raises ``OSError`` when the port cannot be opened.
    """
    server = _Server(
        uvicorn.Config(
            cast("ASGIApplication", app),  # the same thing, typed by two libraries
            host=host,
            port=port,
            http=Connection,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
        )
    )
    stop_on_signals(stopped)
    running = asyncio.create_task(server.serve(), name="server")
    stopping = asyncio.create_task(stopped.wait(), name="stop")
    listening = asyncio.create_task(server.listening.wait(), name="listen")
    try:
        await _first_of(running, stopping, listening)
        if server.listening.is_set():
            async with signs_of_life():
                await _first_of(running, stopping)
        server.should_exit = True
        await running
    finally:
        stopping.cancel()
        listening.cancel()


async def _first_of(*tasks: asyncio.Task[Any]) -> None:
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
