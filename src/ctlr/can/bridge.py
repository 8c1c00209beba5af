"""The field's bridge: a device on a bus that connects by TCP and sends a line for each frame.

Several may connect to one port. A line is ``ts_ms,id,len,hex`` or means that in one of the dialects
of ``ctlr.layout.can_rows``; what is none is counted and passed over. A device whose power was cut
never says goodbye, so connections are probed, and where there are too many, the one that has been
silent for longest has to go: of the same host, where that has ``MAX_CLIENTS``.

Only hosts that the bus allows are listened to. A client that sends more than can be a bus is slowed
down by TCP itself: no more than ``READ_BYTES`` are taken every ``GATHER_S`` (1.6 MB/s; a full bus at
1 Mbit/s makes 0.4), and of all clients of the bus no more than ``BUS_BYTES_PER_S``, of which each
host that sends has the same share.
"""

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

import structlog

from ctlr.can.frame import GATHER_S, LineReader
from ctlr.can.intake import Intake
from ctlr.config import CanBus

READ_BYTES = 16 << 10
MAX_CLIENTS = 16
"""Of one host."""
MAX_IN_ALL = 64
BUS_BYTES_PER_S = 3_200_000
RETRY_S = 5.0
_BACKLOG = 16
_SENDS_FOR_S = 1.0
_PROBE_AFTER_S, _PROBE_EVERY_S, _PROBES = 10, 5, 3

_log = structlog.get_logger("can")


@dataclass
class _Client:
    host: str
    writer: asyncio.StreamWriter
    sent_at: float
    """When it last sent something, or came."""

    def cut_off(self) -> None:
        self.writer.transport.abort()


class Bridge:
    """The port of one bus."""

    def __init__(self, bus: CanBus, intake: Intake) -> None:
        self._bus = bus
        self._intake = intake
        self._clients: list[_Client] = []

    async def serve_forever(self) -> None:
        """Listen, and try again while the port cannot be had."""
        self._intake.disconnect("no bridge has connected")
        while True:
            try:
                server = await asyncio.start_server(
                    self._serve, self._bus.host, self._bus.port, limit=READ_BYTES, backlog=_BACKLOG
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
                        client.cut_off()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = str((writer.get_extra_info("peername") or [""])[0])
        if not _is_within(host, self._bus):
            _log.warning("a host that the bus does not allow was turned away", host=host)
            writer.transport.abort()
            return
        _probe(writer.get_extra_info("socket"))
        self._make_room(host)
        client = _Client(host, writer, _now())
        self._clients.append(client)
        self._intake.connect()
        lines = LineReader()
        try:
            while chunk := await reader.read(READ_BYTES):
                self._intake.take(lines.feed(chunk, self._intake.now_ms()))
                client.sent_at = _now()
                await asyncio.sleep(
                    max(GATHER_S, len(chunk) * self._sharers(client) / BUS_BYTES_PER_S)
                )
            self._intake.take(lines.end(self._intake.now_ms()))
        except OSError:
            pass  # cut off; what had come in is taken
        finally:
            if client in self._clients:  # else it had to go for another
                self._clients.remove(client)
            writer.transport.abort()
            if not self._clients:
                self._intake.disconnect("the bridge has gone")

    def _make_room(self, newcomer: str) -> None:
        same = [client for client in self._clients if client.host == newcomer]
        rivals = same if len(same) >= MAX_CLIENTS else self._clients
        if rivals is same or len(rivals) >= MAX_IN_ALL:
            leaver = min(rivals, key=lambda client: client.sent_at)
            self._clients.remove(leaver)
            leaver.cut_off()

    def _sharers(self, client: _Client) -> int:
        """Into how many parts what the bus takes is divided: by host, and among its clients."""
        since = client.sent_at - _SENDS_FOR_S
        senders = [other.host for other in self._clients if other.sent_at > since]
        return len(set(senders)) * senders.count(client.host)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _is_within(host: str, bus: CanBus) -> bool:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in bus.allow)


def _probe(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBE_AFTER_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_EVERY_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
