"""Adapters of a bus, opened by python-can, each read in the quickest way that it allows.

python-can makes an object of every frame, which is quick enough for most. Two kinds are read past
it, because a frame that is lost for want of speed is lost for good: SocketCAN, where the kernel
also says how many frames it had to drop, and slcan, which python-can reads byte by byte.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import can
import structlog
from can.interfaces.slcan import slcanBus
from can.interfaces.socketcan import SocketcanBus

from ctlr.can.frame import GATHER_S, Taken, format_row
from ctlr.can.slcan import SlcanSource
from ctlr.can.socketcan import SocketcanSource
from ctlr.config import CanBus
from ctlr.layout.can_rows import ERROR_FRAME

MAX_FRAMES = 4096

_log = structlog.get_logger("can")


class Source(Protocol):
    """An open adapter."""

    def read(self, timeout_s: float) -> Taken:
        """What has come in; waits for the first frame. Raises when the adapter fails."""
        ...


@contextmanager
def opened(bus: CanBus) -> Iterator[Source]:
    """The adapter of a bus. Raises ``OSError``, ``can.CanError``, ``ValueError``, ``TypeError``;
    a vendor's driver may raise something of its own."""
    adapter = can.Bus(bus.channel or None, bus.interface, ignore_config=True, **_arguments(bus))
    try:
        yield _source(adapter)
    finally:
        _shut(adapter)


def _shut(adapter: can.BusABC) -> None:
    try:
        adapter.shutdown()
    except Exception as error:  # one that was unplugged cannot be told goodbye
        _log.info("an adapter was not closed in order", reason=str(error))
    if isinstance(adapter, slcanBus):
        adapter.serialPortOrig.close()


def _arguments(bus: CanBus) -> dict[str, Any]:
    arguments: dict[str, Any] = dict(bus.options)
    if bus.interface == "slcan":
        arguments.setdefault("listen_only", bus.listen_only)
    if bus.fd:
        arguments["fd"] = True
    if bus.bitrate is not None and bus.interface != "socketcan":  # there it is the system's affair
        arguments["bitrate"] = bus.bitrate
    return arguments


def _source(adapter: can.BusABC) -> Source:
    if isinstance(adapter, SocketcanBus):
        return SocketcanSource(adapter.socket)
    if isinstance(adapter, slcanBus):
        return SlcanSource(adapter.fileno())
    return MessageSource(adapter)


class MessageSource:
    """Any other adapter, read by python-can."""

    def __init__(self, adapter: can.BusABC) -> None:
        self._adapter = adapter

    def read(self, timeout_s: float) -> Taken:
        """What has come in; waits for the first frame. Raises ``can.CanError`` or ``OSError``."""
        message = self._adapter.recv(timeout_s)
        if message is not None:
            time.sleep(GATHER_S)
        rows: list[bytes] = []
        times: list[int] = []
        errors = 0
        while message is not None:
            if message.is_error_frame:
                errors += 1
            else:
                at_ms = round(message.timestamp * 1000)
                rows.append(_row(at_ms, message))
                times.append(at_ms)
            message = self._adapter.recv(0) if len(rows) + errors < MAX_FRAMES else None
        return Taken(b"".join(rows), times, {ERROR_FRAME: errors} if errors else {})


def _row(at_ms: int, message: can.Message) -> bytes:
    return format_row(
        at_ms,
        message.arbitration_id,
        b"" if message.is_remote_frame else bytes(message.data),
        extended=message.is_extended_id,
        remote_len=message.dlc if message.is_remote_frame else 0,
    )
