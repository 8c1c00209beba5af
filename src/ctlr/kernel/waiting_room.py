"""Where connections wait until their first request's headers are there.

Until then one is a socket and a few bytes, and nothing of the server knows of it: so thousands that
only hold a connection open, or speak something else, cost next to nothing, and a request that comes
among them is answered as soon as its turn to be accepted has come. Headers are due in ``HEADERS_S``.
There are ``IN_ALL`` places, and ``PER_GROUP`` for each host; beyond that the one that has waited for
longest goes.
"""

import asyncio
import re
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

HEADERS_S = 10.0
MAX_HEADER_BYTES = 64 * 1024
PER_GROUP, IN_ALL = 64, 256
_READ_BYTES = 16 * 1024
_END = re.compile(rb"\n\r?\n")
_BEGIN = re.compile(rb"[\r\n]*(?:[A-Za-z]|$)")

_log = structlog.get_logger("network")


@dataclass(eq=False)
class _Arrival:
    connection: socket.socket
    group: str
    due_at: float
    received: bytearray = field(default_factory=bytearray)
    looked_after: bool = False


class WaitingRoom:
    """``enter`` takes over a connection with what has come in on it, as soon as that is worth it."""

    def __init__(self, enter: Callable[[socket.socket, str, bytes], None]) -> None:
        self._enter = enter
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[_Arrival, None] = {}
        """Whoever came first is first."""
        self._counts: Counter[str] = Counter()

    def admit(self, connection: socket.socket, group: str) -> None:
        """A connection that was just accepted, of the host ``group``."""
        if self._counts[group] >= PER_GROUP:
            self._leave(next(one for one in self._waiting if one.group == group))
        elif len(self._waiting) >= IN_ALL:
            self._leave(next(iter(self._waiting)))
        arrival = _Arrival(connection, group, self._loop.time() + HEADERS_S)
        self._waiting[arrival] = None
        self._counts[group] += 1
        self._read(arrival)

    def check(self) -> None:
        """Turn away who is overdue."""
        now = self._loop.time()
        for arrival in [one for one in self._waiting if one.due_at < now]:
            self._leave(arrival)

    def close(self) -> None:
        for arrival in list(self._waiting):
            self._leave(arrival)

    def _read(self, arrival: _Arrival) -> None:
        try:
            data = arrival.connection.recv(_READ_BYTES)
        except BlockingIOError:
            self._look_after(arrival)
            return
        except OSError:
            data = b""
        if not data:
            self._leave(arrival)
            return
        arrival.received += data
        if not _BEGIN.match(arrival.received):
            self._refuse(arrival, b"400 Bad Request", b"Invalid HTTP request received.")
        elif _END.search(arrival.received, max(0, len(arrival.received) - len(data) - 2)):
            self._forget(arrival)
            self._enter(arrival.connection, arrival.group, bytes(arrival.received))
        elif len(arrival.received) > MAX_HEADER_BYTES:
            self._refuse(arrival, b"431 Request Header Fields Too Large", b"Too many headers.")
        else:
            self._look_after(arrival)

    def _refuse(self, arrival: _Arrival, status: bytes, text: bytes) -> None:
        _log.warning(
            "somebody was turned away who asked for nothing that is understood",
            address=arrival.group,
            answer=status.decode(),
        )
        head = b"HTTP/1.1 %b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
        try:
            arrival.connection.send(
                head % (status, len(text)) + b"Connection: close\r\n\r\n" + text
            )
        except OSError:
            pass  # nobody is there any more
        self._leave(arrival)

    def _look_after(self, arrival: _Arrival) -> None:
        if not arrival.looked_after:
            arrival.looked_after = True
            self._loop.add_reader(arrival.connection, self._read, arrival)

    def _leave(self, arrival: _Arrival) -> None:
        self._forget(arrival)
        arrival.connection.close()

    def _forget(self, arrival: _Arrival) -> None:
        if arrival.looked_after:
            self._loop.remove_reader(arrival.connection)
        del self._waiting[arrival]
        self._counts[arrival.group] -= 1
        if not self._counts[arrival.group]:
            del self._counts[arrival.group]
