"""What of rows that were written and not flushed is on the disk, found line by line. Pure.

A drive that was pulled may keep a file's new size and not its bytes: zeros stand where pages were not
written, also between two that were.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ctlr.can.frame import Batch, make_batch


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one batch, and how far behind the first batch's begin they were written."""

    batch: Batch
    at: int


def parts_there(disk: bytes, batches: Sequence[Batch]) -> tuple[list[Part], list[Batch]]:
    """What stands on the disk as it was written, and what has to be written once more.

    ``disk`` is what the file holds from where the first of the batches was written.
    """
    there: list[Part] = []
    missing: list[Batch] = []
    at = 0
    for batch in batches:
        for is_there, rows in groupby(_rows(disk, batch.data, at), key=lambda row: row[0]):
            found = list(rows)
            part = _batch(batch, [line for _, _, line in found])
            if is_there:
                there.append(Part(part, found[0][1]))
            else:
                missing.append(part)
        at += len(batch.data)
    return there, missing


def _rows(disk: bytes, data: bytes, at: int) -> Iterator[tuple[bool, int, bytes]]:
    for line in data.splitlines(keepends=True):
        yield disk[at : at + len(line)] == line, at, line
        at += len(line)


def _batch(batch: Batch, lines: Sequence[bytes]) -> Batch:
    times = [int(line.partition(b",")[0]) for line in lines]
    return make_batch(batch.bus, batch.arrived_ms, b"".join(lines), times)
