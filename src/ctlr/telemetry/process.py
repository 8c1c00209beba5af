"""Logging and telemetry of one process that lasts: what every verb of a service begins with.

::

    async with telemetry_of(settings, "watch-mounts", on_death) as (telemetry, tasks):
        tasks.start_loop("mounts", watch(...))
        await stopped.wait()

From the first line on it goes to the journal, and to the broker as soon as there is one. At the
end the tasks are cancelled and what they still said is stored, to go out at the next start.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from ctlr.config import Settings
from ctlr.kernel.clock import Clock, SystemClock
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.telemetry.log import configure_logging
from ctlr.telemetry.sink import Telemetry


@asynccontextmanager
async def telemetry_of(
    settings: Settings, process: str, on_death: Callable[[], None], clock: Clock | None = None
) -> AsyncIterator[tuple[Telemetry, BackgroundTasks]]:
    """Telemetry that runs, and the background tasks of the process; ``on_death`` is called once
    when one of them has died. ``process`` is the verb: no two processes of a node share it."""
    configure_logging(settings.node, process)
    async with AsyncExitStack() as stack:
        telemetry = Telemetry(settings, process, clock or SystemClock())
        stack.push_async_callback(telemetry.close)
        configure_logging(settings.node, process, publish=telemetry.publish)
        tasks = BackgroundTasks(on_death)
        stack.push_async_callback(tasks.close)
        telemetry.start(tasks)
        yield telemetry, tasks
