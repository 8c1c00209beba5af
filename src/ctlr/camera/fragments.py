"""The boxes of a fragmented MP4, as far as one must know them to tell what of it is there.

``moov``, then fragments of ``moof`` and ``mdat``, and ``mfra`` when the file was closed
(ISO/IEC 14496-12). What libav says is not enough: writing the last fragment to a card that is
full fails without an error.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

_BOX = struct.Struct(">I4s")
_LARGE_SIZE = struct.Struct(">Q")


def whole_length(path: Path) -> int:
    """Bytes up to the end of the last whole fragment (``moof`` and its ``mdat``), else 0."""
    whole, before = 0, b""
    for kind, end in _whole_boxes(path):
        if kind == b"mdat" and before == b"moof":
            whole = end
        before = kind
    return whole


def is_closed(path: Path) -> bool:
    """Whether the file is there to its last byte."""
    boxes = list(_whole_boxes(path))
    return bool(boxes) and boxes[-1] == (b"mfra", path.stat().st_size)


def _whole_boxes(path: Path) -> Iterator[tuple[bytes, int]]:
    """Type and end of each box, up to the first that is not there as a whole."""
    end = 0
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        while end + _BOX.size <= size:
            length, kind = _BOX.unpack(file.read(_BOX.size))
            if length == 1:
                length = _read_large_size(file.read(_LARGE_SIZE.size))
            end += length
            if length < _BOX.size or end > size:
                return
            yield kind, end
            file.seek(end)


def _read_large_size(data: bytes) -> int:
    return int(_LARGE_SIZE.unpack(data)[0]) if len(data) == _LARGE_SIZE.size else 0
