"""Who the broker turns away, out of what it says of itself. Pure.

mosquitto tells nobody whom it refused but its log, which it can send to a topic too (``log_dest
topic``). A refused client has no name there, only the connection before it has an address::

    New connection from 10.0.0.12:58768 on port 1883.
    Client <unknown> disconnected, not authorised.

So each refusal is that of the oldest connection of which nothing else has been said.
"""

import re
from collections import deque

TOPIC = "$SYS/broker/log/N"
LATELY_S = 600.0
_MOST_REMEMBERED = 1000
_MOST_ADDRESSES = 256

_CAME = re.compile(r"New connection from (\S+) on port")
_IS_IN = re.compile(r"New client connected from (\S+) as ")
_REFUSED = re.compile(r"Client \S+ (?:\[(\S+)\] )?disconnected[,:] not authori[sz]ed")


class RefusedClients:
    """``hear`` takes the lines as they come; times are monotonic seconds."""

    def __init__(self) -> None:
        self._open: deque[str] = deque(maxlen=_MOST_ADDRESSES)
        self._refused: dict[str, deque[float]] = {}

    def hear(self, line: str, now_s: float) -> None:
        if found := _CAME.search(line):
            self._open.append(found[1])
        elif (found := _IS_IN.search(line)) and found[1] in self._open:
            self._open.remove(found[1])
        elif found := _REFUSED.search(line):
            who: str = found[1] or (self._open[0] if self._open else "")
            if who in self._open:
                self._open.remove(who)
            if who:
                self._note(_address(who), now_s)

    def lately(self, now_s: float) -> dict[str, int]:
        """How often each address was refused in the last ``LATELY_S``."""
        found = {}
        for address, times in list(self._refused.items()):
            while times and times[0] <= now_s - LATELY_S:
                times.popleft()
            if times:
                found[address] = len(times)
            else:
                del self._refused[address]
        return found

    def _note(self, address: str, now_s: float) -> None:
        if address in self._refused or len(self._refused) < _MOST_ADDRESSES:
            times = self._refused.setdefault(address, deque(maxlen=_MOST_REMEMBERED))
            times.append(now_s)


def _address(who: str) -> str:
    """The address without the port, an IPv4 one as it is written."""
    return who.rpartition(":")[0].strip("[]").removeprefix("::ffff:")
