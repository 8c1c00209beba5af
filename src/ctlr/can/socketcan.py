"""Frames from a SocketCAN socket that python-can has opened, read without an object for each.

The kernel stamps a frame when its driver hands it over, so a frame's own time is its arrival to
the microsecond, however late it is read. It also counts what did not fit into the socket's
buffer (``SO_RXQ_OVFL``): what is lost here is known. The default buffer holds some 270 frames,
30 ms of a full bus; it is made as large as the system allows (the kernel's limit net.core.rmem_max).

Frames are those of linux/can.h: 16 bytes, or 72 with CAN FD.
"""

import select
import socket
import struct
import sys
import time
from contextlib import suppress

from ctlr.can.frame import GATHER_S, Taken, format_row
from ctlr.layout.can_rows import ERROR_FRAME

MAX_FRAMES = 4096
RECEIVE_BUFFER_BYTES = 8 << 20

_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35
_SO_RXQ_OVFL = 40

_FRAME = struct.Struct("=IBxxx")
_FD_MTU = 72
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size) + socket.CMSG_SPACE(4)

_EXTENDED, _REMOTE, _ERROR = 0x80000000, 0x40000000, 0x20000000
_CONTROLLER_PROBLEM, _RECEIVE_OVERFLOW = 0x04, 0x01  # of an error frame: its class, its data[1]


class SocketcanSource:
    """Reads from ``sock``, a raw CAN socket that is bound to its interface."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._dropped = 0
        self._broken: OSError | None = None
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        with suppress(PermissionError):  # beyond the system's limit only with CAP_NET_ADMIN
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)

    def read(self, timeout_s: float) -> Taken:
        """What has come in; waits for the first frame. Raises ``OSError``."""
        if self._broken:
            raise self._broken
        if not select.select([self._socket], [], [], timeout_s)[0]:
            return Taken()
        time.sleep(GATHER_S)
        rows: list[bytes] = []
        times: list[int] = []
        errors, lost = 0, -self._dropped
        while len(times) + errors < MAX_FRAMES and (received := self._receive()):
            frame, ancillary = received
            at_ms = self._read_ancillary(ancillary)
            frame_id, size = _FRAME.unpack_from(frame)
            if frame_id & _ERROR:
                errors += 1
                lost += bool(frame_id & _CONTROLLER_PROBLEM and frame[9] & _RECEIVE_OVERFLOW)
            else:
                rows.append(_row(at_ms, frame_id, size, frame))
                times.append(at_ms)
        refused = {ERROR_FRAME: errors} if errors else {}
        return Taken(b"".join(rows), times, refused, lost + self._dropped)

    def _receive(self) -> tuple[bytes, list[tuple[int, int, bytes]]] | None:
        """The next frame and what the kernel notes beside it; None where that was all.

        A failure is said only once, before the frames that came in before it; it waits until
        those are safe.
        """
        while True:
            try:
                return self._socket.recvmsg(_FD_MTU, _ANCILLARY_BYTES)[:2]
            except BlockingIOError:
                return None
            except OSError as error:
                if self._broken:
                    return None
                self._broken = error

    def _read_ancillary(self, ancillary: list[tuple[int, int, bytes]]) -> int:
        """The frame's time in Unix milliseconds; takes note of what was dropped before it."""
        at_ms = None
        for _, kind, value in ancillary:
            if kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = _TIMESPEC.unpack(value)
                at_ms = seconds * 1000 + nanoseconds // 1_000_000
            elif kind == _SO_RXQ_OVFL:
                self._dropped = int.from_bytes(value, sys.byteorder)
        return time.time_ns() // 1_000_000 if at_ms is None else at_ms


def _row(at_ms: int, frame_id: int, size: int, frame: bytes) -> bytes:
    extended = bool(frame_id & _EXTENDED)
    number = frame_id & (0x1FFFFFFF if extended else 0x7FF)
    if frame_id & _REMOTE:
        return format_row(at_ms, number, b"", extended=extended, remote_len=size)
    return format_row(at_ms, number, frame[8 : 8 + size], extended=extended)
