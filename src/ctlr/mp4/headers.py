"""What stays the same in all segments of one camera: the headers of each track. Pure.

Two segments may share a track only if a decoder sees no difference: same kind, picture size,
rotation and sample descriptions. Their timescales may differ: ticks can be converted.
"""

import struct
from dataclasses import dataclass, replace

from ctlr.mp4.boxes import (
    Box,
    Damaged,
    children,
    find,
    make_box,
    make_full_box,
    require,
    u32,
    u64,
    version,
)
from ctlr.mp4.descriptions import Description, read_descriptions

_MAX_INFO_BYTES = 1 << 20
_INSIDE = make_box(
    b"dinf", make_full_box(b"dref", 0, struct.pack(">I", 1), make_full_box(b"url ", 0, flags=1))
)
ENABLED = 1
_UNKNOWN_32, _UNKNOWN_64 = (1 << 32) - 1, (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class TrackHeader:
    """What all segments of one camera's track have in common.

    ``entries`` are the sample entries (``avc1``, ``mp4a``, ...) as written to the result;
    ``signature`` is what decides whether two segments can share a track. ``flags`` say among others
    whether it is switched on, ``refers`` to which other tracks it belongs, by kind and track id.
    """

    kind: bytes
    timescale: int
    language: bytes
    placement: bytes  # of tkhd: layer, group, volume, matrix, width, height
    handler: bytes
    media_info: bytes  # minf without stbl
    descriptions: tuple[Description, ...]
    stsd_version: int
    flags: int
    refers: tuple[tuple[bytes, int], ...]
    obstacle: str | None = None

    @property
    def first(self) -> Description:
        return self.descriptions[0]

    @property
    def codec(self) -> str:
        return self.first.codec

    @property
    def width(self) -> int:
        return self.first.width

    @property
    def height(self) -> int:
        return self.first.height

    @property
    def signature(self) -> bytes:
        placement = self.placement[8:] if self.kind == b"vide" else b""
        return b"|".join((self.kind, placement, *(d.mark for d in self.descriptions)))

    def using(self, numbers: list[int]) -> "TrackHeader":
        """The header with only those of its descriptions, counted from 1."""
        return replace(self, descriptions=tuple(self.descriptions[n - 1] for n in numbers))


def read_kind(data: bytes, trak: Box) -> bytes:
    """``vide``, ``soun``, or another kind of track; Raises ``Damaged``."""
    hdlr = require(data, trak, b"mdia", b"hdlr")
    return data[hdlr.body + 8 : hdlr.body + 12]


def read_header(data: bytes, trak: Box) -> TrackHeader:
    """A track's header. Raises ``Damaged``."""
    flags, placement = _read_tkhd(data, require(data, trak, b"tkhd"))
    mdia = require(data, trak, b"mdia")
    timescale, language = _read_mdhd(data, require(data, mdia, b"mdhd"))
    hdlr, minf = require(data, mdia, b"hdlr"), require(data, mdia, b"minf")
    kind = read_kind(data, trak)
    stsd = require(data, minf, b"stbl", b"stsd")
    descriptions = read_descriptions(data, stsd, kind)
    obstacle = _foreign_data(data, minf)
    if any(description.encrypted for description in descriptions):
        obstacle = "it is encrypted"
    return TrackHeader(
        kind=kind,
        timescale=timescale,
        language=language,
        placement=placement,
        handler=data[hdlr.start : hdlr.end],
        media_info=_media_info(data, minf),
        descriptions=tuple(descriptions),
        stsd_version=version(data, stsd),
        flags=flags,
        refers=tuple(_references(data, trak)),
        obstacle=obstacle,
    )


def read_length(data: bytes, trak: Box) -> int:
    """How many ticks a track's header says that it lasts; 0 where it says nothing. Raises ``Damaged``."""
    box = require(data, trak, b"mdia", b"mdhd")
    wide = version(data, box) == 1
    said = u64(data, box.body + 24) if wide else u32(data, box.body + 16)
    return 0 if said == (_UNKNOWN_64 if wide else _UNKNOWN_32) else said


def read_track_id(data: bytes, trak: Box) -> int:
    """Raises ``Damaged``."""
    box = require(data, trak, b"tkhd")
    return u32(data, box.body + (20 if version(data, box) == 1 else 12))


def _read_tkhd(data: bytes, box: Box) -> tuple[int, bytes]:
    wide = version(data, box) == 1
    placement = data[box.body + (36 if wide else 24) : box.end]
    if len(placement) < 60:
        raise Damaged("its track header has the wrong size")
    return u32(data, box.body) & 0xFFFFFF, placement[8:60]  # without the two reserved words


def _read_mdhd(data: bytes, box: Box) -> tuple[int, bytes]:
    wide = version(data, box) == 1
    timescale = u32(data, box.body + (20 if wide else 12))
    if not 1 <= timescale <= 1_000_000_000:
        raise Damaged(f"a track claims a timescale of {timescale}")
    at = box.body + (32 if wide else 20)
    return timescale, data[at : at + 2].ljust(2, b"\0")


def _media_info(data: bytes, minf: Box) -> bytes:
    parts = [c for c in children(data, minf.body, minf.end) if c.kind != b"stbl"]
    info = b"".join(data[c.start : c.end] for c in parts)
    if len(info) > _MAX_INFO_BYTES:
        raise Damaged("its media information is too large")
    return info if any(c.kind == b"dinf" for c in parts) else info + _INSIDE


def _foreign_data(data: bytes, minf: Box) -> str | None:
    """Why the media can't be copied from this file; where nothing says so, they are in it."""
    dref = find(data, minf, b"dinf", b"dref")
    rows = children(data, dref.body + 8, dref.end) if dref else ()
    outside = any(row.end - row.body > 4 and not u32(data, row.body) & 1 for row in rows)
    return "its media lie in another file" if outside else None


def _references(data: bytes, trak: Box) -> list[tuple[bytes, int]]:
    tref = find(data, trak, b"tref")
    return [
        (row.kind, u32(data, at))
        for row in (children(data, tref.body, tref.end) if tref else ())
        for at in range(row.body, row.end - 3, 4)
    ]


def read_movie_header(data: bytes, moov: Box) -> tuple[int, int]:
    """Timescale of the movie, and when it says that it was made (seconds since 1904, 0 unknown)."""
    box = require(data, moov, b"mvhd")
    if version(data, box) == 1:
        timescale, created = u32(data, box.body + 20), u64(data, box.body + 4)
    else:
        timescale, created = u32(data, box.body + 12), u32(data, box.body + 4)
    if not 1 <= timescale <= 1_000_000_000:
        raise Damaged(f"the movie claims a timescale of {timescale}")
    return timescale, created
