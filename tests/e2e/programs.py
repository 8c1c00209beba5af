"""The demo as a process, and which processes a folder still has."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def demo(folder: Path, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    command = [sys.executable, "-m", "ctlr", "demo", "--folder", str(folder), *options]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def read_until(process: asyncio.subprocess.Process, words: str) -> str:
    assert process.stdout is not None
    printed = ""
    async with asyncio.timeout(60):
        while words not in printed:
            line = await process.stdout.readline()
            assert line, f"the demo ended before it said {words!r}:\n{printed}"
            printed += line.decode()
    return printed


async def processes_left(folder: Path, within_s: float = 5) -> list[str]:
    """Command lines that still name ``folder`` after at most ``within_s`` seconds."""
    left = _processes_of(folder)
    for _ in range(int(within_s / 0.05)):
        if not left:
            break
        await asyncio.sleep(0.05)
        left = _processes_of(folder)
    return left


def _processes_of(folder: Path) -> list[str]:
    """Zombies have an empty command line and are left out: they are dead, only unmourned."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has just ended
            continue
        if str(folder) in command and int(pid) != os.getpid():
            found.append(f"{pid}: {command}")
    return found
