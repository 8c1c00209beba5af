"""Child processes with a deadline, that die with their parent.

A child stuck on a dead disk is in state D: SIGKILL has no effect and waiting for it hangs
the caller too. So nobody here waits without a deadline; a child that does not end after the
kill is left behind and reported as such.
"""

import asyncio
import ctypes
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

KILL_GRACE_S = 2.0

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class ProcessTimeoutError(Exception):
    """The child did not end in time; it was killed, or left behind if even that failed."""


@dataclass(frozen=True)
class Finished:
    """How a child ended: exit code (negative: signal number), and what it printed."""

    returncode: int
    stdout: bytes
    stderr: bytes


def die_with_parent(parent_pid: int) -> Callable[[], None]:
    """A ``preexec_fn``: the child gets SIGTERM when the thread that started it ends."""

    def prepare() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent_pid:  # the parent ended before prctl took effect
            os._exit(1)

    return prepare


async def run(command: Sequence[str], deadline_s: float) -> Finished:
    """Run a command to its end and return how it ended.

    Raises ``ProcessTimeoutError`` after ``deadline_s`` seconds and ``OSError`` when the program
    cannot be started.
    """
    child = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=die_with_parent(os.getpid()),
    )
    try:
        async with asyncio.timeout(deadline_s):
            stdout, stderr = await child.communicate()
    except TimeoutError as error:
        await kill(child)
        raise ProcessTimeoutError(f"{command[0]} did not end within {deadline_s:g} s") from error
    except asyncio.CancelledError:
        await kill(child)
        raise
    assert child.returncode is not None
    return Finished(child.returncode, stdout, stderr)


async def kill(child: asyncio.subprocess.Process) -> None:
    """Kill a child and wait for it, but never longer than ``KILL_GRACE_S``."""
    with suppress(ProcessLookupError):
        child.kill()
    with suppress(TimeoutError):
        async with asyncio.timeout(KILL_GRACE_S):
            await child.wait()
