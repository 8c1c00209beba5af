"""The composition root: makes every object of a running controller once, in one place.

Nothing else knows all the classes. What one part needs of a sibling it gets here as a plain
callable. Shutdown is the reverse of start-up; a background task that dies ends the process
with exit code 1, and the next start carries on from what is stored.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.types import ASGIApp

from ctlr.app.controller import Controller, WorkerCommand
from ctlr.app.routes import api_of
from ctlr.config import Settings
from ctlr.kernel.clock import SystemClock
from ctlr.kernel.database import Database, load_migrations
from ctlr.kernel.service import Lifetime
from ctlr.kernel.serving import serve_until, warm_up
from ctlr.nodes.client import NodeClient
from ctlr.retention.loop import empty_bin_forever, retire_forever
from ctlr.storage.drive_limits import USUAL, DriveLimits
from ctlr.telemetry.process import telemetry_of


@asynccontextmanager
async def build(
    settings: Settings,
    worker_command: WorkerCommand,
    on_death: Callable[[], None],
    retention_command: Sequence[str] = (),
    drive_limits: DriveLimits = USUAL,
) -> AsyncIterator[ASGIApp]:
    """A running controller; yields its API. Raises ``DatabaseError`` when there can be none.

    ``retention_command`` is the command line that makes room on the logging drive.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        migrations = load_migrations("ctlr.sessions.schema")
        database = await Database.open(settings.database.path, migrations)
        stack.push_async_callback(database.close)
        client = await stack.enter_async_context(NodeClient(clock))
        telemetry, tasks = await stack.enter_async_context(
            telemetry_of(settings, "serve", on_death, clock)
        )
        controller = Controller(
            settings, clock, database, client, tasks, telemetry, worker_command, drive_limits
        )
        stack.push_async_callback(controller.stills.close)
        await controller.start()
        if retention_command:
            emptying = empty_bin_forever(
                settings.retention.bin_days,
                [*retention_command, "--bin"],
                controller.search.longest_binned,
                controller.sync_is_full,
                clock.now_ms,
                controller.note_emptied,
                find_oldest_rehearsal=controller.search.longest_rehearsed,
            )
            tasks.start_loop("bin", emptying)
        if settings.retention.enabled and retention_command:
            work = retire_forever(
                settings.retention,
                retention_command,
                controller.free_for_recording,
                controller.note_deletion,
            )
            tasks.start_loop("retention", work)
        api = api_of(controller)
        await controller.drives.wait_for_first_status()
        yield api


async def serve(
    settings: Settings, worker_command: WorkerCommand, retention_command: Sequence[str] = ()
) -> None:
    """Run the controller until SIGTERM or SIGINT.

    Raises ``DatabaseError`` and ``OSError`` (port in use) when it cannot begin, and
    ``PartDiedError``.
    """
    lifetime = Lifetime("the controller")
    async with build(settings, worker_command, lifetime.die, retention_command) as app:
        await warm_up()
        await serve_until(lifetime.stopped, app, settings.api.host, settings.api.port)
    lifetime.check()
