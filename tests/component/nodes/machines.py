"""Two machines on one cable: network namespaces, which end with the processes that hold them.

A user namespace makes this possible without being root. Where the kernel forbids even that,
both machines are this one, on its loopback interface, and the cable is always plugged in.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

HOLD = ("sh", "-c", "echo ready; exec sleep 600")


@dataclass(frozen=True)
class Machine:
    """Where a program runs: ``enter`` stands before its command; ``address`` is its own."""

    address: str
    interface: str
    enter: tuple[str, ...]

    def plug_in(self) -> None:
        if self.enter:
            self.ip("addr", "add", f"{self.address}/24", "dev", self.interface)
            self.ip("link", "set", self.interface, "up")

    def ip(self, *arguments: str) -> None:
        subprocess.run([*self.enter, "ip", *arguments], check=True)

    @asynccontextmanager
    async def python(self, code: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """A program on this machine, ended at the end."""
        process = await asyncio.create_subprocess_exec(
            *(*self.enter, sys.executable, "-W", "error", "-c", code, *arguments),
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    """Neither is plugged in yet."""
    one, other = _hold(("unshare", "--user", "--map-root-user", "--net", *HOLD)), None
    if one is None:
        loopback = Machine("127.0.0.1", "lo", ())
        yield loopback, loopback
        return
    try:
        inside = ("nsenter", f"--target={one.pid}", "--user", "--preserve-credentials")
        other = _hold((*inside, "unshare", "--net", *HOLD))
        assert other is not None
        first = Machine("10.77.0.1", "cable0", (*inside, "--net"))
        second = Machine("10.77.0.2", "cable1", (*inside, f"--net=/proc/{other.pid}/ns/net"))
        peer = ("peer", "name", second.interface, "netns", str(other.pid))
        first.ip("link", "add", first.interface, "type", "veth", *peer)
        yield first, second
    finally:
        for holder in (other, one):
            if holder is not None:
                _end(holder)


async def next_line(process: asyncio.subprocess.Process, timeout_s: float = 20) -> Any:
    """The next line of JSON that a program prints."""
    assert process.stdout is not None
    async with asyncio.timeout(timeout_s):
        return json.loads(await process.stdout.readline())


def _hold(command: Sequence[str]) -> subprocess.Popen[bytes] | None:
    """A process that keeps a namespace; None where the kernel does not allow it."""
    if shutil.which(command[0]) is None:
        return None
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert holder.stdout is not None
    if holder.stdout.readline() == b"ready\n":
        return holder
    _end(holder)
    return None


def _end(holder: subprocess.Popen[bytes]) -> None:
    holder.kill()
    holder.wait()
    assert holder.stdout is not None
    holder.stdout.close()
