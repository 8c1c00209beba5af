"""Small MP4 segments made by hand, plain and fragmented, to be read back by the code under test.

Media bytes of frame ``n`` are recognisable; nothing here can be decoded.
"""

import struct
from dataclasses import dataclass, field

from ctlr.mp4.boxes import make_box, make_full_box

MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
FTYP = make_box(b"ftyp", b"isom", bytes(4), b"isom")


def u32(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


@dataclass(frozen=True)
class Film:
    """What a segment holds. ``start`` is the first decode time in ticks (fragmented only)."""

    frames: int = 30
    delta: int = 3000
    timescale: int = 90000
    start: int = 0
    width: int = 640
    height: int = 360
    config: bytes = b"\x01\x64\x00\x1f\xff-sps-pps-"
    shifts: tuple[int, ...] = ()
    deltas: tuple[int, ...] = ()
    tag: bytes = b"frame"
    edits: tuple[tuple[int, int, int], ...] = ()
    created: int = 0
    fourcc: bytes = b"avc1"
    sync_every: int = 15
    extra: dict[str, bytes] = field(default_factory=dict)

    def payload(self, number: int) -> bytes:
        unit = b"%s-%d-" % (self.tag, number) + bytes([1 + number % 251]) * (20 + number % 7)
        return u32(len(unit)) + unit

    @property
    def media(self) -> bytes:
        return b"".join(map(self.payload, range(self.frames)))

    @property
    def sizes(self) -> list[int]:
        return [len(self.payload(number)) for number in range(self.frames)]

    @property
    def durations(self) -> list[int]:
        return list(self.deltas) or [self.delta] * self.frames


def _runs(values: list[int]) -> bytes:
    return u32(len(values)) + b"".join(u32(1, value & 0xFFFFFFFF) for value in values)


def _entry(film: Film) -> bytes:
    visual = bytes(6) + b"\0\1" + bytes(16) + struct.pack(">HH", film.width, film.height)
    visual = visual.ljust(78, b"\0")
    return make_box(
        film.fourcc,
        visual,
        make_box(b"avcC", film.config),
        make_box(b"btrt", u32(0, len(film.tag), 7)),
    )


def _trak(film: Film, stbl: bytes) -> bytes:
    tkhd = make_full_box(
        b"tkhd",
        0,
        u32(0, 0, 1, 0, 0),
        bytes(16),
        MATRIX,
        u32(film.width << 16, film.height << 16),
        flags=3,
    )
    rows = b"".join(struct.pack(">IiI", *edit) for edit in film.edits)
    edts = make_box(b"edts", make_full_box(b"elst", 0, u32(len(film.edits)), rows))
    mdhd = make_full_box(b"mdhd", 0, u32(0, 0, film.timescale, 0), b"\x55\xc4\0\0")
    hdlr = make_full_box(b"hdlr", 0, u32(0), b"vide", bytes(12), b"video\0")
    url = make_full_box(b"url ", 0, flags=1)
    dinf = make_box(b"dinf", make_full_box(b"dref", 0, u32(1), url))
    minf = make_box(b"minf", make_full_box(b"vmhd", 0, bytes(8), flags=1), dinf, stbl)
    return make_box(b"trak", tkhd, edts if film.edits else b"", make_box(b"mdia", mdhd, hdlr, minf))


def _mvhd(film: Film) -> bytes:
    head = u32(film.created, 0, 1000, 0, 0x10000) + b"\1\0" + bytes(10)
    return make_full_box(b"mvhd", 0, head, MATRIX, bytes(24), u32(2))


def plain(film: Film, *, moov_first: bool = False) -> bytes:
    """``ftyp mdat moov``, or with ``moov`` first."""

    def moov(offset: int) -> bytes:
        stbl = [
            make_full_box(b"stsd", 0, u32(1), _entry(film)),
            make_full_box(b"stts", 0, _runs(film.durations)),
            make_full_box(b"ctts", 0, _runs(list(film.shifts))) if film.shifts else b"",
            make_full_box(b"stss", 0, _sync(film)),
            make_full_box(b"stsc", 0, u32(1, 1, film.frames, 1)),
            make_full_box(b"stsz", 0, u32(0, film.frames, *film.sizes)),
            make_full_box(b"stco", 0, u32(1, offset)),
        ]
        return make_box(b"moov", _mvhd(film), _trak(film, make_box(b"stbl", *stbl)))

    mdat = make_box(b"mdat", film.media)
    if moov_first:
        head = FTYP + moov(len(FTYP) + len(moov(0)) + 8)
        return head + mdat
    return FTYP + mdat + moov(len(FTYP) + 8)


def _sync(film: Film) -> bytes:
    keys = range(1, film.frames + 1, film.sync_every)
    return u32(len(keys), *keys)


def fragmented(film: Film, *, per_fragment: int = 10) -> bytes:
    """``ftyp moov (moof mdat)*``."""
    empty = [
        make_full_box(b"stsd", 0, u32(1), _entry(film)),
        make_full_box(b"stts", 0, u32(0)),
        make_full_box(b"stsc", 0, u32(0)),
        make_full_box(b"stsz", 0, u32(0, 0)),
        make_full_box(b"stco", 0, u32(0)),
    ]
    trex = make_box(b"mvex", make_full_box(b"trex", 0, u32(1, 1, film.delta, 0, 0x10000)))
    data = FTYP + make_box(b"moov", _mvhd(film), _trak(film, make_box(b"stbl", *empty)), trex)
    at = film.start
    for first in range(0, film.frames, per_fragment):
        numbers = range(first, min(first + per_fragment, film.frames))
        data += _fragment(film, numbers, at)
        at += sum(film.durations[n] for n in numbers)
    return data


def _fragment(film: Film, numbers: range, at: int) -> bytes:
    rows = b"".join(_row(film, n) for n in numbers)

    def moof(offset: int) -> bytes:
        tfhd = make_full_box(b"tfhd", 0, u32(1), flags=0x20000)
        tfdt = make_full_box(b"tfdt", 1, struct.pack(">Q", at))
        trun = make_full_box(b"trun", 1, u32(len(numbers), offset), rows, flags=0xF01)
        mfhd = make_full_box(b"mfhd", 0, u32(1))
        return make_box(b"moof", mfhd, make_box(b"traf", tfhd, tfdt, trun))

    head = moof(len(moof(0)) + 8)
    return head + make_box(b"mdat", b"".join(map(film.payload, numbers)))


def _row(film: Film, n: int) -> bytes:
    flags = 0 if n % film.sync_every == 0 else 0x10000
    shift = film.shifts[n] if film.shifts else 0
    return u32(film.durations[n], film.sizes[n], flags, shift & 0xFFFFFFFF)
