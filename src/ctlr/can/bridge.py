"""The field's bridge: a device on a bus that connects by TCP and sends a line for each frame.

Several may connect to one port. A line is ``ts_ms,id,len,hex`` or means that in one of the dialects
of ``ctlr.layout.can_rows``; what is none is counted and passed over. A device whose power was cut
never says goodbye, so connections are probed, and where there are too many, the one that has been
silent for longest has to go. A client that sends more than can be a bus is slowed down by TCP
itself: no more than ``READ_BYTES`` are taken every ``GATHER_S`` (1.6 MB/s; a full bus at 1 Mbit/s
makes 0.4).
"""

import asyncio
import socket

from ctlr.can.frame import GATHER_S, LineReader
from ctlr.can.intake import Intake
from ctlr.config import CanBus

READ_BYTES = 16 << 10
MAX_CLIENTS = 16
RETRY_S = 5.0
_PROBE_AFTER_S, _PROBE_EVERY_S, _PROBES = 10, 5, 3


class Bridge:
    """The port of one bus."""

    def __init__(self, bus: CanBus, intake: Intake) -> None:
        self._bus = bus
        self._intake = intake
        self._clients: dict[asyncio.StreamWriter, None] = {}
        """In the order in which they last sent something."""

    async def serve_forever(self) -> None:
        """Listen, and try again while the port cannot be had."""
        self._intake.disconnect("no bridge has connected")
        while True:
            try:
                server = await asyncio.start_server(
                    self._serve, self._bus.host, self._bus.port, limit=READ_BYTES
                )
            except OSError as error:
                self._intake.fail(f"port {self._bus.port} cannot be listened on: {error.strerror}")
                await asyncio.sleep(RETRY_S)
                continue
            async with server:
                try:
                    await server.serve_forever()
                finally:
                    for client in self._clients:
                        client.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _probe(writer.get_extra_info("socket"))
        if len(self._clients) >= MAX_CLIENTS:
            next(iter(self._clients)).transport.abort()
        self._clients[writer] = None
        self._intake.connect()
        lines = LineReader()
        try:
            while chunk := await reader.read(READ_BYTES):
                self._intake.take(lines.feed(chunk, self._intake.now_ms()))
                self._clients[writer] = self._clients.pop(writer)
                await asyncio.sleep(GATHER_S)
            self._intake.take(lines.end(self._intake.now_ms()))
        except OSError:
            pass  # cut off; what had come in is taken
        finally:
            del self._clients[writer]
            writer.transport.abort()
            if not self._clients:
                self._intake.disconnect("the bridge has gone")


def _probe(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBE_AFTER_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_EVERY_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
