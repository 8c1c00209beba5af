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
    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = probe.getsockname()[1]
        self.batches: list[Batch] = []
        self.intake = Intake("bridge", self.batches.append, SystemClock())
        bus = CanBus(name="bridge", interface="tcp", host=HOST, port=self.port)
        self.bridge = Bridge(bus, self.intake)

    @property
    def data(self) -> bytes:
        return b"".join(batch.data for batch in self.batches)

    async def connect(self) -> asyncio.StreamWriter:
        while True:
            with suppress(ConnectionRefusedError):
                _, writer = await asyncio.open_connection(HOST, self.port)
                return writer
            await asyncio.sleep(0.01)


@asynccontextmanager
async def listening() -> AsyncIterator[Listening]:
    rig = Listening()
    serving = asyncio.create_task(rig.bridge.serve_forever())
    try:
        yield rig
    finally:
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
