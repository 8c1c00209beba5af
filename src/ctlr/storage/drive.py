"""The drive as a person handles it, besides ejecting it: mount, unmount, remount, adopt."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ctlr.kernel.errors import Refusal
from ctlr.storage.authority import UNITS
from ctlr.storage.ejection import Outcome, Work, refuse_for, refused
from ctlr.storage.handling import Handling
from ctlr.storage.monitor import StorageMonitor
from ctlr.storage.notes import DriveNotes
from ctlr.storage.states import State

VOLUMES = ("logging", "sync")
WRITERS = ("can-listener", "log-subscriber")
"""Services that write to the logging volume."""


class Drive:
    """The two volumes. ``find_work`` tells what uses them now; ``let_go`` ends our children that
    only read them; ``cancel_eject`` ends an eject that waits."""

    def __init__(
        self,
        notes: DriveNotes,
        handling: Handling,
        monitor: StorageMonitor,
        *,
        find_work: Callable[[], Sequence[Work]],
        let_go: Callable[[], Awaitable[None]],
        cancel_eject: Callable[[], None],
    ) -> None:
        self._notes = notes
        self._handling = handling
        self._monitor = monitor
        self._find_work = find_work
        self._let_go = let_go
        self._cancel_eject = cancel_eject

    async def mount(self) -> Outcome:
        """Bring the drive and its services back; ends a waiting eject."""
        self._cancel_eject()
        dead = [name for name in VOLUMES if self._must_be_taken_off(name)]
        problems: dict[str, str] = {}
        repaired = []
        try:
            async with self._handling.alone(VOLUMES):
                for name in VOLUMES:
                    try:
                        if name in dead:
                            await self._handling.unmount(name)
                        if await self._handling.mount(name):
                            repaired.append(name)
                    except Refusal as refusal:
                        problems[name] = refusal.detail
                await self._handling.note(ejected=())
        except Refusal as refusal:
            return refused(refusal)
        for unit in UNITS:
            try:
                await self._handling.start_unit(unit)
            except Refusal as refusal:
                problems[unit] = refusal.detail
        await self._monitor.check()
        problems |= self._find_ills(problems)
        details = {"repaired": repaired, "problems": problems}
        if problems:
            return Outcome(False, " ".join(problems.values()), details)
        return Outcome(True, "Drive ready", details)

    async def adopt(self, names: Sequence[str]) -> Outcome:
        """Take what is plugged in as volumes of this rig, whatever they are marked as."""
        try:
            for name in names:
                self._monitor.known.adopt_next(name)
        except OSError as error:
            return Outcome(False, f"The drive cannot be adopted: {error}.", {})
        self._monitor.forget_answers()
        return await self.mount()

    async def unmount(self, name: str) -> Outcome:
        """Unmount one volume; it stays away until ``mount``."""
        unfit = await self._handling.begin([name], lambda: refuse_for(self._find_work()))
        if unfit is not None:
            return unfit
        try:
            async with self._handling.alone([name]):
                await self._take_off(name)
                ejected = tuple({*self._notes.record.ejected, name})
                await self._handling.note(ejected=ejected, ejecting=(), stopped=())
        except Refusal as refusal:
            # Not where this process is ended in the middle: the next one puts the volume back.
            await self._handling.note(ejecting=(), stopped=())
            return refused(refusal)
        return Outcome(True, f"The {name} drive is unmounted", {})

    async def _take_off(self, name: str) -> None:
        stopped: list[str] = []
        try:
            await self._stop_writers([name], stopped)
            await self._handling.unmount(name)
        except Refusal:
            await self._handling.put_back([], stopped)
            raise

    async def remount(self, names: Sequence[str]) -> dict[str, str | None]:
        """Unmount, check and mount volumes; returns why each failed, None where it did not. One
        that was ejected comes back with its services.

        Raises ``Refusal``: ``recording_in_progress``, ``processing_in_progress``,
        ``upload_in_progress``, ``drive_busy``.
        """
        if unfit := await self._handling.begin(names, self._refuse_remount):
            raise Refusal("drive_busy", unfit.message)
        try:
            async with self._handling.alone(names):
                results = await self._remount_all(names)
                ejected = self._notes.record.ejected
                left = tuple(name for name in ejected if results.get(name, "not asked for"))
                await self._handling.note(ejected=left, ejecting=(), stopped=())
        except Refusal:
            await self._handling.note(ejecting=(), stopped=())
            raise
        await self._monitor.check()
        ills = self._find_ills({})
        return {name: results[name] or ills.get(name) for name in names}

    def _refuse_remount(self) -> None:
        for work in self._find_work():
            if work.blocks:
                raise Refusal(work.code, f"{work.text}; the drive was not remounted.")

    async def _remount_all(self, names: Sequence[str]) -> dict[str, str | None]:
        stopped: list[str] = []
        if set(names) & set(self._notes.record.ejected):
            stopped += UNITS  # they do not run since
        try:
            await self._stop_writers(names, stopped)
            results = {name: await self._remount(name) for name in names}
        except Refusal as refusal:
            results = dict.fromkeys(names, refusal.detail)
        problems = await self._handling.put_back([], dict.fromkeys(stopped))
        return {name: results[name] or " ".join(problems) or None for name in names}

    async def _stop_writers(self, names: Sequence[str], stopped: list[str]) -> None:
        await self._let_go()
        await self._handling.stop_units(WRITERS if "logging" in names else (), stopped)

    async def _remount(self, name: str) -> str | None:
        try:
            await self._handling.unmount(name)
            await self._handling.mount(name)
        except Refusal as refusal:
            return refusal.detail
        return None

    def _must_be_taken_off(self, name: str) -> bool:
        return self._monitor.states[name].state in (State.STACKED, State.STALE, State.RO)

    def _find_ills(self, told: dict[str, Any]) -> dict[str, str]:
        states = self._monitor.states.items()
        return {
            name: f"The {name} drive is not usable: {state.error}."
            for name, state in states
            if not state.healthy and name not in told
        }
