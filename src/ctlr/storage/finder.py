"""Notices which device the configured file system of a volume is on, or what is there instead.

Where udev's links can be seen the monitor knows the device at once. Where they cannot (a container,
a service with a ``/dev`` of its own) and for what else is plugged in, the privileged program is
asked, whenever a device came or went and whenever something was mounted or unmounted.
"""

import asyncio

import structlog

from ctlr.kernel.errors import Refusal
from ctlr.storage.authority import Authority
from ctlr.storage.blockdevices import device_names
from ctlr.storage.monitor import StorageMonitor

LOOK_INTERVAL_S = 1.0
VOLUMES = ("logging", "sync")

_log = structlog.get_logger("storage")


class Finder:
    """Tells the monitor what is plugged in."""

    def __init__(self, authority: Authority, monitor: StorageMonitor) -> None:
        self._authority = authority
        self._monitor = monitor
        self._seen: dict[str, object] = {}

    async def run_forever(self) -> None:
        """Look every second; ends at once where nobody can be asked."""
        while True:
            if self._authority.is_there:
                for name in VOLUMES:
                    await self._look(name)
            await asyncio.sleep(LOOK_INTERVAL_S)

    async def _look(self, name: str) -> None:
        there = [mount.mount_id for mount in self._monitor.glance_at(name).there]
        now = there, device_names()
        if now == self._seen.get(name):
            return
        self._seen[name] = now
        self._monitor.forget_found(name)
        try:
            answer = await self._authority.ask("find", name)
        except Refusal as refusal:
            _log.warning("cannot see what is plugged in", mount=name, reason=refusal.detail)
            return
        found, others = answer["found"], answer["others"]
        other = f"{others[0]['device']}, {others[0]['label'] or 'no label'}" if others else None
        number = found["number"] if found else None
        if there == [mount.mount_id for mount in self._monitor.glance_at(name).there]:
            self._monitor.set_found(name, number, other)
