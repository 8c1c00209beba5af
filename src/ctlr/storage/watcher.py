"""``ctlr watch-mounts``: repairs the drive while the controller does its own work.

A process of its own, so that neither takes the other along. What is wrong comes from its own
monitor, what to do about it from ``repair``; each step is done by the privileged program and
reported in a record. It keeps its hands off whatever a person has ejected, and while the controller
mounts or unmounts.
"""

import asyncio
import os
from pathlib import Path

import structlog

from ctlr.config import Settings
from ctlr.kernel.clock import Clock, SystemClock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.locks import take_lock, try_lock
from ctlr.kernel.service import Lifetime, stop_on_signals
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.layout.volumes import VOLUMES
from ctlr.storage.drive_file import read_record
from ctlr.storage.drive_operations import LOCK_NAME
from ctlr.storage.finder import Finder
from ctlr.storage.metrics import storage_record
from ctlr.storage.monitor import StorageMonitor
from ctlr.storage.privileged_client import PrivilegedClient
from ctlr.storage.repair import MOST_TRIES, Case, Step, failed, follow, may_try, needed_step, tried
from ctlr.telemetry.process import telemetry_of
from ctlr.telemetry.sink import Telemetry

WATCHER_LOCK = "watcher.lock"
POLL_INTERVAL_S = 1.0
ONLY_ONE_S = 10.0
"""How long a new watcher waits for the one before it to end."""

_log = structlog.get_logger("storage")


class Watcher:
    """Watches both volumes and repairs them. ``folder`` is the state folder."""

    def __init__(
        self, settings: Settings, folder: Path, privileged: PrivilegedClient, clock: Clock
    ) -> None:
        self._folder = folder
        self._privileged = privileged
        self._clock = clock
        self._wake = asyncio.Event()
        self._cases = {name: Case() for name in VOLUMES}
        self.monitor = StorageMonitor(
            settings.storage,
            settings.node,
            folder,
            clock,
            is_ejected=self._is_ejected,
            on_change=self._wake.set,
        )
        self._finder = None
        if settings.storage.require_mounts:  # folders are plugged in nowhere
            self._finder = Finder(privileged, self.monitor, clock, names_others=False)

    def start(self, tasks: BackgroundTasks) -> None:
        tasks.start_loop("mounts", self.monitor.watch_forever())
        if self._finder is not None:
            tasks.start_loop("devices", self._finder.run_forever())
        tasks.start_loop("repairs", self.repair_forever())

    async def repair_forever(self) -> None:
        await self._guard_bare_mount_points()
        while True:
            self._wake.clear()
            for name in VOLUMES:
                await self._repair_if_due(name)
            try:
                async with asyncio.timeout(POLL_INTERVAL_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _is_ejected(self, name: str) -> bool:
        record = read_record(self._folder)
        return name in record.ejected or name in record.ejecting

    async def _guard_bare_mount_points(self) -> None:
        """Make what is bare at the start unwritable; later on unmounting does that."""
        for name in VOLUMES:
            if not self.monitor.snapshot_of(name).there:
                try:
                    await self._privileged.ask("guard", name)
                except Refusal as refusal:
                    if refusal.code != "mounted":
                        _log.warning("mount point not guarded", mount=name, reason=refusal.detail)

    async def _repair_if_due(self, name: str) -> None:
        if not self.monitor.knows_device(name):
            return  # the finder is about to tell
        now = self._clock.monotonic()
        state, device = self.monitor.states[name], self.monitor.expected_at(name)
        case = self._cases[name] = follow(self._cases[name], state, device, now)
        there = self.monitor.snapshot_of(name).there
        step = needed_step(state, is_mounted=bool(there), is_plugged_in=device is not None)
        if step is None or not may_try(case, step, now):
            return
        lock = try_lock(self._folder / LOCK_NAME)
        if lock is None:
            return  # the controller is about to mount or unmount
        try:
            if not self._is_ejected(name):
                self._cases[name] = tried(case, now)
                await self._repair(name, step, self._cases[name].tries)
        finally:
            os.close(lock)

    async def _repair(self, name: str, step: Step, tries: int) -> None:
        problem = self.monitor.states[name].error
        _log.info("repairing drive", mount=name, problem=problem, step=step.value, tries=tries)
        await self.monitor.pause_probes(name)
        try:
            await self._do(name, step)
        except Refusal as refusal:
            told = {"mount": name, "step": step.value, "code": refusal.code}
            _log.error("drive not repaired", **told, reason=refusal.detail, tries=tries)
            self._cases[name] = failed(self._cases[name], refusal.code)
        finally:
            self.monitor.resume_probes(name)
        if tries == MOST_TRIES and not self.monitor.states[name].healthy:
            _log.error(
                "drive given up: a person is needed; plug it in again or use remount",
                mount=name,
                tries=tries,
            )

    async def _do(self, name: str, step: Step) -> None:
        if step is not Step.MOUNT:
            result = await self._privileged.ask("unmount", name)
            _log.info("unmounted", mount=name, devices=result["unmounted"])
        if step is not Step.UNMOUNT:
            checked = await self._privileged.ask("check", name)
            _log.info("checked", mount=name, repaired=checked["repaired"])
            mounted = await self._privileged.ask("mount", name)
            _log.info("mounted", mount=name, device=mounted["device"])


async def watch_mounts(settings: Settings) -> None:
    """Watch and repair until SIGTERM or SIGINT.

    Raises ``Refusal`` ``drive_busy`` when another watcher runs, ``OSError``, ``PartDiedError``.
    """
    lifetime = Lifetime("the drive watcher")
    stop_on_signals(lifetime.stopped)
    folder = settings.database.path.parent
    lock = await _become_the_one(folder)
    try:
        clock = SystemClock()
        async with telemetry_of(settings, "watch-mounts", lifetime.die, clock) as (
            telemetry,
            tasks,
        ):
            watcher = Watcher(settings, folder, PrivilegedClient(settings.storage), clock)
            watcher.start(tasks)
            interval_s = settings.storage.check_interval_s
            tasks.start_loop("metrics", _publish_forever(watcher.monitor, telemetry, interval_s))
            await lifetime.wait()
    finally:
        os.close(lock)
    lifetime.check()


async def _become_the_one(folder: Path) -> int:
    try:
        return await take_lock(folder / WATCHER_LOCK, ONLY_ONE_S)
    except TimeoutError as error:
        raise Refusal("drive_busy", "The drive is watched already, by another process.") from error


async def _publish_forever(
    monitor: StorageMonitor, telemetry: Telemetry, interval_s: float
) -> None:
    while True:
        await asyncio.sleep(interval_s)
        telemetry.publish_metrics("storage", "storage", storage_record(monitor.states))
