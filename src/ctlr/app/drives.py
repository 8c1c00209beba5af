"""The parts of the controller that have to do with the drive, put together."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from ctlr.config import Settings
from ctlr.gate import Gate
from ctlr.kernel.clock import Clock
from ctlr.kernel.locks import is_locked
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.storage.drive import Drive
from ctlr.storage.drive_limits import USUAL, DriveLimits
from ctlr.storage.drive_operations import DriveOperations
from ctlr.storage.drive_state import DriveState
from ctlr.storage.ejector import Ejector
from ctlr.storage.finder import Finder
from ctlr.storage.metrics import storage_record
from ctlr.storage.monitor import StorageMonitor
from ctlr.storage.privileged_client import PrivilegedClient
from ctlr.storage.watcher import WATCHER_LOCK
from ctlr.telemetry.sink import Telemetry

FIRST_STATUS_S = 1.0


class Drives:
    """What watches the drive, takes it out and brings it back.

    ``on_change`` is called when a volume is usable or no longer, or the drive is ejected or
    mounted.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        tasks: BackgroundTasks,
        drive_state: DriveState,
        gate: Gate,
        *,
        on_change: Callable[[], None],
        limits: DriveLimits = USUAL,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._tasks = tasks
        self._on_change = on_change
        self._folder = settings.database.path.parent
        self._drive_state = drive_state
        self._privileged = PrivilegedClient(settings.storage)
        self.monitor = StorageMonitor(
            settings.storage,
            settings.node,
            self._folder,
            clock,
            is_ejected=drive_state.is_ejected,
            why_held=drive_state.why_held,
            is_filling=gate.is_recording,
            on_change=self._changed,
        )
        operations = DriveOperations(
            settings.storage,
            self._folder,
            self._privileged,
            self.monitor,
            drive_state,
            gate,
            self._changed,
            limits.lock_s,
        )
        self.ejector = Ejector(
            drive_state,
            operations,
            self.monitor,
            tasks,
            gate,
            on_change=self._changed,
            limits=limits,
        )
        self.drive = Drive(
            drive_state,
            operations,
            self.monitor,
            gate,
            cancel_eject=self.ejector.cancel,
        )

    def start(self, telemetry: Telemetry) -> None:
        """Watch in the background."""
        self._tasks.start_loop("storage", self.monitor.watch_forever())
        if self._settings.storage.require_mounts:  # folders are plugged in nowhere
            finder = Finder(self._privileged, self.monitor, self._clock)
            self._tasks.start_loop("devices", finder.run_forever())
        self._tasks.start_loop("drive notes", self._drive_state.save_forever())
        self._tasks.start_loop("storage metrics", self._publish_forever(telemetry))

    async def wait_for_first_status(self) -> None:
        """Wait a moment, so that the first status tells of the disks; not longer, as one of them
        may hang."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_STATUS_S):
                await self.monitor.judged.wait()

    def require_for_joining(self) -> None:
        """Raise the ``Refusal`` for disks that a session cannot be made with now."""
        self.monitor.require_readable("logging")
        self.monitor.require("sync")

    def _changed(self) -> None:
        """Who asks before a transfer is told too."""
        self._drive_state.set_usable(*self.monitor.find_usable())
        self._on_change()

    async def _publish_forever(self, telemetry: Telemetry) -> None:
        """Send the storage record while no watcher does."""
        while True:
            await asyncio.sleep(self._settings.storage.check_interval_s)
            if not is_locked(self._folder / WATCHER_LOCK):
                telemetry.publish_metrics("storage", "storage", storage_record(self.monitor.states))
