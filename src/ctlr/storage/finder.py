"""Notices which device the configured file system of a volume is on, or what is there instead.

Where udev's links can be seen the monitor knows the device at once, and the privileged program is
asked only what else is plugged in while the links lead to none of ours. Where they cannot (a
container) it is asked for the device too. It is asked whenever a device came or went and whenever
something was mounted or unmounted; each time is a process of root's, which a small machine feels.
A disk has its name before udev has read what is on it, so what was not found is looked for again,
soon at first.
"""

import asyncio
from dataclasses import dataclass, replace

import structlog

from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.layout.volumes import VOLUMES
from ctlr.storage.blockdevices import device_names
from ctlr.storage.monitor import StorageMonitor
from ctlr.storage.privileged_client import PrivilegedClient

POLL_INTERVAL_S = 1.0

_log = structlog.get_logger("storage")


@dataclass(frozen=True)
class _Search:
    """What was there when a search began, and how it has gone; times on the monotonic clock."""

    there: list[int]
    devices: frozenset[str]
    began_at: float
    asked_at: float
    found: bool = False

    def is_due(self, now: float) -> bool:
        """After 1, 2, 4, 8 ... s, for as long as nothing is found."""
        return not self.found and now >= self.asked_at + max(
            POLL_INTERVAL_S, self.asked_at - self.began_at
        )


class Finder:
    """Tells the monitor what is plugged in. ``names_others``: also which other drive is, where the
    links say that ours is not."""

    def __init__(
        self,
        privileged: PrivilegedClient,
        monitor: StorageMonitor,
        clock: Clock,
        *,
        names_others: bool = True,
    ) -> None:
        self._privileged = privileged
        self._monitor = monitor
        self._clock = clock
        self._names_others = names_others
        self._searches: dict[str, _Search] = {}
        self._refusals: dict[str, str] = {}

    async def run_forever(self) -> None:
        """Look every second, where anybody can be asked."""
        while True:
            if self._privileged.is_there:
                for name in VOLUMES:
                    await self._find(name)
            await asyncio.sleep(POLL_INTERVAL_S)

    async def _find(self, name: str) -> None:
        view = self._monitor.snapshot_of(name)
        if view.named and (view.expected or not self._names_others):
            return
        now = self._clock.monotonic()
        before = self._searches.get(name)
        search = _Search(view.ids, device_names(), now, now)
        if before and (before.there, before.devices) == (search.there, search.devices):
            if before.is_due(now):
                await self._ask(name, replace(before, asked_at=now))
            return
        self._monitor.forget_found(name)
        self._searches[name] = search
        if not view.named:  # else udev may be about to link what has just come
            await self._ask(name, search)

    async def _ask(self, name: str, search: _Search) -> None:
        self._searches[name] = search
        try:
            answer = await self._privileged.ask("find", name)
        except Refusal as refusal:
            if self._refusals.get(name) != refusal.detail:  # each once, however often it is asked
                _log.warning("cannot see what is plugged in", mount=name, reason=refusal.detail)
            self._refusals[name] = refusal.detail
            return
        self._refusals.pop(name, None)
        found, others = answer["found"], answer["others"]
        self._searches[name] = replace(search, found=found is not None)
        other = f"{others[0]['device']}, {others[0]['label'] or 'no label'}" if others else None
        if self._monitor.snapshot_of(name).ids == search.there:
            self._monitor.set_found(name, found["number"] if found else None, other)
