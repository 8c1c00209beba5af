"""The boxes of a fragmented MP4, as far as one must know them to tell what of it is there.

``moov``, then fragments of ``moof`` and ``mdat``, and ``mfra`` when the file was closed
(ISO/IEC 14496-12). What libav says is not enough: writing the last fragment to a card that is
full fails without an error.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ctlr.mp4.boxes import Box, Damaged, walk


def whole_length(path: Path) -> int:
    """Bytes up to the end of the last whole fragment (``moof`` and its ``mdat``), else 0."""
    whole, before = 0, b""
    for box in _whole_boxes(path):
        if box.kind == b"mdat" and before == b"moof":
            whole = box.end
        before = box.kind
    return whole


def is_closed(path: Path) -> bool:
    """Whether the file is there to its last byte."""
    boxes = list(_whole_boxes(path))
    return bool(boxes) and (boxes[-1].kind, boxes[-1].end) == (b"mfra", path.stat().st_size)


def _whole_boxes(path: Path) -> Iterator[Box]:
    """Each box up to the first that is cut, or none."""
    with open(path, "rb") as file, suppress(Damaged):
        fd = file.fileno()
        for box in walk(lambda at, length: os.pread(fd, length, at), os.fstat(fd).st_size):
            if box.cut:
                return
            yield box
