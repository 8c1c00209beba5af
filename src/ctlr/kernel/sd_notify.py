"""Signs of life for systemd: that this process is ready, that it still turns, that it ends.

The protocol is sd_notify(3): datagrams of ``KEY=value`` lines to the socket in ``$NOTIFY_SOCKET``.
The watchdog's sign is sent by the event loop itself, twice in each ``$WATCHDOG_USEC``: a loop
that hangs falls silent, and systemd starts the process again. Under anything but systemd the
variables are not set and nothing is sent.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

_log = structlog.get_logger("systemd")


@asynccontextmanager
async def signs_of_life() -> AsyncIterator[None]:
    """Ready from here on, alive while the block runs, ending when it is left."""
    tell("READY=1")
    interval_s = watchdog_interval_s()
    beating = asyncio.create_task(_beat(interval_s), name="watchdog") if interval_s else None
    try:
        yield
    finally:
        if beating is not None:
            beating.cancel()
        tell("STOPPING=1")


def tell(state: str) -> None:
    """Send one message. A supervisor that does not listen holds up nobody: it is logged."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(state.encode(), address)
    except OSError as error:
        _log.warning("systemd cannot be told", state=state, reason=str(error))


def watchdog_interval_s() -> float | None:
    """How often the watchdog must hear of this process; None where nothing watches it."""
    watched_pid = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    limit_us = os.environ.get("WATCHDOG_USEC", "")
    if watched_pid != str(os.getpid()) or not limit_us.isdigit() or int(limit_us) == 0:
        return None
    return int(limit_us) / 2_000_000


async def _beat(interval_s: float) -> None:
    while True:
        tell("WATCHDOG=1")
        await asyncio.sleep(interval_s)
