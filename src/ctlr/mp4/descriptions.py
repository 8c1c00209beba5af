"""Sample descriptions (``stsd``): what a decoder has to know, and what of it says nothing to it. Pure.

Two segments go into one track if their descriptions are alike for a decoder. Bit rates that muxers
measure file by file, frame counts and checksums differ from segment to segment: they are left out
of the comparison, and where they would be wrong for the whole, out of the result.

A track may have several descriptions (the picture changes size within it). Those that no sample uses
are dropped.
"""

import struct
from dataclasses import dataclass

from ctlr.mp4.boxes import Box, Damaged, children, make_box, u32, version

_CODECS = {
    b"avc1": "h264",
    b"avc3": "h264",
    b"hvc1": "hevc",
    b"hev1": "hevc",
    b"vvc1": "vvc",
    b"vvi1": "vvc",
    b"av01": "av1",
    b"vp08": "vp8",
    b"vp09": "vp9",
    b"mp4v": "mpeg4",
    b"jpeg": "mjpeg",
    b"mjpa": "mjpeg",
    b"mjpb": "mjpeg",
    b"ap4h": "prores",
    b"ap4x": "prores",
    b"apch": "prores",
    b"apcn": "prores",
    b"apcs": "prores",
    b"apco": "prores",
    b"mp4a": "aac",
    b"Opus": "opus",
    b".mp3": "mp3",
    b"ac-3": "ac3",
    b"fLaC": "flac",
    b"ulaw": "pcm_mulaw",
    b"alaw": "pcm_alaw",
}
ENCRYPTED = frozenset({b"encv", b"enca", b"encs", b"enct"})

_RATE_BYTES, _RATE_HEAD = 20, b"\0\0\0\x14btrt"
_VISUAL_BYTES, _SOUND_BYTES = 78, 28
_QUICKTIME_SOUND_BYTES = {1: 16, 2: 36}
_MAX_ENTRY_BYTES = 1 << 20
_MAX_ENTRIES = 64


@dataclass(frozen=True, slots=True)
class Description:
    """``entry`` as it is written to the result; ``mark`` decides whether two are alike."""

    entry: bytes
    mark: bytes
    codec: str
    width: int
    height: int
    encrypted: bool


def read_descriptions(data: bytes, stsd: Box, kind: bytes) -> list[Description]:
    """The entries of an ``stsd`` box of a track of this kind. Raises ``Damaged``."""
    entries = list(children(data, stsd.body + 8, stsd.end))[: u32(data, stsd.body + 4)]
    if not entries:
        raise Damaged("it has no sample description")
    if len(entries) > _MAX_ENTRIES or stsd.end - stsd.start > _MAX_ENTRY_BYTES:
        raise Damaged("its sample description is too large")
    quicktime = version(data, stsd) == 0
    return [_describe(data[box.start : box.end], kind, quicktime=quicktime) for box in entries]


def _describe(entry: bytes, kind: bytes, *, quicktime: bool) -> Description:
    fourcc, body = entry[4:8], entry[8:]
    visual = kind == b"vide" and len(body) >= _VISUAL_BYTES
    width, height = struct.unpack_from(">HH", body, 24) if visual else (0, 0)
    clean, mark = _without_rates(entry, kind, quicktime=quicktime)
    codec = _CODECS.get(fourcc, fourcc.decode("latin1").strip())
    return Description(clean, mark, codec, width, height, fourcc in ENCRYPTED)


def _without_rates(entry: bytes, kind: bytes, *, quicktime: bool) -> tuple[bytes, bytes]:
    """The entry without what is measured of one file, and what decides whether two are alike."""
    fixed = 8 + {b"vide": _VISUAL_BYTES, b"soun": _SOUND_BYTES}.get(kind, len(entry))
    if kind == b"soun" and quicktime and len(entry) >= fixed:
        fixed += _QUICKTIME_SOUND_BYTES.get(int.from_bytes(entry[16:18]), 0)
    if len(entry) <= fixed:
        clean = _without_rate_at_the_end(entry)
        return clean, clean
    try:
        parts = list(children(entry, fixed, len(entry)))
    except Damaged:
        return entry, entry  # a sample entry of its own kind: compared and written as it is
    kept = [(c.kind, _cleaned(c.kind, entry[c.start : c.end])) for c in parts if c.kind != b"btrt"]
    clean = make_box(entry[4:8], entry[8:fixed], *(body for _, body in kept))
    return clean, entry[4:fixed] + b"".join(_mark(kind, body) for kind, body in kept)


def _without_rate_at_the_end(entry: bytes) -> bytes:
    """Of texts and other data: their entries have fields of their own, then boxes."""
    if entry[-_RATE_BYTES : -_RATE_BYTES + 8] != _RATE_HEAD or len(entry) < 16 + _RATE_BYTES:
        return entry
    return make_box(entry[4:8], entry[8:-_RATE_BYTES])


def _cleaned(kind: bytes, box: bytes) -> bytes:
    """A box without the numbers that would be wrong for several files together: unknown is 0."""
    if kind == b"dfLa" and len(box) >= 50 and not box[12] & 0x7F:
        rate = int.from_bytes(box[26:34]) >> 36 << 36
        return box[:20] + bytes(6) + rate.to_bytes(8) + bytes(16) + box[50:]
    if kind == b"alac" and len(box) >= 36:
        return box[:24] + bytes(8) + box[32:]
    return box


def _mark(kind: bytes, box: bytes) -> bytes:
    if kind == b"esds":
        return decoder_config(box)
    if kind == b"wave":
        return _wave_mark(box)
    if kind == b"dac3" and len(box) >= 11:
        return (int.from_bytes(box[8:11]) & ~(0x1F << 5)).to_bytes(3)
    if kind == b"dec3" and len(box) >= 10:
        return bytes((box[9] & 7,)) + box[10:]
    return box


def _wave_mark(wave: bytes) -> bytes:
    """QuickTime's wrapper around the decoder's own boxes."""
    try:
        return b"".join(
            _mark(box.kind, wave[box.start : box.end]) for box in children(wave, 8, len(wave))
        )
    except Damaged:
        return wave


def decoder_config(esds: bytes) -> bytes:
    """What an ``esds`` box (14496-1, 7.2.6) tells a decoder: its kind and DecoderSpecificInfo.

    MP3 and others have no such info: then the kind alone, without the bit rates beside it.
    """
    at, found = 12, b""
    while at + 2 <= len(esds):
        tag, at = esds[at], at + 1
        length = 0
        for _ in range(4):
            if at >= len(esds):
                return found or esds
            byte, at = esds[at], at + 1
            length = length << 7 | byte & 0x7F
            if not byte & 0x80:
                break
        if tag == 5:
            return found + esds[at : at + length]
        if tag == 4:
            found = esds[at : at + 1]
        at += {3: 3, 4: 13}.get(tag, length)
    return found or esds
