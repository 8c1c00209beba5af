"""``ctlr camera``: puts the node together and serves it until SIGTERM or SIGINT.

Order of a start: the card is brought in order first (unfinished segments, recordings without
an ending), then the API answers, an interrupted recording goes on, and delivery with what is
left. The end is the reverse: a running recording is finished, to be taken up again by the next
start, rsync is ended, and what is left to log is stored.
"""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import structlog
from starlette.types import ASGIApp

from ctlr.camera import rsync
from ctlr.camera.agent import build_agent
from ctlr.camera.announce import Announcer
from ctlr.camera.node import CameraNode
from ctlr.camera.record import SessionRecord
from ctlr.camera.recorder import CAPTURE_THREAD
from ctlr.camera.recovery import recover_spool
from ctlr.camera.reporter import Reporter
from ctlr.camera.sender import Sender
from ctlr.camera.sources import SourceError, load_source
from ctlr.camera.spool import Spool
from ctlr.camera.spool_owner import SpoolInUseError, has_left_sessions, owned, take_over
from ctlr.camera.vitals import Vitals
from ctlr.config import SPOOLS, CameraSettings, Settings
from ctlr.kernel.clock import SystemClock
from ctlr.kernel.errors import ConfigError
from ctlr.kernel.service import Lifetime
from ctlr.kernel.serving import serve_until, warm_up
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.telemetry.process import telemetry_of

_log = structlog.get_logger("camera")


async def run_camera(settings: Settings, *, inherits: bool = False) -> None:
    """Serve the camera node that the settings name until it is told to end. ``inherits``: it is the one
    that an earlier version's spool belongs to.

    Raises ``ConfigError`` when the spool cannot be used, ``OSError`` when the port is taken,
    and ``PartDiedError`` when a part of the node died. A camera that does not let go ends the
    process at once.
    """
    lifetime = Lifetime("the camera node")
    async with build_node(settings, lifetime.die, inherits=inherits) as app:
        await warm_up()
        await serve_until(lifetime.stopped, app, settings.camera.host, settings.camera.port)
    if any(thread.name == CAPTURE_THREAD for thread in threading.enumerate()):
        # It waits inside the kernel for a silent camera, and Python would wait for it.
        sys.stderr.write("The camera does not let go; the process ends without it.\n")
        sys.stderr.flush()
        os._exit(1)
    lifetime.check()


@asynccontextmanager
async def build_node(
    settings: Settings, on_death: Callable[[], None], *, inherits: bool = False
) -> AsyncIterator[ASGIApp]:
    """A running node; yields its API. Raises ``ConfigError``. ``on_death`` is called when a part
    of it has died."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        _, tasks = await stack.enter_async_context(
            telemetry_of(settings, "camera", on_death, clock)
        )
        spool = Spool(settings.camera.spool)
        await _hold(stack, spool.root, settings.node)
        await asyncio.to_thread(_settle_earlier, spool.root, settings.node, inherits)
        resumable = await asyncio.to_thread(_prepare, spool, clock.now_ms(), settings.max_session_h)
        reporter = await stack.enter_async_context(Reporter(settings.camera.controller))
        stack.push_async_callback(tasks.close)  # before what they use
        node = _assemble(settings, spool, resumable, clock, reporter, tasks)
        stack.push_async_callback(node.close)
        yield build_agent(settings.node, node, clock, settings.camera.names)


def _assemble(
    settings: Settings,
    spool: Spool,
    resumable: SessionRecord | None,
    clock: SystemClock,
    reporter: Reporter,
    tasks: BackgroundTasks,
) -> CameraNode:
    camera, vitals = settings.camera, Vitals()
    send = partial(_send, camera, settings.node)
    sender = Sender(settings.node, spool, send, reporter.report, clock, vitals.clock)
    node = CameraNode(
        camera,
        spool,
        clock,
        vitals,
        sender.wake,
        sender.status,
        resumable,
        reporter.find_end,
        longest_h=settings.max_session_h,
    )
    tasks.start_loop("recording", node.tend())
    tasks.start_loop("stills", node.tend_stills())
    tasks.start_loop("sender", sender.run())
    tasks.start_loop("vitals", vitals.run())
    tasks.start_job("load-source", asyncio.to_thread(_load_early, camera.source))
    if camera.announce:
        announcer = Announcer(settings.node, camera.host, camera.port)
        tasks.start_loop("announce", announcer.announce_forever())
    return node


async def _hold(stack: AsyncExitStack, spool: Path, node: str) -> None:
    try:
        await stack.enter_async_context(owned(spool, node))
    except SpoolInUseError:
        raise
    except OSError as error:
        raise ConfigError(f"camera.spool: {spool} cannot be used: {error}.") from error


def _settle_earlier(spool: Path, node: str, inherits: bool) -> None:
    """What an earlier version left is delivered by the node that it belongs to, or told of."""
    if spool != SPOOLS / node:
        return
    try:
        if inherits:
            if moved := take_over(SPOOLS, spool):
                _log.info("took over an earlier spool", moved=len(moved), to=str(spool))
        elif has_left_sessions(SPOOLS):
            _log.warning(
                "sessions of an earlier version wait where no node looks", path=str(SPOOLS)
            )
    except OSError as error:
        raise ConfigError(f"camera.spool: {SPOOLS} cannot be taken over: {error}.") from error


def _prepare(spool: Spool, now_ms: int, longest_h: float) -> SessionRecord | None:
    """Bring the card in order; returns the session to go on with."""
    try:
        spool.prepare()
        return recover_spool(spool, now_ms, longest_h)
    except OSError as error:
        raise ConfigError(f"camera.spool: {spool.root} cannot be used: {error}.") from error


def _load_early(source: str) -> None:
    """Import the camera's libraries before the first start needs them."""
    try:
        load_source(source)
    except (SourceError, OSError) as error:  # the first recording tries again
        _log.error("the camera source cannot be used", reason=str(error))


async def _send(
    camera: CameraSettings, node: str, spool: Path, uuid: str, names: Sequence[str]
) -> None:
    command = rsync.build_command(spool, uuid, names, camera.target, node, camera.ssh_config)
    await rsync.send(command)
