"""A controller's recording half with real parts, which can lose its power at any statement.

Real are coordinator, camera_reconciler, fleet, clock log, reports, reconciler, its workers' bookkeeping
and the session store. The disks and the work on them are pretended, with behaviour.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from tests.model.cameras import Calls, Camera
from tests.model.database import open_database
from tests.model.virtual_time import SettableClock

from ctlr.gate import Gate
from ctlr.ingest.arrivals import Arrivals
from ctlr.ingest.inventory import DeliveredFile, DurableList, Inventory
from ctlr.ingest.reports import Reports
from ctlr.ingest.takes import Takes
from ctlr.kernel.errors import Refusal
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.layout.raw import parse_segment_name
from ctlr.nodes.client import NodeClient
from ctlr.nodes.fleet import Fleet
from ctlr.nodes.messages import DurableFile
from ctlr.postprocess.supervise.jobs import Job, JobResult
from ctlr.postprocess.supervise.reconcile import Reconciler
from ctlr.postprocess.supervise.workers import Task
from ctlr.recording.camera_reconciler import CameraReconciler
from ctlr.recording.clocklog import ClockLog
from ctlr.recording.coordinator import Coordinator
from ctlr.recording.session_clock import SessionClock
from ctlr.recording.stopwatch import Stopwatch
from ctlr.sessions.clock_steps import ClockSteps
from ctlr.sessions.model import TakeStart
from ctlr.sessions.store import SessionStore

START_DELAY_MS = 3000
QUIET_S = 10.0
GIVE_UP_S = 60.0
LONGEST_S = 12 * 3600.0
WORK_S = 1.5

Found = frozenset[tuple[str, str]]
"""Files of a session as (source, name)."""


@dataclass
class Drive:
    """The two disks. Delivered files never go; ``made`` holds what each session was made of."""

    delivered: dict[tuple[str, str], list[DeliveredFile]] = field(default_factory=dict)
    made: dict[str, Found] = field(default_factory=dict)
    verified: dict[str, Found] = field(default_factory=dict)
    sync_is_there: bool = True

    def put(self, source: str, uuid: str, name: str) -> None:
        files = self.delivered.setdefault((source, uuid), [])
        files.append(DeliveredFile(name, size=1, mtime_ns=len(files)))

    def holds(self, source: str, uuid: str, name: str) -> bool:
        return (source, name) in self.found(uuid)

    def found(self, uuid: str) -> Found:
        return frozenset(
            (source, file.name)
            for (source, of), files in self.delivered.items()
            for file in files
            if of == uuid
        )

    def check_sync(self) -> None:
        if not self.sync_is_there:
            raise Refusal("storage_unavailable", "The sync drive is away.")

    async def files(self, uuid: str, node: str) -> list[DeliveredFile]:
        await asyncio.sleep(0)
        return list(self.delivered.get((node, uuid), []))

    async def count_segments(self, uuid: str, node: str) -> int:
        files = await self.files(uuid, node)
        return sum(parse_segment_name(file.name) is not None for file in files)

    async def has_files(self, uuid: str) -> bool:
        return bool(self.found(uuid))

    async def list_durable(
        self, uuid: str, node: str, names: Sequence[str] | None = None
    ) -> DurableList:
        files = [
            DurableFile(name=file.name, size=file.size, xxh128="")
            for file in await self.files(uuid, node)
            if names is None or file.name in names
        ]
        return DurableList(files, sorted({*(names or ())} - {file.name for file in files}))

    async def needs_processing(self, uuid: str) -> bool:
        return self.made.get(uuid, frozenset()) != self.found(uuid)

    async def needs_verification(self, uuid: str) -> bool:
        return uuid in self.made and self.verified.get(uuid) != self.made[uuid]

    async def work(
        self, task: Task, job: Job, keep: Callable[[Job], None], finish: asyncio.Event | None
    ) -> JobResult:
        """What a worker process does, with the files there are when it begins."""
        if task is Task.VERIFY:
            await asyncio.sleep(WORK_S)
            self.verified[job.uuid] = self.made[job.uuid]
            return JobResult(failed=False)
        if finish is not None:
            await finish.wait()
        found = self.found(job.uuid)
        await asyncio.sleep(WORK_S)
        if not self.sync_is_there:
            return JobResult(failed=True, error="The sync drive is away.")
        self.made[job.uuid] = found
        return JobResult(failed=False, folder=job.uuid, processed_at="2026-04-14T10:40:00Z")


class ToldTakes:
    """Counts takes as the real one does. Files of the pretended drive are never replaced."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    async def keep(self, uuid: str, node: str) -> None:
        await self._store.newest_take(uuid, node)

    async def begin(self, uuid: str, node: str, at_ms: int, *, again: bool, repeated: bool) -> None:
        take = await self._store.newest_take(uuid, node) + (again and not repeated)
        with suppress(sqlite3.OperationalError):
            await self._store.keep_start(uuid, node, TakeStart(take, at_ms))


class Controller:
    """One life of the process. ``died`` tells whether one of its tasks ended by itself."""

    def __init__(
        self, path: Path, clock: SettableClock, cameras: Iterable[Camera], drive: Drive
    ) -> None:
        by_name = {camera.name: camera for camera in cameras}
        self.died = False
        database, self.connection = open_database(path)
        self._tasks = BackgroundTasks(self._die)
        self._commands: set[asyncio.Task[object]] = set()
        inventory, gate = cast("Inventory", drive), Gate()
        self.store = SessionStore(database)
        takes = cast("Takes", ToldTakes(self.store))
        client = cast("NodeClient", Calls(by_name, clock))
        nodes = [camera.address for camera in by_name.values()]
        self.fleet = Fleet(nodes, client, clock, self._wake)
        session_clock = SessionClock(ClockSteps(database), clock, "this boot")
        self.clock_log = ClockLog(self.store, self.fleet, clock, session_clock)
        self.coordinator = Coordinator(
            self.store,
            self.fleet,
            clock,
            self.clock_log,
            Stopwatch(clock, LONGEST_S),
            session_clock,
            gate,
            start_delay_ms=START_DELAY_MS,
            min_cameras=1,
            find_warnings=list,
            on_change=self._session_changed,
        )
        self.camera_reconciler = CameraReconciler(
            self.coordinator,
            self.store,
            self.fleet,
            takes,
            clock,
            gate,
            start_delay_ms=START_DELAY_MS,
            longest_s=LONGEST_S,
        )
        self.reconciler = Reconciler(
            self.store,
            inventory,
            Arrivals(inventory, clock, quiet_s=QUIET_S, give_up_s=GIVE_UP_S, view=self.fleet.view),
            clock,
            self._tasks,
            drive.work,
            on_change=lambda: None,
            check_sync=drive.check_sync,
            needs_processing=drive.needs_processing,
            needs_verification=drive.needs_verification,
        )
        self.reports = Reports(
            self.store,
            inventory,
            takes,
            clock,
            check_storage=lambda: None,
            on_report=self.reconciler.reported,
        )

    async def start(self) -> None:
        """Take up what is stored, in the order of the real one."""
        await self.coordinator.resume()
        self.fleet.start_polling(self._tasks)
        self._tasks.start_loop("recording", self.camera_reconciler.reconcile_forever())
        self._tasks.start_loop("session clock", self.coordinator.follow_clock_forever())
        self._tasks.start_loop("clocks", self.clock_log.run_forever())
        self._tasks.start_loop("postprocess", self.reconciler.run_forever())

    def fill_the_disk(self, full: bool) -> None:
        self.connection.take_nothing(full)

    def begin(self, command: asyncio.Task[object]) -> None:
        """A command that ends with this process, if it has not ended before."""
        self._commands.add(command)

    async def lose_power(self) -> None:
        """Nothing that is under way gets one statement further."""
        self.connection.cut()
        for command in self._commands:
            command.cancel()
        await self._tasks.close()
        for command in self._commands:
            with suppress(asyncio.CancelledError, sqlite3.ProgrammingError, Refusal):
                await command

    def _die(self) -> None:
        self.died = True

    def _session_changed(self) -> None:
        self.reconciler.wake()

    def _wake(self) -> None:
        self.camera_reconciler.wake()
        self.reconciler.wake()
