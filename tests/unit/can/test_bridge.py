"""Bridges on a port: several, cut off, garbled, never ending a line."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from structlog.testing import capture_logs

from ctlr.can.bridge import MAX_CLIENTS, Bridge
from ctlr.can.frame import MAX_LINE_BYTES, Batch
from ctlr.can.intake import Intake
from ctlr.config import CanBus
from ctlr.kernel.clock import SystemClock
from ctlr.layout.can_rows import ERROR_FRAME, NO_ROW

HOST = "127.0.0.1"


def line(number: int) -> bytes:
    return b"1776313714000,1A0,2,%04X\n" % number


class Listening:
    def __init__(self, **bus: object) -> None:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = probe.getsockname()[1]
        self.batches: list[Batch] = []
        self.open: dict[asyncio.StreamWriter, asyncio.StreamReader] = {}
        self.intake = Intake("bridge", self.batches.append, SystemClock())
        told = {"name": "bridge", "interface": "tcp", "host": HOST, "port": self.port} | bus
        self.bridge = Bridge(CanBus.model_validate(told), self.intake)

    @property
    def data(self) -> bytes:
        return b"".join(batch.data for batch in self.batches)

    async def ended(self, writer: asyncio.StreamWriter) -> None:
        """Returns once the other side has let go of a connection."""
        with suppress(ConnectionError):
            async with asyncio.timeout(20):
                await self.open[writer].read()

    async def connect(self, host: str = HOST) -> asyncio.StreamWriter:
        """From an address of this machine."""
        while True:
            with suppress(ConnectionRefusedError):
                reader, writer = await asyncio.open_connection(
                    HOST, self.port, local_addr=(host, 0)
                )
                self.open[writer] = reader
                return writer
            await asyncio.sleep(0.01)


@asynccontextmanager
async def listening(**bus: object) -> AsyncIterator[Listening]:
    rig = Listening(**bus)
    serving = asyncio.create_task(rig.bridge.serve_forever())
    try:
        yield rig
    finally:
        for writer in rig.open:
            writer.transport.abort()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await until(lambda: not rig.intake.connected)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - there is nothing to be told by
            await asyncio.sleep(0.005)


async def send_for_ever(writer: asyncio.StreamWriter) -> None:
    async with asyncio.timeout(20):
        while True:
            writer.write(line(0))
            await writer.drain()
            await asyncio.sleep(0.01)


async def test_lines_of_several_bridges_arrive_whole() -> None:
    async with listening() as rig:
        writers = [await rig.connect() for _ in range(3)]
        for number in range(30):
            text = line(number)
            writers[number % 3].write(text[:9])
            await asyncio.sleep(0)
            writers[number % 3].write(text[9:])
        await until(lambda: rig.intake.frames == 30)
        assert sorted(rig.data.splitlines()) == [line(number)[:-1] for number in range(30)]
        assert (rig.intake.connected, rig.intake.errors) == (True, 0)
        for writer in writers:
            writer.close()


async def test_a_bridge_that_goes_and_comes_back() -> None:
    async with listening() as rig:
        for number in range(3):
            writer = await rig.connect()
            writer.write(line(number)[:-1])  # even its last line without an end
            writer.close()
            await until(lambda want=number + 1: rig.intake.frames == want)  # type: ignore[misc]
            await until(lambda: not rig.intake.connected)
        assert rig.intake.problem == "the bridge has gone"
        assert rig.data == line(0) + line(1) + line(2)


async def test_garbage_and_odd_times_are_counted_and_the_frames_kept() -> None:
    async with listening() as rig:
        writer = await rig.connect()
        writer.write(b"\x00\xff\xfe\n" + line(1) + b"GET / HTTP/1.1\r\n\r\n" + b"-7,1A0,1,00\n")
        await until(lambda: rig.intake.frames == 2)
        assert (rig.intake.errors, rig.intake.off_times) == (2, 2)
        assert rig.data == line(1) + b"-7,1A0,1,00\n"
        writer.close()


async def test_error_frames_and_garbage_are_told_apart() -> None:
    async with listening() as rig:
        writer = await rig.connect()
        with capture_logs() as said:
            for _ in range(12):
                writer.write(b"-7,20000088,8,0000800000000000\n")
            writer.write(b"GET / HTTP/1.1\r\n80000123,\n-7,80000123,1,00\n")
            await until(lambda: rig.intake.frames == 1)
        assert rig.intake.refused == {ERROR_FRAME: 12, NO_ROW: 2}
        assert rig.data == b"-7,00000123,1,00\n"
        assert {entry["reason"] for entry in said} == {ERROR_FRAME, NO_ROW}
        assert any("GET /" in entry["example"] for entry in said if entry["reason"] == NO_ROW)
        writer.close()


async def test_a_line_that_never_ends_fills_no_memory() -> None:
    async with listening() as rig:
        endless, good = await rig.connect(), await rig.connect()
        for _ in range(50):
            endless.write(b"x" * 10_000)
            await endless.drain()
        good.write(line(1))
        await until(lambda: rig.intake.frames == 1 and rig.intake.errors == 1)
        endless.write(b"\n" + line(2))
        await until(lambda: rig.intake.frames == 2)
        assert rig.intake.errors == 1
        assert max(len(batch.data) for batch in rig.batches) <= MAX_LINE_BYTES
        endless.close()
        good.close()


async def test_a_connection_that_is_reset_spoils_nothing() -> None:
    async with listening() as rig:
        writer = await rig.connect()
        writer.write(line(1))
        await until(lambda: rig.intake.frames == 1)
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
        await until(lambda: not rig.intake.connected)
        again = await rig.connect()
        again.write(line(2))
        await until(lambda: rig.intake.frames == 2)
        again.close()


async def test_too_many_bridges_and_the_one_silent_for_longest_goes() -> None:
    async with listening() as rig:
        writers = []
        for number in range(MAX_CLIENTS):
            writers.append(await rig.connect())
            writers[-1].write(line(number))
            await until(lambda want=number + 1: rig.intake.frames == want)  # type: ignore[misc]
        writers[0].write(line(99))  # not the silent one any more
        await until(lambda: rig.intake.frames == MAX_CLIENTS + 1)
        newest = await rig.connect()
        newest.write(line(100))
        await until(lambda: rig.intake.frames == MAX_CLIENTS + 2)
        writers[0].write(line(101))
        await until(lambda: rig.intake.frames == MAX_CLIENTS + 3)
        with pytest.raises(ConnectionError):
            await send_for_ever(writers[1])
        for writer in [*writers, newest]:
            writer.transport.abort()


async def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket() as other:
        rig = Listening()
        other.bind((HOST, rig.port))
        other.listen()
        serving = asyncio.create_task(rig.bridge.serve_forever())
        await until(lambda: "cannot be listened on" in (rig.intake.problem or ""))
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    assert (rig.intake.connected, rig.intake.errors) == (False, 1)


async def test_only_hosts_that_the_bus_allows_are_listened_to() -> None:
    async with listening(allow=["127.0.0.7", "127.1.0.0/16"]) as rig:
        for host, number in (("127.0.0.7", 1), ("127.1.2.3", 2)):
            writer = await rig.connect(host)
            writer.write(line(number))
            await until(lambda want=number: rig.intake.frames == want)  # type: ignore[misc]
        strangers = [await rig.connect(host) for host in ("127.0.0.1", "127.0.0.8", "127.2.0.1")]
        with capture_logs() as said:
            for stranger in strangers:
                stranger.write(line(9))
            for stranger in strangers:
                await rig.ended(stranger)
        (last := await rig.connect("127.0.0.7")).write(line(3))
        await until(lambda: rig.intake.frames == 3)
        assert rig.data == line(1) + line(2) + line(3)
        last.close()
    assert {entry["host"] for entry in said if "turned away" in entry["event"]} <= {
        "127.0.0.1",
        "127.0.0.8",
        "127.2.0.1",
    }


def test_an_allowed_address_is_one() -> None:
    usual = CanBus(name="a", interface="tcp").allow
    assert all(network.is_private or network.is_link_local for network in usual)
    for allow in ([], ["10.0.0.256"], ["bridge"], ["10.0.0.1/8"]):
        with pytest.raises(ValueError, match="allow"):
            CanBus.model_validate({"name": "a", "interface": "tcp", "allow": allow})


async def test_a_host_that_connects_often_costs_another_no_place() -> None:
    async with listening() as rig:
        bridge = await rig.connect("127.0.0.2")
        bridge.write(line(0))
        await until(lambda: rig.intake.frames == 1)
        flood = [await rig.connect("127.0.0.3") for _ in range(2 * MAX_CLIENTS)]
        for gone in flood[:MAX_CLIENTS]:
            await rig.ended(gone)
        bridge.write(line(1))
        await until(lambda: rig.intake.frames == 2)


async def test_a_host_that_sends_without_end_leaves_another_its_share() -> None:
    async with listening() as rig:
        floods = [await rig.connect("127.0.0.3") for _ in range(4)]
        sending = [asyncio.create_task(flood_forever(writer)) for writer in floods]
        bridge = await rig.connect("127.0.0.2")
        try:
            for number in range(300):  # as many bytes as the flood's own clients wait for in turn
                bridge.write(line(number) * 100)
                await bridge.drain()
            await until(lambda: rig.data.count(line(299)) == 100)
        finally:
            for task in sending:
                task.cancel()
            await asyncio.gather(*sending, return_exceptions=True)


async def flood_forever(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"9,7FF,1,FF\n" * 1000)
        await writer.drain()
