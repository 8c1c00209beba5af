"""The drive as a person handles it, besides ejecting it: mount, unmount, remount, adopt."""

from collections.abc import Callable, Sequence
from typing import Any

from ctlr.gate import Gate
from ctlr.kernel.errors import Refusal
from ctlr.layout.volumes import VOLUMES
from ctlr.storage.drive_operations import DriveOperations
from ctlr.storage.drive_state import DriveState
from ctlr.storage.eject_rules import OperationResult, refuse_for, refused
from ctlr.storage.monitor import StorageMonitor
from ctlr.storage.privileged_client import UNITS
from ctlr.storage.states import State

WRITERS = ("can-listener", "log-subscriber")
"""Services that write to the logging volume."""


class Drive:
    """The two volumes. ``cancel_eject`` ends an eject that waits."""

    def __init__(
        self,
        drive_state: DriveState,
        operations: DriveOperations,
        monitor: StorageMonitor,
        gate: Gate,
        *,
        cancel_eject: Callable[[], None],
    ) -> None:
        self._drive_state = drive_state
        self._operations = operations
        self._monitor = monitor
        self._gate = gate
        self._cancel_eject = cancel_eject

    async def mount(self) -> OperationResult:
        """Bring the drive and its services back; ends a waiting eject."""
        self._cancel_eject()
        dead = [name for name in VOLUMES if self._must_be_unmounted(name)]
        problems: dict[str, str] = {}
        repaired = []
        try:
            async with self._operations.exclusive(VOLUMES):
                for name in VOLUMES:
                    try:
                        if name in dead:
                            await self._operations.unmount(name)
                        if await self._operations.mount(name):
                            repaired.append(name)
                    except Refusal as refusal:
                        problems[name] = refusal.detail
                await self._operations.save_record(ejected=())
        except Refusal as refusal:
            return refused(refusal)
        for unit in UNITS:
            try:
                await self._operations.start_unit(unit)
            except Refusal as refusal:
                problems[unit] = refusal.detail
        await self._monitor.check()
        problems |= self._find_problems(problems)
        details = {"repaired": repaired, "problems": problems}
        if problems:
            return OperationResult(False, " ".join(problems.values()), details)
        return OperationResult(True, "Drive ready", details)

    async def adopt(self, names: Sequence[str]) -> OperationResult:
        """Take what is plugged in as volumes of this rig, whatever they are marked as."""
        try:
            for name in names:
                self._monitor.known.adopt_next(name)
        except OSError as error:
            return OperationResult(False, f"The drive cannot be adopted: {error}.", {})
        self._monitor.forget_answers()
        return await self.mount()

    async def unmount(self, name: str) -> OperationResult:
        """Unmount one volume; it stays away until ``mount``."""
        denied = await self._operations.begin([name], lambda: refuse_for(self._gate.find_work()))
        if denied is not None:
            return denied
        try:
            async with self._operations.exclusive([name]):
                await self._stop_and_unmount(name)
                ejected = tuple({*self._drive_state.record.ejected, name})
                await self._operations.save_record(ejected=ejected, ejecting=(), stopped=())
        except Refusal as refusal:
            # Not where this process is ended in the middle: the next one puts the volume back.
            await self._operations.save_record(ejecting=(), stopped=())
            return refused(refusal)
        return OperationResult(True, f"The {name} drive is unmounted", {})

    async def _stop_and_unmount(self, name: str) -> None:
        stopped: list[str] = []
        try:
            await self._stop_writers([name], stopped)
            await self._operations.unmount(name)
        except Refusal:
            await self._operations.restore([], stopped)
            raise

    async def remount(self, names: Sequence[str]) -> dict[str, str | None]:
        """Unmount, check and mount volumes; returns why each failed, None where it did not. One
        that was ejected comes back with its services.

        Raises ``Refusal``: ``recording_in_progress``, ``processing_in_progress``,
        ``upload_in_progress``, ``drive_busy``.
        """
        if denied := await self._operations.begin(names, self._refuse_remount):
            raise Refusal("drive_busy", denied.message)
        try:
            async with self._operations.exclusive(names):
                results = await self._remount_all(names)
                ejected = self._drive_state.record.ejected
                left = tuple(name for name in ejected if results.get(name, "not asked for"))
                await self._operations.save_record(ejected=left, ejecting=(), stopped=())
        except Refusal:
            await self._operations.save_record(ejecting=(), stopped=())
            raise
        await self._monitor.check()
        problems = self._find_problems({})
        return {name: results[name] or problems.get(name) for name in names}

    def _refuse_remount(self) -> None:
        for work in self._gate.find_work():
            if work.blocks:
                raise Refusal(work.code, f"{work.text}; the drive was not remounted.")

    async def _remount_all(self, names: Sequence[str]) -> dict[str, str | None]:
        stopped: list[str] = []
        if set(names) & set(self._drive_state.record.ejected):
            stopped += UNITS  # they do not run since
        try:
            await self._stop_writers(names, stopped)
            results = {name: await self._remount(name) for name in names}
        except Refusal as refusal:
            results = dict.fromkeys(names, refusal.detail)
        problems = await self._operations.restore([], dict.fromkeys(stopped))
        return {name: results[name] or " ".join(problems) or None for name in names}

    async def _stop_writers(self, names: Sequence[str], stopped: list[str]) -> None:
        await self._gate.release_readers()
        await self._operations.stop_units(WRITERS if "logging" in names else (), stopped)

    async def _remount(self, name: str) -> str | None:
        try:
            await self._operations.unmount(name)
            await self._operations.mount(name)
        except Refusal as refusal:
            return refusal.detail
        return None

    def _must_be_unmounted(self, name: str) -> bool:
        return self._monitor.states[name].state in (State.STACKED, State.STALE, State.RO)

    def _find_problems(self, reply: dict[str, Any]) -> dict[str, str]:
        states = self._monitor.states.items()
        return {
            name: f"The {name} drive is not usable: {state.error}."
            for name, state in states
            if not state.healthy and name not in reply
        }
