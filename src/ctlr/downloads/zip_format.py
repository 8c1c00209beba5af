"""A zip's bytes around files that are stored as they are (PKWARE's APPNOTE 6.3). Pure.

Videos do not get smaller, so nothing is compressed, and the length of the whole is known before the
first file is read. A file's checksum is not: it follows behind the file's bytes. What does not fit
into 32 bits has the 64-bit form, and only that.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

LARGEST_32 = 0xFFFFFFFF
_STORED, _BEHIND, _UTF_8 = 0, 1 << 3, 1 << 11
_PLAIN, _LARGE = 20, 45  # the version that a reader needs
_MADE_BY = 3 << 8 | _LARGE  # a Unix file's mode stands in the directory
_MODE = 0o100644 << 16
_LARGE_FIELD = 1
_LOCAL = struct.Struct("<4s5H3L2H")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_LARGE_END = struct.Struct("<4sQ2H2L4Q")
_LARGE_LOCATOR = struct.Struct("<4sLQL")
_FIRST_YEAR = 1980


@dataclass(frozen=True)
class Entry:
    """A file of the zip, by its name there."""

    name: str
    size: int
    modified_at_s: int


@dataclass(frozen=True)
class Stored:
    """An entry that was written: its checksum, and where it begins."""

    entry: Entry
    crc: int
    offset: int


def begin(entry: Entry, limit: int = LARGEST_32) -> bytes:
    """What stands before a file's bytes. From ``limit`` on the 64-bit form is taken."""
    is_large = entry.size >= limit
    extra = struct.pack("<2H2Q", _LARGE_FIELD, 16, 0, 0) if is_large else b""
    size = LARGEST_32 if is_large else 0
    name, (day, time) = entry.name.encode(), _dos_time(entry.modified_at_s)
    head = (_LARGE if is_large else _PLAIN, _BEHIND | _UTF_8, _STORED, time, day)
    return _LOCAL.pack(b"PK\3\4", *head, 0, size, size, len(name), len(extra)) + name + extra


def finish(entry: Entry, crc: int, limit: int = LARGEST_32) -> bytes:
    """What stands behind a file's bytes."""
    form = "<4sL2Q" if entry.size >= limit else "<4s3L"
    return struct.pack(form, b"PK\7\x08", crc, entry.size, entry.size)


def directory(stored: Sequence[Stored], offset: int, limit: int = LARGEST_32) -> bytes:
    """The end of the zip, which begins at ``offset``."""
    entries = b"".join(_directory_entry(one, limit) for one in stored)
    count, end = len(stored), b""
    if count >= 0xFFFF or offset >= limit or len(entries) >= limit:
        large = (_MADE_BY, _LARGE, 0, 0, count, count, len(entries), offset)
        end = _LARGE_END.pack(b"PK\6\6", _LARGE_END.size - 12, *large)
        end += _LARGE_LOCATOR.pack(b"PK\6\7", 0, offset + len(entries), 1)
    counts = (min(count, 0xFFFF),) * 2
    sizes = (min(len(entries), LARGEST_32), LARGEST_32 if end else offset)
    return entries + end + _END.pack(b"PK\5\6", 0, 0, *counts, *sizes, 0)


def length(entries: Iterable[Entry], limit: int = LARGEST_32) -> int:
    """Bytes of the whole zip."""
    stored, offset = [], 0
    for entry in entries:
        stored.append(Stored(entry, 0, offset))
        offset += len(begin(entry, limit)) + entry.size + len(finish(entry, 0, limit))
    return offset + len(directory(stored, offset, limit))


def _directory_entry(stored: Stored, limit: int) -> bytes:
    entry, extra = stored.entry, b""
    size, offset = entry.size, stored.offset
    if entry.size >= limit or stored.offset >= limit:
        extra = struct.pack("<2H3Q", _LARGE_FIELD, 24, entry.size, entry.size, stored.offset)
        size = offset = LARGEST_32
    name, (day, time) = entry.name.encode(), _dos_time(entry.modified_at_s)
    needs = _LARGE if extra else _PLAIN
    head = (_MADE_BY, needs, _BEHIND | _UTF_8, _STORED, time, day)
    lengths = (len(name), len(extra), 0, 0, 0)
    record = _ENTRY.pack(b"PK\1\2", *head, stored.crc, size, size, *lengths, _MODE, offset)
    return record + name + extra


def _dos_time(at_s: int) -> tuple[int, int]:
    """Day and time in UTC, as the format has them; it begins with 1980."""
    at = datetime.fromtimestamp(max(at_s, 0), UTC)
    if at.year < _FIRST_YEAR:
        return 1 << 5 | 1, 0
    day = (min(at.year, 2107) - _FIRST_YEAR) << 9 | at.month << 5 | at.day
    return day, at.hour << 11 | at.minute << 5 | at.second // 2
