"""Which connection has to go for a new one. Pure.

A server has so many places, and each address so many of them; who asks for something when they are
taken is let in, and the one that shows least for its place goes. A request that is being worked on is
never broken off. One address cannot take another's places: where all are taken, the address that has
most gives one up. (Who has not asked for anything yet has no place, see ``waiting_room``.)
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Address, ip_address

PER_ADDRESS = 64
IN_ALL = 256


class Stage(IntEnum):
    """How far a connection is; the lower, the sooner it goes."""

    IDLE = 1
    """Between two requests."""
    ANSWERING = 2
    """The answer is on its way out: a file, or events without an end."""
    RECEIVING = 3
    """The body of a request is on its way in."""
    WORKING = 4
    """The request is there, the answer is being made."""


@dataclass(frozen=True)
class Held:
    """A place that is taken. ``moved_at``: when something last came in, monotonic seconds."""

    group: str
    stage: Stage
    moved_at: float


class NoPlaceError(Exception):
    """Every place is taken by a request that is being worked on."""


def group_of(address: str) -> str:
    """Addresses that count as one host: an IPv6 host has a whole /64 to choose from."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed) if parsed.is_link_local else str(IPv6Address(int(parsed) >> 64 << 64))


def find_leaver(
    held: Sequence[Held],
    newcomer: str,
    per_address: int = PER_ADDRESS,
    in_all: int = IN_ALL,
) -> int | None:
    """Index of the connection that goes for one of the group ``newcomer``; None: there is room.

    Raises ``NoPlaceError`` when none can go.
    """
    counts = Counter(one.group for one in held)
    if counts[newcomer] >= per_address:
        return _least([n for n, one in enumerate(held) if one.group == newcomer], held, counts)
    if len(held) >= in_all:
        return _least(range(len(held)), held, counts)
    return None


def _least(among: Sequence[int], held: Sequence[Held], counts: Counter[str]) -> int:
    def worth(number: int) -> tuple[int, Stage, float]:
        one = held[number]
        return -counts[one.group], one.stage, one.moved_at

    may_go = [number for number in among if held[number].stage is not Stage.WORKING]
    if not may_go:
        raise NoPlaceError
    return min(may_go, key=worth)
