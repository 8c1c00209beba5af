"""What stays the same in all segments of one camera: the headers of each track. Pure.

Two segments may share a header only if a decoder sees no difference: same codec, picture size,
rotation, timescale and decoder configuration (SPS/PPS of ``avcC``, the AudioSpecificConfig of
``esds``). Bit rates that muxers measure per file (``btrt``, and two fields of ``esds``) differ
from segment to segment and mean nothing to a decoder, so they are left out of the comparison.
"""

import struct

from ctlr.mp4.boxes import Box, Damaged, children, make_box, require, u32, u64
from ctlr.mp4.tables import TrackHeader

_CODECS = {
    b"avc1": "h264",
    b"avc3": "h264",
    b"hvc1": "hevc",
    b"hev1": "hevc",
    b"av01": "av1",
    b"vp09": "vp9",
    b"mp4v": "mpeg4",
    b"jpeg": "mjpeg",
    b"mp4a": "aac",
    b"Opus": "opus",
    b".mp3": "mp3",
    b"ac-3": "ac3",
    b"fLaC": "flac",
}
ENCRYPTED = frozenset({b"encv", b"enca", b"encs", b"enct"})

_VISUAL_BYTES, _AUDIO_BYTES = 78, 28
_MAX_ENTRY_BYTES = 1 << 20


def read_header(data: bytes, trak: Box) -> tuple[int, TrackHeader, str | None]:
    """A track's id, its header, and why it can't be spliced (None if it can).

    Raises ``Damaged``.
    """
    track_id, placement = _read_tkhd(data, require(data, trak, b"tkhd"))
    mdia = require(data, trak, b"mdia")
    timescale, language = _read_mdhd(data, require(data, mdia, b"mdhd"))
    hdlr = require(data, mdia, b"hdlr")
    kind = data[hdlr.body + 8 : hdlr.body + 12]
    entry, obstacle = _read_entry(data, require(data, mdia, b"minf", b"stbl", b"stsd"))
    fourcc, body = entry[4:8], entry[8:]
    visual = kind == b"vide" and len(body) >= _VISUAL_BYTES
    width, height = struct.unpack_from(">HH", body, 24) if visual else (0, 0)
    entry, mark = _without_rates(entry, kind)
    header = TrackHeader(
        kind=kind,
        timescale=timescale,
        language=language,
        placement=placement,
        handler=data[hdlr.start : hdlr.end],
        media_info=_media_info(data, require(data, mdia, b"minf")),
        entry=entry,
        signature=b"|".join((kind, struct.pack(">I", timescale), placement, mark)),
        codec=_CODECS.get(fourcc, fourcc.decode("latin1").strip()),
        width=width,
        height=height,
    )
    if fourcc in ENCRYPTED:
        obstacle = "it is encrypted"
    return track_id, header, obstacle


def _read_tkhd(data: bytes, box: Box) -> tuple[int, bytes]:
    wide = data[box.body] == 1
    track_id = u32(data, box.body + (20 if wide else 12))
    placement = data[box.body + (36 if wide else 24) : box.end]
    if len(placement) != 60:
        raise Damaged("its track header has the wrong size")
    return track_id, placement[8:]  # without the two reserved words


def _read_mdhd(data: bytes, box: Box) -> tuple[int, bytes]:
    wide = data[box.body] == 1
    timescale = u32(data, box.body + (20 if wide else 12))
    if not 1 <= timescale <= 1_000_000_000:
        raise Damaged(f"a track claims a timescale of {timescale}")
    at = box.body + (32 if wide else 20)
    return timescale, data[at : at + 2].ljust(2, b"\0")


def _media_info(data: bytes, minf: Box) -> bytes:
    parts = [c for c in children(data, minf.body, minf.end) if c.kind != b"stbl"]
    info = b"".join(data[c.start : c.end] for c in parts)
    if len(info) > _MAX_ENTRY_BYTES:
        raise Damaged("its media information is too large")
    return info


def _read_entry(data: bytes, stsd: Box) -> tuple[bytes, str | None]:
    entries = list(children(data, stsd.body + 8, stsd.end))
    if not entries or u32(data, stsd.body + 4) != len(entries):
        raise Damaged("its sample description is not complete")
    first = entries[0]
    if first.end - first.start > _MAX_ENTRY_BYTES:
        raise Damaged("its sample description is too large")
    obstacle = "it has several sample descriptions" if len(entries) > 1 else None
    return data[first.start : first.end], obstacle


def _without_rates(entry: bytes, kind: bytes) -> tuple[bytes, bytes]:
    """The entry without ``btrt``, and the bytes that decide whether two entries are alike."""
    fixed = 8 + {b"vide": _VISUAL_BYTES, b"soun": _AUDIO_BYTES}.get(kind, len(entry))
    if len(entry) <= fixed:
        return entry, entry
    try:
        parts = list(children(entry, fixed, len(entry)))
    except Damaged:
        return entry, entry  # a sample entry of its own kind: compared and written as it is
    kept = [(c.kind, entry[c.start : c.end]) for c in parts if c.kind != b"btrt"]
    clean = make_box(entry[4:8], entry[8:fixed], *(body for _, body in kept))
    alike = b"".join(_decoder_config(body) if k == b"esds" else body for k, body in kept)
    return clean, entry[4:fixed] + alike


def _decoder_config(esds: bytes) -> bytes:
    """The DecoderSpecificInfo (tag 5) of an ``esds`` box (14496-1, 7.2.6), else all of it."""
    at = 12
    while at + 2 <= len(esds):
        tag, at = esds[at], at + 1
        length = 0
        for _ in range(4):
            if at >= len(esds):
                return esds
            byte, at = esds[at], at + 1
            length = length << 7 | byte & 0x7F
            if not byte & 0x80:
                break
        if tag == 5:
            return esds[at : at + length]
        at += {3: 3, 4: 13}.get(tag, length)
    return esds


def read_movie_header(data: bytes, moov: Box) -> tuple[int, int]:
    """Timescale of the movie, and when it says that it was made (seconds since 1904, 0 unknown)."""
    box = require(data, moov, b"mvhd")
    if data[box.body] == 1:
        timescale, created = u32(data, box.body + 20), u64(data, box.body + 4)
    else:
        timescale, created = u32(data, box.body + 12), u32(data, box.body + 4)
    if not 1 <= timescale <= 1_000_000_000:
        raise Damaged(f"the movie claims a timescale of {timescale}")
    return timescale, created
