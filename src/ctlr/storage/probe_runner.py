"""Sends probes to mounts: one child process each, with a deadline, and never two to one mount.

A probe on a dead drive sleeps where no signal reaches it. It is killed, which takes effect when
the drive comes back or goes, and left behind; until it has ended nobody asks that mount again.
"Nobody" includes other processes and a controller that was started again: a child holds a lock
file (in the state folder) for as long as it lives.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ctlr.kernel.locks import take_lock
from ctlr.kernel.process import kill
from ctlr.storage.states import Answer

DEADLINE_S = 5.0


class ProbeRunner:
    """Asks mounts by name. ``folder`` is the state folder."""

    def __init__(self, folder: Path, deadline_s: float = DEADLINE_S) -> None:
        self._folder = folder
        self._deadline_s = deadline_s
        self._left_behind: dict[str, asyncio.subprocess.Process] = {}

    def is_waiting(self, name: str) -> bool:
        """Whether a probe that did not come back is still there."""
        child = self._left_behind.get(name)
        return child is not None and child.returncode is None

    async def ask(
        self,
        name: str,
        path: Path,
        expected: dict[str, object] | None,
        reserved: Sequence[str] = (),
    ) -> Answer | None:
        """What a probe finds; None when none comes back in time. ``reserved`` are the folders that
        are made and written to as well."""
        if self.is_waiting(name):
            return None
        self._left_behind.pop(name, None)
        try:
            lock_fd = await take_lock(self._folder / f"probe-{name}.lock", self._deadline_s)
        except TimeoutError:
            return None  # somebody else's probe hangs
        try:
            child = await self._start(path, expected, reserved, lock_fd)
        except OSError as error:
            return Answer(error=f"no probe could be started: {error.strerror}", error_number=-1)
        finally:
            os.close(lock_fd)
        try:
            async with asyncio.timeout(self._deadline_s):
                output, _ = await child.communicate()
        except TimeoutError:
            with suppress(ProcessLookupError):
                child.kill()
            self._left_behind[name] = child
            return None
        except BaseException:
            await kill(child)
            raise
        return _parse(output, child.returncode)

    async def _start(
        self,
        path: Path,
        expected: dict[str, object] | None,
        reserved: Sequence[str],
        lock_fd: int,
    ) -> asyncio.subprocess.Process:
        """Tied to nothing: it ends by itself at once, or hangs where no signal reaches it. A
        ``preexec_fn`` would cost a fork of this whole process, during which it stands still."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "ctlr.storage.probe", str(path), json.dumps(expected)),
            ",".join(reserved),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=[lock_fd],
        )


def _parse(output: bytes, returncode: int | None) -> Answer:
    try:
        return Answer(**json.loads(output))
    except (ValueError, TypeError):
        return Answer(error=f"the probe ended with exit code {returncode}", error_number=-1)
