"""What a disk holds after a power cut, rebuilt from the record of its writes and flushes.

A disk promises that what was written before a flush has ended survives; nothing else. Of the
writes after the last flush any may be lost, and one may be torn between two sectors. Pure, but
for the dice that the caller brings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

SECTOR = 512
LOST, TORN = 0.5, 0.1


@dataclass(frozen=True, slots=True)
class Write:
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Flush:
    """Everything before it is safe."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A test's note that something was promised."""

    label: str


Event = Write | Flush | Mark


@dataclass(frozen=True, slots=True)
class PowerCut:
    """The disk after the cut, and what had been promised before it."""

    image: bytes
    promised: tuple[str, ...]


def cut_power(image: bytes, events: Sequence[Event], at: int, dice: Random) -> PowerCut:
    """Cut the power before the event number ``at``. ``image`` is the disk before all events."""
    happened = events[:at]
    flushes = [number for number, event in enumerate(happened) if isinstance(event, Flush)]
    safe = flushes[-1] if flushes else 0
    disk = bytearray(image)
    for number, event in enumerate(happened):
        if isinstance(event, Write):
            data = event.data if number < safe else _what_is_left(event.data, dice)
            disk[event.offset : event.offset + len(data)] = data
    return PowerCut(bytes(disk), tuple(e.label for e in happened if isinstance(e, Mark)))


def _what_is_left(data: bytes, dice: Random) -> bytes:
    fate = dice.random()
    if fate < LOST:
        return b""
    if fate < LOST + TORN:
        return data[: dice.randrange(0, len(data), SECTOR)]
    return data
