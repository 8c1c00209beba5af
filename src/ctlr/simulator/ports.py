"""Ports that stay free until the program that was told of them listens.

A camera's address stands in the controller's configuration before the camera runs, so a port
must be known beforehand, and two rigs may start in the same second. Asking the kernel for a
port and closing it again loses that race: the number is soon handed to somebody else's
outgoing connection. So numbers come from below the range that the kernel takes source ports
from, and a claim is an abstract Unix socket named after the number: binding it is atomic among
rigs of one network namespace, and it vanishes with the process, however that ends.
"""

import errno
import itertools
import random
import socket

CLAIMABLE = range(20_000, 32_000)

_turns = itertools.count(random.randrange(len(CLAIMABLE)))  # noqa: S311 - spreads rigs, no secret
"""Each number has its turn before any has it again: one that was released may stand in a
configuration whose program does not listen yet."""


class PortClaim:
    """A port number that no other rig takes until ``release``."""

    def __init__(self, number: int, lock: socket.socket) -> None:
        self.number = number
        self._lock = lock

    def release(self) -> None:
        self._lock.close()


def claim_port(preferred: int | None = None) -> PortClaim:
    """Claim ``preferred`` if it is free, else any free port. Raises ``OSError`` without one."""
    numbers = (CLAIMABLE[next(_turns) % len(CLAIMABLE)] for _ in CLAIMABLE)
    for number in itertools.chain([preferred] if preferred else [], numbers):
        claim = _try_claim(number)
        if claim is not None:
            return claim
    raise OSError(errno.EADDRINUSE, "no free port between 20000 and 31999")


def _try_claim(number: int) -> PortClaim | None:
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        lock.bind(f"\0ctlr-simulator-port-{number}")
        _bind_once(number)
    except OSError:
        lock.close()
        return None
    return PortClaim(number, lock)


def _bind_once(number: int) -> None:
    """Raises ``OSError`` where somebody listens on that port, on whatever address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("", number))
