"""The single steps of ejecting, mounting and unmounting, each with a deadline of its own.

Whoever takes them holds both volumes alone: in this process by a lock, towards the watcher by a
lock file. Where plain folders stand in for the drive there is nothing to unmount: those steps do
nothing.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import structlog

from ctlr.config import StorageSettings
from ctlr.gate import Gate
from ctlr.kernel.errors import Refusal
from ctlr.kernel.locks import take_lock
from ctlr.kernel.process import ProcessTimeoutError, run
from ctlr.storage.blockdevices import name_of
from ctlr.storage.drive_limits import USUAL
from ctlr.storage.drive_state import DriveState
from ctlr.storage.eject_rules import OperationResult, is_transfer, name_holders, others, refused
from ctlr.storage.monitor import StorageMonitor
from ctlr.storage.mountinfo import mounts_at
from ctlr.storage.privileged_client import DRIVE, UNITS, PrivilegedClient
from ctlr.storage.table import read_table

FLUSH_S = 15.0
RETRY_S = 1.0
LOCK_NAME = "drive.lock"
"""In the state folder; whoever mounts or unmounts holds it, in whichever process."""


_log = structlog.get_logger("storage")


class DriveOperations:
    """Does what it is told to the volumes and services. ``folder`` is the state folder;
    ``on_change`` is called when what others are told of the drive has changed."""

    def __init__(
        self,
        storage: StorageSettings,
        folder: Path,
        privileged: PrivilegedClient,
        monitor: StorageMonitor,
        drive_state: DriveState,
        gate: Gate,
        on_change: Callable[[], None],
        lock_s: float = USUAL.lock_s,
    ) -> None:
        self._lock_s = lock_s
        self._paths = {"logging": storage.logging, "sync": storage.sync}
        self._has_mounts = storage.require_mounts
        self._folder = folder
        self._privileged = privileged
        self._monitor = monitor
        self._drive_state = drive_state
        self._gate = gate
        self._on_change = on_change
        self._lock = asyncio.Lock()

    async def begin(
        self, names: Sequence[str], find_reason: Callable[[], OperationResult | None]
    ) -> OperationResult | None:
        """Whether volumes may be taken off, decided at one instant; None: they may. From then on
        nothing new starts, until the record no longer says ``ejecting``."""
        async with self._gate.lock:
            denied = refused(_busy()) if self._drive_state.is_ejecting() else find_reason()
            if denied is None:
                self._drive_state.change(ejecting=tuple(names))
        if denied is None:
            await self.save_record()
        return denied

    @asynccontextmanager
    async def exclusive(self, names: Sequence[str]) -> AsyncIterator[None]:
        """While the block lasts nobody else mounts or unmounts, and these volumes are not probed.

        Raises ``Refusal`` ``drive_busy``.
        """
        async with AsyncExitStack() as held:
            await self._take_locks(held)
            try:
                for name in names:
                    await self._monitor.pause_probes(name)
                yield
            finally:
                for name in names:
                    self._monitor.resume_probes(name)
                self._on_change()

    async def _take_locks(self, held: AsyncExitStack) -> None:
        try:
            async with asyncio.timeout(self._lock_s):
                await held.enter_async_context(self._lock)
                fd = await take_lock(self._folder / LOCK_NAME, self._lock_s)
        except TimeoutError as error:
            raise _busy() from error
        held.callback(os.close, fd)

    async def save_record(self, **fields: object) -> None:
        """Change the record of the drive; returns when it is on the disk."""
        try:
            await self._drive_state.save(**fields)
        except (OSError, TimeoutError) as error:
            _log.error("the drive's state could not be noted down", error=str(error))
        self._monitor.refresh()
        self._on_change()

    async def restore(self, mounted: Iterable[str], stopped: Iterable[str]) -> list[str]:
        """Mount volumes and start services again; returns what could not be done.

        However long it takes: nobody else starts a service that was stopped here.
        """
        problems = []
        steps = [(name, self._mount_again) for name in mounted]
        for name, step in [*steps, *((name, self.start_unit) for name in stopped)]:
            try:
                await step(name)
            except Refusal as refusal:
                problems.append(f"{name}: {refusal.detail}")
        return problems

    def mounted(self) -> list[str]:
        """Which volumes have anything mounted at their place; of folders, all."""
        if not self._has_mounts:
            return list(self._paths)
        table = read_table()
        return [name for name, path in self._paths.items() if mounts_at(table, str(path))]

    async def refuse_others(self, names: Iterable[str]) -> None:
        """Raise ``Refusal`` ``drive_busy`` naming who holds a volume besides our services."""
        left = await self._find_others(names)
        if left and not any(map(is_transfer, left)):
            await asyncio.sleep(RETRY_S)  # whoever only looks at a file is gone by then
            left = await self._find_others(names)
        if left:
            raise Refusal("drive_busy", f"{name_holders(left)}.", holders=left)

    async def _find_others(self, names: Iterable[str]) -> list[dict[str, Any]]:
        if not self._has_mounts:
            return []
        answers = [await self._privileged.ask("holders", name) for name in names]
        found = [holder for answer in answers for holder in answer["holders"]]
        return others(found, UNITS, frozenset({os.getpid()}))

    async def stop_units(self, names: Iterable[str], stopped: list[str]) -> None:
        """Stop services and add those that ran to ``stopped``, and note that down: each before it
        is asked to stop, for it does so too when the answer is no longer waited for. Where nobody
        can be asked there are no services."""
        if self._privileged.is_there:
            for name in names:
                stopped.append(name)
                await self.save_record(stopped=tuple(stopped))
                result = await self._privileged.ask("stop", name)
                if not result["was_active"]:
                    stopped.remove(name)
            await self.save_record(stopped=tuple(stopped))

    async def start_unit(self, name: str) -> bool:
        """Start a service; returns whether there is one of this name."""
        if not self._privileged.is_there:
            return False
        return bool((await self._privileged.ask("start", name))["managed"])

    async def flush(self, names: Iterable[str]) -> None:
        """Have everything written out. Raises ``Refusal`` ``hung``, ``drive_failed``."""
        for name in names:
            try:
                done = await run(["sync", "--file-system", str(self._paths[name])], FLUSH_S)
            except ProcessTimeoutError as error:
                raise Refusal("hung", f"The {name} drive does not finish writing.") from error
            if done.returncode:
                reason = done.stderr.decode("utf-8", "replace").strip()
                raise Refusal("drive_failed", f"The {name} drive cannot be written out ({reason}).")

    async def unmount(self, name: str) -> None:
        if self._has_mounts:
            await self._privileged.ask("unmount", name)

    async def mount(self, name: str) -> bool:
        """Check and mount a volume; returns whether it had to be repaired. One that is mounted
        already is left as it is."""
        if not self._has_mounts or name in self.mounted():
            return False
        checked = await self._privileged.ask("check", name)
        await self._privileged.ask("mount", name)
        return bool(checked["repaired"])

    async def _mount_again(self, name: str) -> bool:
        """Mount a volume that was just unmounted in good order, so need not be checked. One that
        looks mounted is mounted too: it may just be coming off."""
        if self._has_mounts:
            await self._privileged.ask("mount", name)
        return True

    def devices(self, names: Sequence[str]) -> set[str]:
        """The device files that are mounted as these volumes and are still plugged in."""
        table = read_table() if self._has_mounts else ""
        there = [mount for name in names for mount in mounts_at(table, str(self._paths[name]))]
        return {f"/dev/{name}" for mount in there if (name := name_of(mount.device_number))}

    async def release(self, devices: set[str]) -> dict[str, Any]:
        """Prove that the drive is free, with all devices that were mounted, and power it down.

        Raises ``Refusal`` ``not_proven``.
        """
        if not self._has_mounts:
            return {"released": [], "powered_down": []}
        answer = await self._privileged.ask("release", DRIVE)
        if unproven := devices - set(answer["released"]):
            raise Refusal(
                "not_proven",
                f"{' and '.join(sorted(unproven))} was mounted and is not what the configuration "
                "names now, so it is not known to be free. Unplug the other drive, and try again.",
            )
        return answer


def _busy() -> Refusal:
    return Refusal(
        "drive_busy",
        "The drive is just being mounted, repaired or ejected. Nothing was changed; try again in "
        "a moment.",
    )


def reason_of(error: BaseException) -> str:
    """Why a step failed, in words."""
    if isinstance(error, Refusal):
        return error.detail
    return "It took too long" if isinstance(error, TimeoutError) else str(error)
