"""A chapter list in the index of an MP4: nothing of the media changes. Pure.

The ``chpl`` box (in ``moov/udta``) is the simplest of the ways to say it and what ffmpeg, VLC and
mpv read. ISO/IEC 14496-12 does not have it; the layout here is what ffmpeg's ``mov_read_chpl``
takes: a full box of version 1, four reserved bytes, a count in one byte, then for each chapter
its start in units of 100 ns and a title of at most 255 bytes.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ctlr.mp4.boxes import make_full_box

MAX_CHAPTERS = 255
MAX_TITLE_BYTES = 255
_UNITS_PER_S = 10_000_000


@dataclass(frozen=True, slots=True)
class Chapter:
    """Begins ``at_s`` seconds after the first frame of its file."""

    at_s: float
    title: str


def chapter_list(chapters: Sequence[Chapter]) -> bytes:
    """The ``chpl`` box with the first ``MAX_CHAPTERS`` chapters; nothing where there are none."""
    listed = sorted(chapters, key=lambda chapter: chapter.at_s)[:MAX_CHAPTERS]
    if not listed:
        return b""
    rows = b"".join(map(_row, listed))
    return make_full_box(b"chpl", 1, struct.pack(">IB", 0, len(listed)), rows)


def _row(chapter: Chapter) -> bytes:
    title = chapter.title.encode()[:MAX_TITLE_BYTES].decode(errors="ignore").encode()
    start = max(round(chapter.at_s * _UNITS_PER_S), 0)
    return struct.pack(">QB", start, len(title)) + title
