"""Ways for the pretend bus to reach a listener: as a field bridge, an adapter, a serial device.

Each is an async context that yields a ``send``: it takes the frames that are due.
"""

import asyncio
import os
import pty
import time
import tty
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import can

from ctlr.simulator.can import BusFrame, VehicleBus

Send = Callable[[Iterable[BusFrame]], Coroutine[Any, Any, None]]

TICK_S = 0.02
_CR = b"\r"
_BELL = b"\a"


@asynccontextmanager
async def bridge(host: str, port: int, clock_off_s: float = 0.0) -> AsyncIterator[Send]:
    """A bridge that connects by TCP; its clock is ``clock_off_s`` off. Raises ``OSError``."""
    _, writer = await asyncio.open_connection(host, port)

    async def send(frames: Iterable[BusFrame]) -> None:
        writer.write(b"".join(line_of(frame, clock_off_s) for frame in frames))
        await writer.drain()

    try:
        yield send
    finally:
        writer.close()
        with suppress(OSError):  # the listener went first
            await writer.wait_closed()


@asynccontextmanager
async def adapter(interface: str, channel: str) -> AsyncIterator[Send]:
    """An adapter of python-can's, such as ``socketcan`` and ``vcan0``. Raises ``can.CanError``
    and ``OSError``."""
    bus = can.Bus(channel, interface, ignore_config=True)

    async def send(frames: Iterable[BusFrame]) -> None:
        for frame in frames:
            bus.send(
                can.Message(
                    arbitration_id=frame.frame_id,
                    is_extended_id=frame.extended,
                    data=frame.data,
                ),
                timeout=1,
            )

    try:
        yield send
    finally:
        bus.shutdown()


class SlcanDevice:
    """A serial adapter on a pseudo terminal, whose ``path`` a listener opens.

    It knows the commands to set a bitrate (``S0`` to ``S8``), to open the bus (``O``, ``L`` to
    listen only) and close it (``C``), and to say its version (``V``). Frames pass while the bus
    is open; as with a real one, those that nobody fetches in time are lost.
    """

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self.mode: str | None = None
        self.bitrate_code: str | None = None
        self.lost = 0
        self._heard = b""
        asyncio.get_running_loop().add_reader(self._master, self._hear)

    async def send(self, frames: Iterable[BusFrame]) -> None:
        lines = [slcan_of(frame) for frame in frames if self.mode]
        left = b"".join(lines)
        while left:
            try:
                left = left[os.write(self._master, left) :]
            except BlockingIOError:
                self.lost += left.count(_CR)
                return
            await asyncio.sleep(0)

    def unplug(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)

    def _hear(self) -> None:
        *commands, self._heard = (self._heard + os.read(self._master, 4096)).split(_CR)
        for command in commands:
            os.write(self._master, self._obey(command.decode("ascii", "replace")))

    def _obey(self, command: str) -> bytes:
        if command in {"O", "L"} and self.bitrate_code:
            self.mode = command
        elif command == "C":
            self.mode = None
        elif command[:1] == "S" and command[1:].isdigit() and self.mode is None:
            self.bitrate_code = command[1:]
        elif command == "V":
            return b"V1013\r"
        elif command:
            return _BELL
        return _CR


@asynccontextmanager
async def serial_device(announce: Callable[[str], None]) -> AsyncIterator[Send]:
    """A serial adapter; ``announce`` is told the path of its terminal."""
    device = SlcanDevice()
    announce(device.path)
    try:
        yield device.send
    finally:
        device.unplug()


def line_of(frame: BusFrame, clock_off_s: float = 0.0) -> bytes:
    """A bridge's line for a frame."""
    name = f"{frame.frame_id:08X}" if frame.extended else f"{frame.frame_id:03X}"
    at_ms = round((frame.at_s + clock_off_s) * 1000)
    return f"{at_ms},{name},{len(frame.data)},{frame.data.hex().upper()}\n".encode()


def slcan_of(frame: BusFrame) -> bytes:
    """A serial adapter's line for a frame."""
    name = f"T{frame.frame_id:08X}" if frame.extended else f"t{frame.frame_id:03X}"
    return f"{name}{len(frame.data)}{frame.data.hex().upper()}\r".encode()


async def run(
    bus: VehicleBus,
    way: AbstractAsyncContextManager[Send],
    seconds: float,
    now: Callable[[], float] = time.time,
) -> int:
    """Send what is due as time goes by; returns how many frames that were."""
    count = 0
    async with way as send:
        began = sent_until = now()
        while sent_until < began + seconds:
            await asyncio.sleep(TICK_S)
            until = min(now(), began + seconds)
            frames = bus.frames(sent_until, until)
            await send(frames)
            count += len(frames)
            sent_until = until
    return count
