"""A program on a terminal of its own, as a person has it: it is asked whether it is on one, it is
answered by keys, and Ctrl-C is a key."""

import asyncio
import fcntl
import os
import pty
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CTRL_C = "\x03"
PATIENCE_S = 60.0


def _take_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """``shown`` is all that has been shown so far."""

    def __init__(self, process: asyncio.subprocess.Process, master: int) -> None:
        self._process = process
        self._master = master
        self.shown = ""

    async def until(self, words: str) -> None:
        """Read on until these words are shown. Raises ``AssertionError`` where they never are."""
        async with asyncio.timeout(PATIENCE_S):
            while words not in self.shown:
                assert await self._read(), f"{words!r} was never shown:\n{self.shown}"

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    async def end(self) -> int:
        """How the program ended; what it said last is shown."""
        async with asyncio.timeout(PATIENCE_S):
            while await self._read():
                pass
            return await self._process.wait()

    async def _read(self) -> bool:
        try:
            read = await asyncio.to_thread(os.read, self._master, 4096)
        except OSError:  # nobody has the other end any more
            read = b""
        self.shown += read.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(read)


@asynccontextmanager
async def on_a_terminal(*arguments: str) -> AsyncIterator[Terminal]:
    """``ctlr`` with these arguments."""
    master, slave = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "ctlr", *arguments),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=_take_terminal,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(master)
