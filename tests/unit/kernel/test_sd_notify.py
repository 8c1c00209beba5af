"""What systemd hears, on a real datagram socket."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ctlr.kernel.sd_notify import signs_of_life, tell, watchdog_interval_s
from ctlr.kernel.serving import serve_until


class Supervisor:
    """The socket at which systemd listens; ``heard`` empties it."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(address)

    def heard(self) -> list[str]:
        messages = []
        with suppress(BlockingIOError):
            while True:
                messages.append(self._socket.recv(4096).decode())
        return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    address = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    supervisor = Supervisor(address)
    yield supervisor
    supervisor.close()


async def nothing(_scope: object, _receive: object, _send: object) -> None:
    """An application that is never asked."""


async def test_ready_alive_and_ending_are_told_in_this_order(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    heard: list[str] = []
    async with signs_of_life():
        while heard.count("WATCHDOG=1") < 3:
            await asyncio.sleep(0.01)
            heard += supervisor.heard()
    heard += supervisor.heard()
    assert (heard[0], heard[-1]) == ("READY=1", "STOPPING=1")
    assert set(heard[1:-1]) == {"WATCHDOG=1"}


async def test_the_end_is_told_when_the_work_fails(supervisor: Supervisor) -> None:
    with pytest.raises(OSError, match="drive"):
        async with signs_of_life():
            raise OSError("drive")
    assert supervisor.heard() == ["READY=1", "STOPPING=1"]


def test_an_address_without_a_file_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"ctlr-test-{os.getpid()}"
    supervisor = Supervisor(f"\0{name}")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    tell("READY=1")
    assert supervisor.heard() == ["READY=1"]
    supervisor.close()


def test_a_supervisor_that_is_away_or_not_reading_holds_up_nobody(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2000):  # more than any socket buffers
        tell("WATCHDOG=1")
    assert supervisor.heard()
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    tell("READY=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    tell("READY=1")
    assert supervisor.heard() == []


@pytest.mark.parametrize(
    ("limit_us", "pid", "interval_s"),
    [
        ("30000000", None, 15.0),
        ("30000000", "this", 15.0),
        ("30000000", "1", None),  # meant for another process
        ("0", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_the_watchdog_hears_twice_in_its_time(
    monkeypatch: pytest.MonkeyPatch,
    limit_us: str | None,
    pid: str | None,
    interval_s: float | None,
) -> None:
    pid = str(os.getpid()) if pid == "this" else pid
    for name, value in (("WATCHDOG_USEC", limit_us), ("WATCHDOG_PID", pid)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert watchdog_interval_s() == interval_s


async def test_a_server_is_ready_when_its_port_answers(supervisor: Supervisor) -> None:
    with socket.socket() as claimed:
        claimed.bind(("127.0.0.1", 0))
        port = claimed.getsockname()[1]
    stopped = asyncio.Event()
    serving = asyncio.create_task(serve_until(stopped, nothing, "127.0.0.1", port))
    heard: list[str] = []
    while not heard:
        await asyncio.sleep(0.01)
        heard = supervisor.heard()
    _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    stopped.set()
    await serving
    assert [*heard, *supervisor.heard()] == ["READY=1", "STOPPING=1"]


async def test_a_server_without_its_port_is_never_ready(supervisor: Supervisor) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            await serve_until(asyncio.Event(), nothing, "127.0.0.1", port)
    assert supervisor.heard() == []
