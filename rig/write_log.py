"""What is on a disk after its power was cut, from a log of all that was written to it.

QEMU's ``blklogwrites`` notes each write and flush of a disk in the format of the kernel's
dm-log-writes (Documentation/admin-guide/device-mapper/log-writes.rst). The rig keeps the disk as
it was when it was plugged in; what the machine wrote meanwhile is in the log only. On a cut
everything up to the last flush is on the disk, as a drive promises. Of what came after, each
write is there, missing, or torn between two sectors, as chance has it: a drive's cache knows no
order. A write that was sent with ``FUA`` is there in any case.
"""

import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512
_MAGIC, _VERSION = 0x6A736677736872, 1
_SUPER = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")
_FLUSH, _FUA, _DISCARD = 1, 2, 4


@dataclass(frozen=True)
class Entry:
    """One entry: ``data_at`` is where its bytes lie in the log; without sectors it is a flush."""

    sector: int
    sectors: int
    flags: int
    data_at: int

    @property
    def is_flush(self) -> bool:
        return bool(self.flags & _FLUSH)

    @property
    def is_forced(self) -> bool:
        return bool(self.flags & _FUA)

    @property
    def has_data(self) -> bool:
        return self.sectors > 0 and not self.flags & _DISCARD


@dataclass(frozen=True)
class Cut:
    """How much of a log a power cut left: entries kept whole, torn, lost."""

    kept: int
    torn: int
    lost: int


def read_entries(log: Path) -> list[Entry]:
    """All entries of a log that may end anywhere, for its writer was killed."""
    return list(_entries(log)) if log.stat().st_size >= SECTOR else []


def survivors(entries: Sequence[Entry], chance: random.Random) -> list[tuple[Entry, int]]:
    """What a cut right after the last entry leaves: each entry with how many of its sectors."""
    flushed = max((at for at, entry in enumerate(entries) if entry.is_flush), default=-1)
    kept = []
    for at, entry in enumerate(entries):
        if not entry.has_data:
            continue
        if at <= flushed or entry.is_forced:
            kept.append((entry, entry.sectors))
        else:
            kept.append(
                (entry, chance.choice((0, entry.sectors, chance.randint(0, entry.sectors))))
            )
    return kept


def apply(
    log: Path, image: Path, chance: random.Random | None, entries: Sequence[Entry] | None = None
) -> Cut:
    """Bring an image up to what was written: all of it without ``chance``, else what a cut left.

    ``entries``: those that had been written by then, where it is not the whole log.
    """
    if entries is None:
        entries = read_entries(log)
    if chance is None:
        left = [(entry, entry.sectors) for entry in entries if entry.has_data]
    else:
        left = survivors(entries, chance)
    with open(log, "rb") as source, open(image, "rb+") as target:
        for entry, sectors in left:
            source.seek(entry.data_at)
            target.seek(entry.sector * SECTOR)
            target.write(source.read(sectors * SECTOR))
    whole = sum(sectors == entry.sectors for entry, sectors in left)
    lost = sum(sectors == 0 for _, sectors in left)
    return Cut(whole, len(left) - whole - lost, lost)


def _entries(log: Path) -> Iterator[Entry]:
    size = log.stat().st_size
    with open(log, "rb") as file:
        magic, version, _, sector_size = _SUPER.unpack(file.read(_SUPER.size))
        written = bool(magic)  # not before the first flush
        if written and (magic, version, sector_size) != (_MAGIC, _VERSION, SECTOR):
            raise ValueError(f"{log} is no log of writes in sectors of {SECTOR} bytes")
        at = SECTOR
        while at + SECTOR <= size:
            file.seek(at)
            sector, sectors, flags, _ = _ENTRY.unpack(file.read(_ENTRY.size))
            entry = Entry(sector, sectors, flags, at + SECTOR)
            at += SECTOR + (entry.sectors * SECTOR if entry.has_data else 0)
            if at > size:
                return  # it was being written
            if entry.sectors or entry.flags:
                yield entry
