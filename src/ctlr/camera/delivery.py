"""What to send, what to delete, when to try again. Pure.

A file leaves the card only when the controller lists it as durable with the same size and
hash. Until then it is *unsent*, or *sent* and waited for. It becomes unsent again when the
controller lists it with another hash, says that it is absent, or has not listed it for
``UNLISTED_S`` although it lists files at all: the copy is damaged or gone. A controller that
lists nothing (an installed one) confirms nothing: files stay.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from ctlr.camera.finished import FinishedFile, segment_of
from ctlr.kernel.backoff import Backoff
from ctlr.nodes.messages import DurableFile

BATCH_FILES = 16
"""Sent in one rsync run; small, so that a newer session need not wait for an old one."""

UNLISTED_S = 60.0
RETRY = Backoff(first_s=1.0, longest_s=30.0)
POLL = Backoff(first_s=2.0, longest_s=15.0)
"""Before asking again whether what was sent is durable."""


Sent = dict[FinishedFile, float]
"""Of one session: which files were sent, and when (monotonic seconds). A file that was made again
under its old name is another one."""


@dataclass(frozen=True)
class DeliveryVerdict:
    """What the controller's list means: files to delete, and files to send once more."""

    confirmed: list[FinishedFile]
    damaged: list[FinishedFile]


def next_batch(files: Iterable[FinishedFile], sent: Sent) -> list[FinishedFile]:
    """The next files to send, in order."""
    return [file for file in files if file not in sent][:BATCH_FILES]


def is_durable(file: FinishedFile, listed: Mapping[str, DurableFile]) -> bool:
    there = listed.get(file.name)
    return there is not None and (there.size, there.xxh128) == (file.size, file.xxh128)


def judge(
    files: Iterable[FinishedFile],
    durable: Iterable[DurableFile],
    sent: Sent,
    now: float,
    absent: Container[str] = (),
) -> DeliveryVerdict:
    """Compare the card with what the controller lists, at the monotonic time ``now``."""
    listed = {there.name: there for there in durable}
    confirmed, damaged = [], []
    for file in files:
        if is_durable(file, listed):
            confirmed.append(file)
        elif file in sent and (
            file.name in listed or file.name in absent or now - sent[file] > UNLISTED_S
        ):
            damaged.append(file)
    return DeliveryVerdict(confirmed, damaged)


def count_segments(files: Iterable[FinishedFile]) -> int:
    """Segments of which any file is there."""
    return len({segment_of(file.name) for file in files} - {None})


def segments_unsent(files: Iterable[FinishedFile], sent: Sent) -> int:
    """Segments of which a file is still to be sent."""
    return count_segments(file for file in files if file not in sent)
