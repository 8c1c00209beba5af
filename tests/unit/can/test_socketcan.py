"""The SocketCAN reader on a socket that stamps and counts as a CAN socket does: UDP on loopback.

The kernel's frames (linux/can.h) are its datagrams; time stamps and the count of what was dropped
come from the same code of the kernel.
"""

import socket
import struct
import time
from collections.abc import Iterator

import pytest

from ctlr.can.socketcan import SocketcanSource

EXTENDED, REMOTE, ERROR = 0x80000000, 0x40000000, 0x20000000


class Wire:
    """Two ends; what is sent into one is read from the other."""

    def __init__(self) -> None:
        self.read_end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.read_end.bind(("127.0.0.1", 0))
        self._send_end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._send_end.connect(self.read_end.getsockname())

    def send(self, frame_id: int, data: bytes, size: int | None = None) -> None:
        length = len(data) if size is None else size
        room = 64 if length > 8 else 8
        self._send_end.send(struct.pack("=IB3x", frame_id, length) + data.ljust(room, b"\0"))

    def close(self) -> None:
        self.read_end.close()
        self._send_end.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


def test_each_kind_of_frame(wire: Wire) -> None:
    source = SocketcanSource(wire.read_end)
    wire.send(0x1A0, b"\x00\xff")
    wire.send(0x18DAF110 | EXTENDED, bytes(8))
    wire.send(0x7FF | REMOTE, b"", size=4)
    wire.send(0x123, bytes(range(12)))
    before_ms = time.time_ns() // 1_000_000
    taken = source.read(5)
    rows = [row.split(b",", 1)[1] for row in taken.data.splitlines()]
    assert rows == [
        b"1A0,2,00FF",
        b"18DAF110,8,0000000000000000",
        b"7FF,4,",
        b"123,12,000102030405060708090A0B",
    ]
    assert all(abs(at - before_ms) < 5000 for at in taken.times_ms)
    assert (len(taken.times_ms), taken.errors, taken.lost) == (4, 0, 0)


def test_silence_is_no_error(wire: Wire) -> None:
    assert SocketcanSource(wire.read_end).read(0).data == b""


def test_error_frames_are_counted_and_an_overrun_controller_has_lost_something(wire: Wire) -> None:
    source = SocketcanSource(wire.read_end)
    wire.send(ERROR | 0x04, bytes([0, 1, 0, 0, 0, 0, 0, 0]))  # controller: receive overflow
    wire.send(ERROR | 0x40, bytes(8))  # bus off
    taken = source.read(5)
    assert (taken.data, taken.errors, taken.lost) == (b"", 2, 1)


def test_what_the_kernel_had_to_drop_is_counted(wire: Wire) -> None:
    source = SocketcanSource(wire.read_end)
    wire.read_end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for number in range(1000):
        wire.send(number, b"")
    taken = source.read(5)
    got, lost = len(taken.times_ms), taken.lost
    for number in range(3):  # the count comes with the frames that follow
        wire.send(number, b"")
    taken = source.read(5)
    assert (got + len(taken.times_ms), lost + taken.lost) == (got + 3, 1000 - got)
    assert 0 < got < 1000


def test_frames_before_a_failure_are_kept_and_the_failure_is_not_forgotten(wire: Wire) -> None:
    source = SocketcanSource(wire.read_end)
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("127.0.0.1", 0))
    wire.read_end.connect(peer.getsockname())
    peer.sendto(struct.pack("=IB3x8x", 0x1A0, 0), wire.read_end.getsockname())
    peer.close()
    wire.read_end.send(b"")  # nobody is there: the socket has an error waiting
    assert len(source.read(5).times_ms) == 1
    with pytest.raises(ConnectionRefusedError):
        source.read(5)
