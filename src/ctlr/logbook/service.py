"""``ctlr subscribe-logs``: everything that the rig says, into ``{logging}/logs/logs.db`` and Loki.

When it is told to end (an eject does that), it stores what it has, lets go of the drive and of the
broker, and the broker keeps what comes meanwhile. Killed, it has lost nothing but time.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

from ctlr.config import Settings
from ctlr.kernel.clock import Clock, SystemClock
from ctlr.kernel.service import Lifetime, stop_on_signals
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.logbook.entry import read_message
from ctlr.logbook.former import end_former_session
from ctlr.logbook.intake import Intake
from ctlr.logbook.keeper import Keeper
from ctlr.logbook.loki import Forwarder
from ctlr.logbook.store import LogStore, log_path
from ctlr.logbook.tail import Arrived, Tail, Ticket
from ctlr.telemetry.mqtt import client_id
from ctlr.telemetry.process import telemetry_of
from ctlr.telemetry.sink import Telemetry

PROCESS = "subscribe-logs"
METRICS_EVERY_S = 30.0


async def subscribe(settings: Settings, find_problem: Callable[[], str | None]) -> None:
    """Keep the rig's records until SIGTERM or SIGINT.

    ``find_problem`` says why nothing may be written to the logging drive now, or None. Raises
    ``PartDiedError``, and ``OSError`` where the broker's certificate cannot be read.
    """
    lifetime = Lifetime("the log subscriber")
    stop_on_signals(lifetime.stopped)
    async with telemetry_of(settings, PROCESS, lifetime.die) as (telemetry, _):
        subscriber = Subscriber(settings, find_problem, SystemClock())
        async with AsyncExitStack() as stack:
            stack.push_async_callback(subscriber.end)
            tasks = BackgroundTasks(lifetime.die)
            stack.push_async_callback(tasks.close)
            subscriber.start(tasks)
            tasks.start_loop("metrics", subscriber.report_forever(telemetry))
            await lifetime.wait()
    lifetime.check()


class Subscriber:
    """The parts, and the few words that they say to each other."""

    def __init__(
        self, settings: Settings, find_problem: Callable[[], str | None], clock: Clock
    ) -> None:
        logs, path = settings.logs, log_path(settings.storage.logging)
        self._clock = clock
        self._ignored = 0
        self._tail = Tail()
        own, self._mqtt = f"{PROCESS}-intake", settings.mqtt
        self._session = client_id(settings.mqtt, settings.node, own)
        self._former_session = f"ctlr-{settings.node}-{own}"
        self._intake = Intake(settings.mqtt, self._session, self.take)
        open_store = partial(LogStore, path, logs.max_records, logs.max_mb << 20)
        self._keeper = Keeper(path, open_store, find_problem, self._tail, self._intake.acknowledge)
        self._forwarder = (
            Forwarder(logs, logs.loki_url, self._keeper) if logs.loki_url is not None else None
        )

    def start(self, tasks: BackgroundTasks) -> None:
        tasks.start_loop("intake", self._intake.run())
        if self._former_session != self._session:
            former = end_former_session(self._mqtt, self._former_session, self.take)
            tasks.start_job("former session", former)
        tasks.start_loop("keeper", self._keeper.run())
        if self._forwarder is not None:
            tasks.start_loop("loki", self._forwarder.run())

    async def end(self) -> None:
        """Store what is here, let go of drive and broker. After the loops."""
        await self._keeper.close()
        await self._intake.stop()

    def take(self, topic: str, payload: bytes, ticket: Ticket | None) -> None:
        """A message has come, in the broker client's thread."""
        entry = read_message(topic, payload, self._clock.now_ms())
        if entry is None:
            self._ignored += 1
            done = [ticket]
        else:
            done = [gone.ticket for gone in self._tail.put(Arrived(entry, ticket))]
        self._intake.acknowledge([ticket for ticket in done if ticket is not None])

    async def report_forever(self, telemetry: Telemetry) -> None:
        """How it goes, as a METRICS record."""
        while True:
            await asyncio.sleep(METRICS_EVERY_S)
            forwarder = self._forwarder
            fields = {
                "stored": self._keeper.records,
                "repeats": self._keeper.repeats,
                "ignored": self._ignored,
                "waiting": len(self._tail),
                "dropped": self._tail.dropped,
                "connected": self._intake.connected,
                "problem": self._keeper.problem,
                "loki_forwarded": forwarder.forwarded if forwarder else None,
                "loki_rejected": forwarder.rejected if forwarder else None,
            }
            telemetry.publish_metrics("logbook", "log subscriber", fields)
