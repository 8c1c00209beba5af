"""Frames that an index names and that were never written. Pure.

A power cut leaves a file whose index is on the disk and whose media are not: they read as zeros, or as
what the blocks held before. Nothing in the index tells, and a player shows a grey second. A few
frames of each segment are looked at when it is read; pages of zeros are noticed when it is copied
(``zeros``), and then every frame is looked at.

H.264, HEVC and VVC frames consist of units with their lengths before them: a length that can't be is
no frame, nor is a unit with many zeros (14496-10, 7.4.1: three in a row never occur in one). Of other
codecs, none begins with eight zeros.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from ctlr.mp4.boxes import Damaged, ReadAt
from ctlr.mp4.descriptions import Description
from ctlr.mp4.tables import SegmentTables, Track, keep_samples

PROBES = 8
_HEAD_BYTES = 16
_LONGEST_SAMPLE = 32 << 20
_ZEROS = bytes(64)
_STRIDE = 1024
_PAGE_OF_ZEROS = re.compile(rb"\0{3,}")
_LENGTH_BYTE = {b"avcC": (4, 0), b"hvcC": (21, 0), b"vvcC": (4, 1)}  # where it is, and its shift
_PICTURES = frozenset({"av1", "vp8", "vp9", "mpeg4", "mjpeg", "prores"})
_SOUNDS = frozenset({"aac", "opus", "mp3", "ac3", "flac"})

Area = tuple[int, int]
"""Begin and end of a stretch of a file."""


def zeros(block: memoryview, at: int) -> list[Area]:
    """Where a block of a file (lying at ``at``) seems to be zeros: pages of them, not single bytes.

    Costs about a hundredth of copying the block: every 1024th byte is looked at.
    """
    probes = bytes(block[::_STRIDE])
    if b"\0\0\0" not in probes:
        return []
    found = _PAGE_OF_ZEROS.finditer(probes)
    return [(at + m.start() * _STRIDE, at + (m.end() - 1) * _STRIDE + 1) for m in found]


@dataclass(frozen=True, slots=True)
class _Format:
    """How frames of a description begin: with a length of so many bytes, or not with zeros."""

    length_bytes: int

    def is_blank(self, head: bytes, size: int) -> bool:
        if size < 8:
            return False
        if not any(head[:8]):
            return True
        if not self.length_bytes or head[:3] == b"\0\0\1" or head[:4] == b"\0\0\0\1":
            return False
        return int.from_bytes(head[: self.length_bytes]) > size - self.length_bytes

    def has_holes(self, sample: bytes) -> bool:
        """Whether a unit of a whole frame holds what can't be; zeros behind the last are padding."""
        at = 0
        while self.length_bytes and at + self.length_bytes <= len(sample):
            length = int.from_bytes(sample[at : at + self.length_bytes])
            at += self.length_bytes
            if not length:
                return any(sample[at:])
            if at + length > len(sample) or _ZEROS in sample[at : at + length]:
                return True
            at += length
        return False


def _format(description: Description) -> _Format | None:
    """None for a codec of which nothing is known, such as PCM or raw pictures."""
    if description.encrypted:
        return None
    for kind, (offset, shift) in _LENGTH_BYTE.items():
        where = description.entry.find(kind) + 4 + offset
        if where >= 4 + offset and where < len(description.entry):
            return _Format((description.entry[where] >> shift & 3) + 1)
    return _Format(0) if description.codec in _PICTURES | _SOUNDS else None


def seems_blank(tables: SegmentTables, read_at: ReadAt) -> bool:
    """Whether one of a few frames of the picture, the last among them, was never written."""
    track = tables.reference
    form = _format(track.header.first)
    if form is None or not track.count:
        return False
    return any(
        form.is_blank(_read(read_at, offset, min(size, _HEAD_BYTES)), size)
        for offset, size in _few_samples(track)
    )


def _few_samples(track: Track) -> Iterator[Area]:
    """Offset and size of some samples, the last among them."""
    ends = array("Q", accumulate(track.chunk_counts))
    measure = track.sizes.measure()
    for number in {track.count - 1, *range(0, track.count, max(track.count // PROBES, 1))}:
        chunk = bisect_right(ends, number)
        first = ends[chunk - 1] if chunk else 0
        yield track.chunk_offsets[chunk] + measure(first, number - first), measure(number, 1)


def leave_out_blank(tables: SegmentTables, read_at: ReadAt, areas: Sequence[Area] = ()) -> str:
    """Look at every frame; cut the tracks where nothing but unwritten ones follow.

    ``areas`` are stretches of zeros in the file. Returns in words what is unwritten within what
    stays, nothing where all is well. Raises ``Damaged`` where no frame of the picture stays.
    """
    inside = []
    for track in tables.tracks:
        form = _format(track.header.first)
        if form is None:
            continue
        blank = [
            number
            for number, (offset, size) in enumerate(_samples(track))
            if _is_blank(form, read_at, offset, size, areas)
        ]
        is_picture = track is tables.reference
        within = _cut_end(tables, track, blank, is_picture=is_picture)
        if within:
            what = "frames" if is_picture else f"samples of its {track.header.codec} track"
            inside.append(f"{len(within)} {what} (from number {within[0] + 1} on)")
    return ", ".join(inside)


def _cut_end(
    tables: SegmentTables, track: Track, blank: list[int], *, is_picture: bool
) -> list[int]:
    """Take the last of the unwritten samples off a track's end; returns those before."""
    runs = [
        [n for _, n in run] for _, run in groupby(enumerate(blank), lambda pair: pair[1] - pair[0])
    ]
    if not runs or runs[-1][-1] != track.count - 1:
        return blank
    first = runs[-1][0]
    track.declared_ticks = max(track.declared_ticks, track.duration_ticks)
    if is_picture:
        if not first:
            raise Damaged("its frames were never written: where they should be are zeros or noise")
        tables.cut = True
        tables.note = (
            f"its last {track.count - first} frames were never written (zeros or noise, as after a "
            "power cut)"
        )
    keep_samples(track, first)
    return blank[: len(blank) - len(runs[-1])]


def _is_blank(
    form: _Format, read_at: ReadAt, offset: int, size: int, areas: Sequence[Area]
) -> bool:
    if form.is_blank(_read(read_at, offset, min(size, _HEAD_BYTES)), size):
        return True
    if not any(begin < offset + size and offset < end for begin, end in areas):
        return False
    return form.has_holes(_read(read_at, offset, min(size, _LONGEST_SAMPLE)))


def _read(read_at: ReadAt, offset: int, length: int) -> bytes:
    """What is there; a bad sector is not for here to report."""
    try:
        return read_at(offset, length)
    except Damaged:
        return b"\xff\xff"


def _samples(track: Track) -> Iterator[Area]:
    """Offset and size of each sample."""
    sizes: array[int] = track.sizes.numbers()
    at = 0
    for chunk, count in zip(track.chunk_offsets, track.chunk_counts, strict=True):
        offset = chunk
        for size in sizes[at : at + count]:
            yield offset, size
            offset += size
        at += count
