"""``ctlr listen-can`` as a process of its own, and what it leaves behind."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ctlr.layout.can_files import RAW_HEADER, newest_last
from ctlr.simulator.can import BusFrame
from ctlr.simulator.can_senders import line_of
from ctlr.simulator.child import Child
from ctlr.simulator.places import HOST, to_toml

PATIENCE_S = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Listening:
    """A listener's places; ``child`` is its process."""

    def __init__(
        self, root: Path, logging: Path, buses: Sequence[dict[str, Any]], **more: Any
    ) -> None:
        self.logging = logging
        self.status_file = root / "can_status.json"
        config = root / "ctlr.toml"
        config.write_text(
            to_toml(
                {
                    "node": "ctlr",
                    "storage": {
                        "logging": str(logging),
                        "logging_device": more.pop("logging_device", ""),
                        "require_mounts": more.pop("require_mounts", False),
                    },
                    "mqtt": {"host": HOST, "port": free_port(), "spool": str(root / "spool.db")},
                    "can": {"status_file": str(self.status_file), "buses": list(buses), **more},
                }
            )
        )
        command = [sys.executable, "-m", "ctlr", "--config", str(config), "listen-can"]
        self.child = Child("listener", command, root / "listener.log", self._is_up)

    async def _is_up(self) -> bool:
        return bool(self.status())

    def status(self) -> dict[str, Any]:
        """The newest word; empty before the first."""
        try:
            return dict(json.loads(self.status_file.read_bytes()))
        except FileNotFoundError:
            return {}

    def bus(self, name: str) -> dict[str, Any]:
        return next((bus for bus in self.status().get("buses", ()) if bus["name"] == name), {})

    def recorded(self) -> bytes:
        """All rows that are in the files."""
        return b"".join(self._pieces())

    def rows_beside_zeros(self) -> bytes:
        """The same without lines in which a pulled drive has left zeros for pages it never wrote."""
        rows = [row for piece in self._pieces() for row in piece.splitlines(keepends=True)]
        return b"".join(row for row in rows if b"\0" not in row)

    def _pieces(self) -> list[bytes]:
        folder = self.logging / "can"
        names = newest_last(os.listdir(folder) if folder.is_dir() else [])
        return [(folder / name).read_bytes().removeprefix(RAW_HEADER) for name in names]

    async def until_heard(self, frames: int) -> None:
        await self.until(lambda: self.status().get("frame_count") == frames)

    async def until_recorded(self, rows: int) -> None:
        await self.until(lambda: self.recorded().count(b"\n") >= rows)

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait for something; shows the log if it does not come to that."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not condition():  # noqa: ASYNC110 - another process's files
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{self.status()}\n{self.child.log_tail()}") from None


@asynccontextmanager
async def started(listening: Listening) -> AsyncIterator[Listening]:
    await listening.child.start()
    try:
        yield listening
    finally:
        await listening.child.kill()


def tcp_bus(port: int, name: str = "bridge") -> dict[str, Any]:
    return {"name": name, "interface": "tcp", "host": HOST, "port": port}


def rows_of(frames: Sequence[BusFrame]) -> bytes:
    """The rows that a bridge's frames become."""
    return b"".join(map(line_of, frames))
