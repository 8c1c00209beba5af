"""How a coded frame looks: what can be told of one without decoding it. Pure.

H.264, HEVC and VVC frames consist of units, each behind its length. The lengths add up to the frame's
size, a unit's header has a bit that is never set and fields that are never zero, and a unit never
holds three zeros in a row (14496-10, 7.4.1; 23008-2, 7.4.2). Frames of most other codecs begin with
a mark. Noise where several frames should be, a frame's size that is wrong, pages of zeros: each
breaks one of these rules. Noise within one unit breaks none; only a decoder would see it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ctlr.mp4.boxes import Damaged, ReadAt
from ctlr.mp4.descriptions import Description, decoder_config

HEAD_BYTES = 64
"""So many bytes of a frame are looked at first; few have their first long unit behind them."""
_LONGEST_FRAME = 32 << 20
_USUAL = 4  # bytes of a length
_ZEROS = bytes(64)
_LENGTH_BYTE = {b"avcC": (4, 0), b"hvcC": (21, 0), b"vvcC": (4, 1)}  # where it is, and its shift
_HEADERS = {b"avcC": (0x8000, 0x1F00), b"hvcC": (0x8000, 0x0007), b"vvcC": (0xC000, 0x0007)}
"""Of a unit's first two bytes: bits that are 0, and bits of which one is 1."""
_AAC, _AAC_OBJECTS = 0x40, frozenset({2, 5, 29})  # low complexity, with or without extensions
_LONGEST_EMPTY_AAC = 32


def _not_zeros(head: bytes) -> bool:
    return any(head[:8])


def _has_start_code(head: bytes) -> bool:
    """Of MPEG-1, MPEG-2 and MPEG-4 Visual."""
    return head[:2] == b"\0\0" and head.lstrip(b"\0")[:1] == b"\1"


_MARKS: dict[str, Callable[[bytes], bool]] = {
    "mjpeg": lambda head: head[:2] == b"\xff\xd8",
    "prores": lambda head: head[4:8] == b"icpf",
    "mp3": lambda head: head[0] == 0xFF and head[1] & 0xE0 == 0xE0,
    "ac3": lambda head: head[:2] in (b"\x0b\x77", b"\x77\x0b"),
    "flac": lambda head: head[0] == 0xFF and head[1] & 0xFC == 0xF8,
    **dict.fromkeys(("av1", "vp8", "vp9", "mpeg4", "aac", "opus"), _not_zeros),
}
_MARKS_BY_KIND = {
    **dict.fromkeys((0x69, 0x6B), _MARKS["mp3"]),
    **dict.fromkeys((0x20, *range(0x60, 0x66), 0x6A), _has_start_code),
    0x6C: _MARKS["mjpeg"],
}


@dataclass(frozen=True, slots=True)
class Form:
    """``length_bytes`` stand before each unit; 0 for a codec without units, whose frames begin so
    that ``begins`` is true of their first bytes. ``zero`` and ``some`` are of units' headers."""

    length_bytes: int = 0
    zero: int = 0
    some: int = 0
    begins: Callable[[bytes], bool] = _not_zeros

    def is_frame(self, read_at: ReadAt, offset: int, size: int, head: bytes = b"") -> bool:
        """Whether there can be a frame of that size; ``head`` are its first bytes, if they are
        known. What a bad sector hides is believed."""
        if size < 8:
            return True
        head = head or _read(read_at, offset, min(size, HEAD_BYTES))
        if len(head) < 8:
            return True
        if self.length_bytes == _USUAL and int.from_bytes(head[:_USUAL]) == size - _USUAL:
            word = head[_USUAL] << 8 | head[_USUAL + 1]  # one unit, as most frames are
            return not word & self.zero and word & self.some != 0
        if not self.length_bytes:
            return self.begins(head)
        if head[:3] == b"\0\0\1" or head[:4] == b"\0\0\0\1":  # start codes in place of lengths
            return True
        return any(head[:8]) and self._has_units(read_at, offset, size, head)

    def _has_units(self, read_at: ReadAt, offset: int, size: int, head: bytes) -> bool:
        """Zeros behind the last unit are padding."""
        n, begin, at = self.length_bytes, 0, 0
        while at + n + 2 <= size:
            if at + n + 2 > begin + len(head):
                begin, head = at, _read(read_at, offset + at, min(size - at, HEAD_BYTES))
                if len(head) < n + 2:
                    return True
            place = at - begin
            length = int.from_bytes(head[place : place + n])
            if not length:
                return not any(_read(read_at, offset + at, min(size - at, _LONGEST_FRAME)))
            word = head[place + n] << 8 | head[place + n + 1]
            at += n + length
            if at > size or word & self.zero or not word & self.some:
                return False
        return True

    def has_holes(self, read_at: ReadAt, offset: int, size: int) -> bool:
        """Whether a unit of a frame holds zeros that can't be there."""
        n, at = self.length_bytes, 0
        frame = _read(read_at, offset, min(size, _LONGEST_FRAME))
        while n and at + n <= len(frame):
            length = int.from_bytes(frame[at : at + n])
            at += n
            if not length:
                return any(frame[at:])
            if _ZEROS in frame[at : at + length]:
                return True
            at += length
        return False


def form_of(description: Description) -> Form | None:
    """None for a codec of which nothing is known, such as PCM or raw pictures."""
    if description.encrypted:
        return None
    for kind, (offset, shift) in _LENGTH_BYTE.items():
        where = description.entry.find(kind) + 4 + offset
        if 4 + offset <= where < len(description.entry):
            return Form((description.entry[where] >> shift & 3) + 1, *_HEADERS[kind])
    marked = _mark_by_kind(description) or _MARKS.get(description.codec)
    return Form(begins=marked) if marked else None


def _mark_by_kind(description: Description) -> Callable[[bytes], bool] | None:
    """``mp4a`` and ``mp4v`` stand for many codecs; their kind tells which (14496-1, 7.2.6.6)."""
    at = description.entry.find(b"esds")
    config = decoder_config(description.entry[at - 4 :]) if at >= 4 else b""
    if not config or config[0] != _AAC:
        return _MARKS_BY_KIND.get(config[0]) if config else None
    return _begins_aac if len(config) > 1 and config[1] >> 3 in _AAC_OBJECTS else None


def _begins_aac(head: bytes) -> bool:
    """No frame begins with its end, unless it has nothing else in it (14496-3, 4.4.2.1)."""
    return _not_zeros(head) and (head[0] < 0xE0 or len(head) < _LONGEST_EMPTY_AAC)


def _read(read_at: ReadAt, offset: int, length: int) -> bytes:
    """What is there; a bad sector is not for here to report."""
    try:
        return read_at(offset, length)
    except Damaged:
        return b""
