"""What a camera says of itself in its first segment, kept in the joined file. Pure.

A GoPro's settings and firmware (``GPMF``, ``FIRM``), where a phone was (``loci``), the projection of a
360-degree picture: boxes of the whole movie or of a track, which nothing but their own readers
understand. They are carried over as they are. Chapters and titles are the session's (``labels``).
"""

from ctlr.mp4.boxes import Box, Damaged, ReadAt, children, find, read_whole, u32, walk
from ctlr.mp4.headers import read_movie_header, read_track_id

MAX_BYTES = 4 << 20
_OURS = frozenset({b"chpl", b"\xa9nam", b"meta"})
_OF_A_TRACK = frozenset({b"udta", b"uuid", b"meta"})


class Kept:
    """``user_data`` are boxes for the movie's ``udta``, ``movie`` others of it, ``tracks`` those of
    tracks by their number in the segment."""

    def __init__(self, user_data: bytes = b"", movie: bytes = b"") -> None:
        self.user_data = user_data
        self.movie = movie
        self.tracks: dict[int, bytes] = {}
        self.created = 0  # seconds since 1904


def read_kept(read_at: ReadAt, size: int) -> Kept:
    """Of a segment of ``size`` bytes; nothing where it can't be read."""
    try:
        for box in walk(read_at, size):
            if box.kind == b"moov":
                return _read_moov(read_whole(read_at, box))
    except Damaged:
        pass
    return Kept()


def _read_moov(moov: bytes) -> Kept:
    root = Box(b"moov", 0, 16 if u32(moov, 0) == 1 else 8, len(moov))
    udta = find(moov, root, b"udta")
    own = children(moov, udta.body, udta.end) if udta else ()
    kept = Kept(
        _limited(b"".join(moov[b.start : b.end] for b in own if b.kind not in _OURS)),
        _boxes(moov, root, frozenset({b"uuid", b"meta"})),
    )
    kept.created = read_movie_header(moov, root)[1]
    for trak in children(moov, root.body, root.end):
        if trak.kind == b"trak":
            kept.tracks[read_track_id(moov, trak)] = _boxes(moov, trak, _OF_A_TRACK)
    return kept


def _boxes(moov: bytes, parent: Box, kinds: frozenset[bytes]) -> bytes:
    inside = children(moov, parent.body, parent.end)
    return _limited(b"".join(moov[b.start : b.end] for b in inside if b.kind in kinds))


def _limited(boxes: bytes) -> bytes:
    return boxes if len(boxes) <= MAX_BYTES else b""
