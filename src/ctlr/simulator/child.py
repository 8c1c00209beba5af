"""One process of the rig: started, waited for until it answers, disturbed, and surely ended.

Each child leads a process group of its own: Ctrl-C in the terminal reaches only the rig, which
then ends everything in order, and whatever a killed child left behind (an rsync on its way) is
ended with its group. It also gets SIGTERM from the kernel when the rig itself is killed.
What it prints goes to a log file, which is what one reads when it does not come up.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ctlr.kernel.process import KILL_GRACE_S, die_with_parent

START_DEADLINE_S = 20.0
STOP_DEADLINE_S = 8.0
RETRY_S = 0.05


class RigError(Exception):
    """A part of the rig cannot be started or ended early; the message shows its last words."""


class Child:
    """A named program. ``answers`` says whether it is up; it is asked until it says yes."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, answers: Callable[[], Awaitable[bool]]
    ) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._answers = answers
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Process id. Raises ``RigError`` when it was never started."""
        if self._process is None:
            raise RigError(f"{self.name} was not started.")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the program and wait until it answers.

        Raises ``RigError`` when it ends, cannot be run or stays silent for ``START_DEADLINE_S``.
        """
        if self.is_running:
            raise RigError(f"{self.name} is already running.")
        with open(self.log, "ab") as log:  # noqa: ASYNC230 - one local file, before anything runs
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=_environment(),
                    process_group=0,
                    preexec_fn=die_with_parent(os.getpid()),
                )
            except OSError as error:
                raise RigError(f"{self.name} cannot be started: {error}.") from error
        await self._wait_until_it_answers(self._process)

    async def _wait_until_it_answers(self, process: asyncio.subprocess.Process) -> None:
        try:
            async with asyncio.timeout(START_DEADLINE_S):
                while not await self._answers():
                    if process.returncode is not None:
                        raise RigError(
                            f"{self.name} ended with code {process.returncode} before it "
                            f"answered.\n{self.log_tail()}"
                        )
                    await asyncio.sleep(RETRY_S)
        except TimeoutError as error:
            raise RigError(
                f"{self.name} did not answer within {START_DEADLINE_S:g} s.\n{self.log_tail()}"
            ) from error

    async def stop(self) -> int | None:
        """Ask it to end, insist after ``STOP_DEADLINE_S``. Returns its exit code, if it ran."""
        if self._process is None:
            return None
        if self.is_running:
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_DEADLINE_S):
                    await self._process.wait()
        return await self._end(self._process)

    async def kill(self) -> None:
        """End it at once, as a power cut would: no goodbye, and its own children too."""
        if self._process is not None:
            await self._end(self._process)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def pause(self) -> None:
        """Freeze it: its port still accepts connections, but nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def log_tail(self, lines: int = 20) -> str:
        """The last lines that it printed, under a heading that names the file."""
        with suppress(OSError):
            text = self.log.read_text("utf-8", "replace").rstrip().splitlines()
            if text:
                return "\n".join([f"--- the last lines of {self.log}", *text[-lines:]])
        return f"--- {self.log} is empty"

    def _signal(self, number: signal.Signals) -> None:
        if self.is_running:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(self.pid, number)

    async def _end(self, process: asyncio.subprocess.Process) -> int | None:
        with suppress(ProcessLookupError):  # the whole group is gone already
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(TimeoutError):
            async with asyncio.timeout(KILL_GRACE_S):
                await process.wait()
        return process.returncode


def _environment() -> dict[str, str]:
    """Ours without ``CTLR_*``: a setting of the shell must not leak into a rig's processes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CTLR_")}
    return kept | {"PYTHONUNBUFFERED": "1"}
