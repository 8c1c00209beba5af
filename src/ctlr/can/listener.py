"""``ctlr listen-can``: every bus has a reader, one recorder writes, once a second the status.

An adapter is read by a thread of its own and bridges by the event loop; both hand whole batches to
the recorder, whose thread writes them. A thread or loop that dies takes the process with it, and
systemd starts it again; the recording goes on in the same file. When it is told to end, buses are
let go first, then what is in memory is written and the drive is let go: an eject waits for no more.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import structlog

from ctlr.can.blf import BlfCopy
from ctlr.can.bridge import Bridge
from ctlr.can.intake import Intake
from ctlr.can.reader import read_forever
from ctlr.can.recorder import Recorder
from ctlr.can.report import Report
from ctlr.can.status_file import write_status
from ctlr.config import CanBus, CanSettings, Settings
from ctlr.config.can import TCP
from ctlr.kernel.clock import Clock, SystemClock
from ctlr.kernel.service import Lifetime, stop_on_signals
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.kernel.threads import LastingThreads
from ctlr.telemetry.process import telemetry_of
from ctlr.telemetry.sink import Telemetry

STATUS_EVERY_S = 1.0
METRICS_EVERY_S = 30.0
END_BUSES_S = 1.0
END_WRITER_S = 4.0
_DETAILS = {"buses", "refused"}
_WRITER = "the writer"  # no bus can have that name

_log = structlog.get_logger("can")


async def listen(settings: Settings, find_problem: Callable[[], str | None]) -> None:
    """Record until SIGTERM or SIGINT.

    ``find_problem`` says why nothing may be written to the logging drive now, or None. Raises
    ``PartDiedError``.
    """
    clock, lifetime = SystemClock(), Lifetime("the CAN listener")
    stop_on_signals(lifetime.stopped)
    async with telemetry_of(settings, "listen-can", lifetime.die, clock) as (telemetry, tasks):
        listener = Listener(settings, find_problem, clock, lifetime.die)
        listener.start(tasks)
        tasks.start_loop("metrics", _publish_forever(listener, telemetry))
        try:
            await lifetime.wait()
        finally:
            await listener.end()
    lifetime.check()


class Listener:
    """The parts, and what they say of themselves. Made inside a running event loop."""

    def __init__(
        self,
        settings: Settings,
        find_problem: Callable[[], str | None],
        clock: Clock,
        on_death: Callable[[], None],
    ) -> None:
        self._can = settings.can
        self._clock = clock
        self._threads = LastingThreads(on_death)
        self._bridges: list[asyncio.Task[None]] = []
        self._stopping = threading.Event()
        self._recorder = Recorder(
            settings.storage.logging,
            find_problem,
            clock,
            rotate_bytes=self._can.rotate_mb << 20,
            memory_bytes=self._can.memory_mb << 20,
            beside=_blf_copy(self._can),
        )
        self._intakes = {
            bus.name: Intake(bus.name, self._recorder.put, clock) for bus in self._can.buses
        }
        self._report = Report(list(self._intakes.values()), self._recorder)
        self._status_problem: str | None = None
        self.status: dict[str, Any] = {}
        """What the status file says."""

    def start(self, tasks: BackgroundTasks) -> None:
        self._threads.start(_WRITER, self._recorder.run)
        for bus in self._can.buses:
            self._start_bus(bus, self._intakes[bus.name], tasks)
        tasks.start_loop("status", self._write_status_forever())

    async def end(self) -> None:
        """Let go of the buses, then of the drive; within ``END_BUSES_S + END_WRITER_S``."""
        self._stopping.set()
        for bridge in self._bridges:
            bridge.cancel()
        await asyncio.gather(*self._bridges, return_exceptions=True)
        await self._threads.join(END_BUSES_S, self._readers())
        self._recorder.stop()
        if not await self._threads.join(END_WRITER_S, [_WRITER]) or self._recorder.waiting_rows:
            rows = self._recorder.waiting_rows
            _log.error("the drive was not there at the end: frames are lost", frames=rows)
        for intake in self._intakes.values():
            intake.disconnect("the listener has ended")
        self._write_status()

    def _start_bus(self, bus: CanBus, intake: Intake, tasks: BackgroundTasks) -> None:
        if bus.interface == TCP:
            bridge = Bridge(bus, intake)
            self._bridges.append(tasks.start_loop(f"bus {bus.name}", bridge.serve_forever()))
        else:
            self._threads.start(bus.name, lambda: read_forever(bus, intake, self._stopping))

    def _readers(self) -> list[str]:
        return [bus.name for bus in self._can.buses if bus.interface != TCP]

    async def _write_status_forever(self) -> None:
        while True:
            await asyncio.sleep(STATUS_EVERY_S)
            self._write_status()

    def _write_status(self) -> None:
        self.status = self._report.make(self._clock.now_ms(), self._clock.monotonic())
        problem = None
        try:
            write_status(self._can.status_file, self.status)
        except OSError as error:
            problem = str(error)
        if problem and problem != self._status_problem:
            _log.error("the status cannot be shown; the recording goes on", reason=problem)
        self._status_problem = problem


async def _publish_forever(listener: Listener, telemetry: Telemetry) -> None:
    """Send what the status says as metrics, without its details by bus and by reason."""
    while True:
        await asyncio.sleep(METRICS_EVERY_S)
        fields = {key: value for key, value in listener.status.items() if key not in _DETAILS}
        telemetry.publish_metrics("can", "can", fields)


def _blf_copy(can: CanSettings) -> BlfCopy | None:
    return BlfCopy([bus.name for bus in can.buses], can.rotate_mb << 20) if can.blf else None
