"""What to send, what to delete, when to try again. Pure.

A file leaves the card only when the controller lists it as durable with the same size and
hash. Until then it is *unsent*, or *sent* and waited for. It becomes unsent again, to be sent
whole whatever the other side seems to hold, when the controller lists it with another hash,
or has not listed it for ``UNLISTED_S`` although it lists files at all: the copy is damaged or
gone. A controller that lists nothing (an installed one) confirms nothing: files stay.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ctlr.camera.spool import FinishedFile
from ctlr.nodes.messages import DurableFile

BATCH_FILES = 16
"""Sent in one rsync run; small, so that a newer session need not wait for an old one."""

UNLISTED_S = 60.0
FIRST_RETRY_S = 1.0
LAST_RETRY_S = 30.0
FIRST_POLL_S = 2.0
LAST_POLL_S = 15.0


@dataclass
class Sent:
    """What one session's delivery remembers: sent when (monotonic), and sent in vain."""

    at: dict[str, float] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Batch:
    """Files for one rsync run. ``afresh``: ignore what the target holds under these names."""

    names: tuple[str, ...]
    afresh: bool


def next_batch(files: Sequence[FinishedFile], sent: Sent) -> Batch | None:
    """The next files to send, in order; None when there is nothing to send."""
    unsent = [file.name for file in files if file.name not in sent.at]
    if not unsent:
        return None
    afresh = unsent[0] in sent.damaged
    alike = [name for name in unsent if (name in sent.damaged) == afresh]
    return Batch(tuple(alike[:BATCH_FILES]), afresh)


def is_durable(file: FinishedFile, listed: Mapping[str, DurableFile]) -> bool:
    there = listed.get(file.name)
    return there is not None and (there.size, there.xxh128) == (file.size, file.xxh128)


def settle(
    files: Iterable[FinishedFile], durable: Sequence[DurableFile], sent: Sent, now: float
) -> list[str]:
    """Compare the card with what the controller lists; returns the names to delete.

    Files that must be sent again are marked so in ``sent``.
    """
    listed = {there.name: there for there in durable}
    confirmed = []
    for file in files:
        if is_durable(file, listed):
            confirmed.append(file.name)
        elif file.name in sent.at and (
            file.name in listed or now - sent.at[file.name] > UNLISTED_S
        ):
            del sent.at[file.name]
            sent.damaged.add(file.name)
    return confirmed


def count_segments(files: Iterable[FinishedFile]) -> int:
    """Segments of which any file is there."""
    return len({file.name.split(".")[0] for file in files})


def segments_unsent(files: Iterable[FinishedFile], sent: Sent) -> int:
    """Segments of which a file is still to be sent."""
    return count_segments(file for file in files if file.name not in sent.at)


def retry_delay_s(failures: int) -> float:
    """Wait after that many failures in a row: 1, 2, 4, ... 30 s."""
    return float(min(LAST_RETRY_S, FIRST_RETRY_S * 2 ** min(failures - 1, 10)))


def poll_delay_s(polls: int) -> float:
    """Wait before asking again whether what was sent is durable: 2, 4, 8, 15 s."""
    return float(min(LAST_POLL_S, FIRST_POLL_S * 2 ** min(polls, 10)))
