"""A real mosquitto that a test can kill, stop and start again, and what came out of it."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

PACKAGING = Path(__file__).parents[3] / "packaging" / "mosquitto"
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Broker:
    """Keeps its sessions on disk when told to ``save``, so that a subscriber misses nothing."""

    def __init__(self, folder: Path, extra: Iterable[str] = (), *, anonymous: bool = True) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        folder.mkdir()
        self.folder = folder
        self._saved = folder / "mosquitto.db"
        self._config = folder / "mosquitto.conf"
        settings = [
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {str(anonymous).lower()}",
            "persistence true",
            f"persistence_location {folder}/",
            "max_queued_messages 0",
            "user root",
            "log_dest none",
            *extra,
        ]
        self._config.write_text("\n".join(settings) + "\n")
        self._child: subprocess.Popen[bytes] | None = None

    @classmethod
    def as_installed(cls, folder: Path) -> Self:
        """With the configuration that a rig gets, only on another port and in another folder."""
        broker = cls(folder)
        etc = folder / "conf.d"
        etc.mkdir()
        shutil.copy(PACKAGING / "ctlr.acl", folder)
        settings = (PACKAGING / "ctlr.conf").read_text("utf-8")
        settings = settings.replace("/etc/mosquitto/ctlr", f"{folder}/ctlr")
        settings = settings.replace("listener 1883", f"listener {broker.port} 127.0.0.1")
        (etc / "ctlr.conf").write_text(settings)
        debian = f"persistence true\npersistence_location {folder}/\nuser root\nlog_dest none\n"
        broker._config.write_text(f"{debian}include_dir {etc}\n")
        return broker

    def start(self) -> None:
        assert MOSQUITTO
        self._child = subprocess.Popen([MOSQUITTO, "-c", str(self._config)])
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise AssertionError("mosquitto did not start")

    def signal(self, number: signal.Signals) -> None:
        assert self._child
        self._child.send_signal(number)

    async def save(self) -> None:
        """Have the sessions written to disk: what a kill leaves of the broker."""
        before = self._saved.stat().st_mtime_ns if self._saved.exists() else 0
        self.signal(signal.SIGUSR1)
        async with asyncio.timeout(5):
            while not (  # noqa: ASYNC110 - another process's file
                self._saved.exists() and self._saved.stat().st_mtime_ns > before
            ):
                await asyncio.sleep(0.01)

    async def end(self) -> None:
        """Ask it to end, as systemd does; it writes its sessions to disk."""
        assert self._child
        self._child.terminate()
        await asyncio.to_thread(self._child.wait, 10)
        self._child = None

    def kill(self) -> None:
        if self._child:
            self._child.kill()
            self._child.wait(5)
            self._child = None


class Subscriber:
    """``mosquitto_sub`` with a lasting session; collects what arrives."""

    def __init__(self, port: int, topic: str, *options: str) -> None:
        self._command = [
            *("mosquitto_sub", "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-v", "-t", topic),
            *("-c", "-i", f"test-{topic.replace('/', '-').replace('#', 'all')}", *options),
        ]
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self._child: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        # Subscribe once and leave: the session lasts, and from here on nothing is missed.
        subscribed = await asyncio.create_subprocess_exec(*self._command, "-E")
        assert await subscribed.wait() == 0
        self._child = await asyncio.create_subprocess_exec(
            *self._command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._child
        assert self._reading
        self._child.kill()
        await self._child.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._child
        assert self._child.stdout
        async for line in self._child.stdout:
            topic, _, payload = line.decode().partition(" ")
            self.lines.append((topic, json.loads(payload)))

    def numbers(self) -> list[int]:
        """The ``number`` of each record, repeats (by id) left out."""
        seen = {record["id"]: record["number"] for _, record in self.lines if "number" in record}
        return list(seen.values())

    async def until(self, count: int, within_s: float = 30) -> list[int]:
        """Wait for ``count`` numbered records; returns what there is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while len(self.numbers()) < count:  # noqa: ASYNC110 - another process's output
                    await asyncio.sleep(0.05)
        return self.numbers()
