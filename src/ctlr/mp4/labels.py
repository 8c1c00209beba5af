"""What an MP4's index says of the whole: a title, when it was taken, its chapters. Pure.

The title stands where iTunes put it (``moov/udta/meta/ilst``), which ffmpeg, VLC, QuickTime and the
file managers read; the time in the header's ``creation_time`` (ISO/IEC 14496-12, 8.2.2), in seconds
since 1904. Both are the session's, never those of the joining: the same segments make the same bytes.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ctlr.mp4.boxes import make_box, make_full_box
from ctlr.mp4.chapters import Chapter, chapter_list

_UNIX_EPOCH_S = 2_082_844_800
_UTF8 = 1


@dataclass(frozen=True, slots=True)
class Labels:
    """``taken_at_s`` is when its first frame was taken, in Unix seconds; None: not said."""

    title: str = ""
    taken_at_s: int | None = None
    chapters: Sequence[Chapter] = ()

    @property
    def creation_time(self) -> int:
        return 0 if self.taken_at_s is None else max(self.taken_at_s + _UNIX_EPOCH_S, 0)


NO_LABELS = Labels()


def user_data(labels: Labels, kept: bytes = b"") -> bytes:
    """The ``udta`` box, with ``kept`` boxes of the segments; nothing where there is nothing to say."""
    boxes = _title(labels.title) + kept + chapter_list(labels.chapters)
    return make_box(b"udta", boxes) if boxes else b""


def _title(title: str) -> bytes:
    if not title:
        return b""
    data = make_box(b"data", struct.pack(">II", _UTF8, 0), title.encode())
    handler = make_full_box(b"hdlr", 0, struct.pack(">I4s4s9x", 0, b"mdir", b"appl"))
    return make_full_box(b"meta", 0, handler, make_box(b"ilst", make_box(b"\xa9nam", data)))
