"""Keeps an answer ready to "are the disks well?", without ever waiting for one.

Every ``check_interval_s`` each mount is looked up in ``/proc/self/mountinfo`` (which cannot
hang) and probed by a child process with a deadline. A probe that does not come back is left
behind and no second one is sent to that mount until it has ended. Everybody else reads the
last answer from memory.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import structlog

from ctlr.config import StorageSettings
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.process import die_with_parent
from ctlr.storage import probe
from ctlr.storage.mountinfo import Mount, mounts_at, parse_mountinfo

PROBE_DEADLINE_S = 5.0
FULL_BELOW_BYTES = 64 << 20
"""With less free space than this nothing new is taken: room for what is already on its way."""

_log = structlog.get_logger("storage")


@dataclass(frozen=True)
class MountState:
    """One disk as last seen. Sizes in bytes; ``error`` in words, None when all is well."""

    path: str
    mounted: bool = False
    accessible: bool = False
    free_bytes: int = 0
    total_bytes: int = 0
    fs_type: str | None = None
    device: str | None = None
    read_only: bool = False
    latency_ms: float | None = None
    checked_at: float | None = None
    error: str | None = "not checked yet"

    @property
    def healthy(self) -> bool:
        return self.accessible and self.error is None


class StorageMonitor:
    """``logging`` and ``sync`` as last seen. ``on_change`` is called when one gets well or ill,
    ``on_checked`` after each look."""

    def __init__(
        self,
        settings: StorageSettings,
        clock: Clock,
        on_change: Callable[[], None] = lambda: None,
        on_checked: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._on_change = on_change
        self._on_checked = on_checked
        self._paths = {"logging": settings.logging, "sync": settings.sync}
        self._probing: dict[str, asyncio.subprocess.Process] = {}
        self.states = {name: MountState(str(path)) for name, path in self._paths.items()}

    async def watch_forever(self) -> None:
        while True:
            await self.check()
            await asyncio.sleep(self._settings.check_interval_s)

    async def check(self) -> None:
        """Look at both mounts now; returns after at most ``PROBE_DEADLINE_S``."""
        await asyncio.gather(*(self._check_one(name) for name in self._paths))
        self._on_checked()

    def is_usable(self, name: str) -> bool:
        """Whether something may be written below a mount now; asks the mount table again."""
        mount, problem = look_up(self._paths[name], self._settings.require_mounts)
        return problem is None and (mount is None or not mount.read_only)

    def require(self, name: str) -> None:
        """Raise ``Refusal`` ``storage_unavailable`` or ``storage_full`` when a mount can't take
        data. From memory and the mount table; never touches the disk."""
        state = self.states[name]
        if not self.is_usable(name) or (state.checked_at is not None and not state.healthy):
            reason = state.error or "not mounted"
            raise Refusal(
                "storage_unavailable",
                f"The {name} drive cannot be written to ({reason}). Nothing is lost: keep the data and try again.",
            )
        if state.checked_at is not None and state.free_bytes < FULL_BELOW_BYTES:
            raise Refusal(
                "storage_full",
                f"The {name} drive is full. Keep the data and try again when there is room.",
            )

    async def _check_one(self, name: str) -> None:
        path = self._paths[name]
        mount, problem = look_up(path, self._settings.require_mounts)
        state = MountState(
            path=str(path),
            mounted=mount is not None,
            fs_type=mount.fs_type if mount else None,
            device=mount.source if mount else None,
            read_only=mount.read_only if mount else False,
            checked_at=self._clock.monotonic(),
            error=problem,
        )
        if problem is None:
            state = await self._probed(name, state)
        before = self.states[name]
        self.states[name] = state
        if before.error != state.error:
            log = _log.info if state.error is None else _log.error
            log("mount checked", mount=name, path=str(path), error=state.error)
            self._on_change()

    async def _probed(self, name: str, state: MountState) -> MountState:
        answer = await self._ask_probe(name, state.path)
        if answer is None:
            return replace(state, error="does not answer")
        if answer["error"]:
            return replace(state, error=str(answer["error"]))
        return replace(
            state,
            accessible=True,
            free_bytes=answer["free_bytes"],
            total_bytes=answer["total_bytes"],
            latency_ms=answer["latency_ms"],
            error=None,
        )

    async def _ask_probe(self, name: str, path: str) -> dict[str, Any] | None:
        """What the probe says; None while it hangs."""
        hung = self._probing.get(name)
        if hung is not None and hung.returncode is None:
            return None
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            probe.__file__,
            path,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            preexec_fn=die_with_parent(os.getpid()),
        )
        self._probing[name] = child
        try:
            async with asyncio.timeout(PROBE_DEADLINE_S):
                output, _ = await child.communicate()
        except TimeoutError:
            with suppress(ProcessLookupError):
                child.kill()
            return None
        try:
            answer: dict[str, Any] = json.loads(output)
        except ValueError:
            return {"error": f"the probe ended with exit code {child.returncode}"}
        return answer


def look_up(path: Path, require_mounts: bool) -> tuple[Mount | None, str | None]:
    """The mount at a path, and what is wrong with it as far as the mount table tells."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        found = mounts_at(parse_mountinfo(table.read()), os.path.abspath(path))
    if not require_mounts:
        return (found[-1] if found else None), None
    if not found:
        return None, "not mounted"
    if len(found) > 1:
        return found[-1], "mounted twice, one over the other"
    return found[0], "read-only" if found[0].read_only else None


def mount_problem(settings: StorageSettings, name: Literal["logging", "sync"]) -> str | None:
    """Why nothing may be written below a mount, in words; None when it may. Never hangs."""
    path = settings.logging if name == "logging" else settings.sync
    return look_up(path, settings.require_mounts)[1]
