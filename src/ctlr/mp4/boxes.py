"""Reading MP4 boxes (ISO/IEC 14496-12, 4.2) without trusting a single number in them. Pure.

A box is a 32-bit size, a four-letter kind and a body; size 1 means a 64-bit size follows, size
0 means "to the end". A camera that lost power leaves files cut anywhere, and a hostile file may
claim anything, so: no size is believed beyond its container, nothing recurses (callers descend
by fixed paths), and whatever has to be held in memory is limited first. A file cut in its last
box is normal here: ``walk`` returns that box with ``cut=True`` instead of failing.
"""

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MAX_HEADER_BYTES = 16 << 20
"""Largest ``moov`` or ``moof`` that is read; one of 144,000 samples has about 3 MiB."""
MAX_TOP_BOXES = 400_000
MAX_CHILD_BOXES = 4096

ReadAt = Callable[[int, int], bytes]
"""``read_at(offset, length)`` gives at most ``length`` bytes of the file."""

_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")
_KIND = re.compile(rb"[ -~\xa9]{4}")


class Damaged(Exception):
    """The file is not what it claims to be; the message says where."""


class Unfinished(Damaged):
    """The file is an MP4 that was never closed: nobody can tell where its frames are."""


@dataclass(frozen=True, slots=True)
class Box:
    """Where a box lies: ``start`` of its header, ``body`` and ``end`` of its contents.

    ``cut`` says that the file ends before the box does; ``end`` is then the file's end.
    """

    kind: bytes
    start: int
    body: int
    end: int
    cut: bool = False


def u32(data: bytes, offset: int) -> int:
    """Big-endian 32-bit number. Raises ``Damaged`` where the data ends before it does."""
    try:
        return int(_U32.unpack_from(data, offset)[0])
    except struct.error as error:
        raise Damaged("a box ends within a number") from error


def version(data: bytes, box: Box) -> int:
    """Of a full box. Raises ``Damaged`` where it is empty."""
    if box.body >= len(data):
        raise Damaged("a box ends within a number")
    return data[box.body]


def u64(data: bytes, offset: int) -> int:
    try:
        return int(_U64.unpack_from(data, offset)[0])
    except struct.error as error:
        raise Damaged("a box ends within a number") from error


def is_kind(kind: bytes) -> bool:
    """Whether four bytes can be a box's kind; text files and noise mostly fail here."""
    return _KIND.fullmatch(kind) is not None


def walk(read_at: ReadAt, size: int) -> Iterator[Box]:
    """The boxes at the top of a file of ``size`` bytes.

    Raises ``Damaged`` where something is no whole header; what came before has been yielded then.
    """
    offset = 0
    for _ in range(MAX_TOP_BOXES):
        if offset >= size:
            return
        header = read_at(offset, 16)
        if len(header) < 8:
            raise Damaged("it ends within the header of a box")
        kind = header[4:8]
        if not is_kind(kind):
            raise Damaged(f"there is no MP4 box at byte {offset}")
        length, head = _length(header, size - offset)
        end = offset + length
        yield Box(kind, offset, min(offset + head, size), min(end, size), cut=end > size)
        offset = end
    raise Damaged(f"the file has more than {MAX_TOP_BOXES} boxes")


def _length(header: bytes, rest: int) -> tuple[int, int]:
    length, head = u32(header, 0), 8
    if length == 1:
        if len(header) < 16:
            return rest + 1, rest  # cut within its own 64-bit size
        length, head = u64(header, 8), 16
    elif length == 0:
        length = max(rest, head)
    if length < head:
        raise Damaged(f"a box claims a size of {length} bytes")
    return length, head


def read_whole(read_at: ReadAt, box: Box) -> bytes:
    """A box with its header, in memory. Raises ``Damaged`` when it is cut or too large."""
    length = box.end - box.start
    if box.cut:
        raise Damaged(f"the file ends within its {box.kind.decode('latin1')} box")
    if length > MAX_HEADER_BYTES:
        raise Damaged(f"its {box.kind.decode('latin1')} box claims {length} bytes")
    data = read_at(box.start, length)
    if len(data) < length:
        raise Damaged(f"the file ends within its {box.kind.decode('latin1')} box")
    return data


def children(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes in ``data[start:end]``. Raises ``Damaged`` for one that leaves its parent."""
    offset = start
    for _ in range(MAX_CHILD_BOXES):
        if offset + 8 > end:
            return
        length, head = _length(data[offset : min(offset + 16, end)], end - offset)
        if offset + length > end:
            raise Damaged(f"a box at byte {offset} of the header leaves its container")
        yield Box(data[offset + 4 : offset + 8], offset, offset + head, offset + length)
        offset += length
    raise Damaged(f"a box has more than {MAX_CHILD_BOXES} boxes in it")


def find(data: bytes, parent: Box, *path: bytes) -> Box | None:
    """The first box at a path below ``parent``, or None."""
    box: Box | None = parent
    for kind in path:
        if box is None:
            return None
        box = next((c for c in children(data, box.body, box.end) if c.kind == kind), None)
    return box


def require(data: bytes, parent: Box, *path: bytes) -> Box:
    """As ``find``; raises ``Damaged`` where there is none."""
    box = find(data, parent, *path)
    if box is None:
        raise Damaged(f"it has no {'/'.join(kind.decode('latin1') for kind in path)} box")
    return box


def make_box(kind: bytes, *parts: bytes) -> bytes:
    """A box of these contents."""
    body = b"".join(parts)
    return _U32.pack(8 + len(body)) + kind + body


def make_full_box(kind: bytes, version: int, *parts: bytes, flags: int = 0) -> bytes:
    """A box that begins with a version and flags (14496-12, 4.2.2)."""
    return make_box(kind, _U32.pack(version << 24 | flags), *parts)
