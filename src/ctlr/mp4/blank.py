"""Frames that an index names and that are none. Pure.

A power cut leaves a file whose index is on the disk and whose media are not: they read as zeros, or as
what the blocks held before. A bad card or a flipped bit leaves noise, or an index whose sizes are not
those of the frames. Nothing in the index tells, and a player shows a grey second. A few frames of
each segment are looked at when it is read (``seems_blank``), each frame's beginning and the stretches
of zeros when it is copied (``leave_out_blank``), as far as its codec tells (``forms``).
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby

from ctlr.mp4.boxes import Damaged, ReadAt
from ctlr.mp4.forms import HEAD_BYTES, Form, form_of
from ctlr.mp4.tables import SegmentTables, Track, keep_samples

PROBES = 8
_SECTOR_OF_ZEROS = bytes(256)
"""In any sector (512 bytes) of zeros, wherever it lies."""
_ZEROS = re.compile(rb"\0+")
_TOGETHER = 64 << 10
_SMALL = 4096

Area = tuple[int, int]
"""Begin and end of a stretch of a file."""


class Blank(Damaged):
    """Not one frame of its picture is where its index says."""


def zeros(block: bytearray, size: int, at: int) -> list[Area]:
    """Where the first ``size`` bytes of a block of a file (lying at ``at``) are zeros: sectors of
    them, not single bytes. Costs about a hundredth of copying the block."""
    found: list[Area] = []
    begin = block.find(_SECTOR_OF_ZEROS, 0, size)
    while begin >= 0 and (run := _ZEROS.match(block, begin, size)):
        found.append((at + begin, at + run.end()))
        begin = block.find(_SECTOR_OF_ZEROS, run.end(), size)
    return found


def seems_blank(tables: SegmentTables, read_at: ReadAt) -> bool:
    """Whether one of a few frames of the picture, the last among them, is none."""
    track = tables.reference
    form = form_of(track.header.first)
    if form is None or not track.count:
        return False
    return not all(form.is_frame(read_at, offset, size) for offset, size in _few_samples(track))


def _few_samples(track: Track) -> Iterator[Area]:
    """Offset and size of some samples, the last among them."""
    ends = array("Q", accumulate(track.chunk_counts))
    measure = track.sizes.measure()
    for number in {track.count - 1, *range(0, track.count, max(track.count // PROBES, 1))}:
        chunk = bisect_right(ends, number)
        first = ends[chunk - 1] if chunk else 0
        yield track.chunk_offsets[chunk] + measure(first, number - first), measure(number, 1)


def leave_out_blank(tables: SegmentTables, read_at: ReadAt, areas: Sequence[Area] = ()) -> str:
    """Look at every frame; cut the tracks where nothing but such that are none follow.

    ``areas`` are stretches of zeros in the file. Returns in words which frames are none within what
    stays, nothing where all is well. Raises ``Blank`` where no frame of the picture stays.
    """
    inside = []
    for track in tables.tracks:
        form = form_of(track.header.first)
        blank = _blank(form, track, read_at, areas) if form else []
        is_picture = track is tables.reference
        before_the_end = _cut_end(tables, track, blank, is_picture=is_picture)
        within = before_the_end if is_picture else blank  # of the picture's end a gap tells
        if within:
            what = "frames" if is_picture else f"samples of its {track.header.codec} track"
            inside.append(f"{len(within)} {what} (from number {within[0] + 1} on)")
    return ", ".join(inside)


def _blank(form: Form, track: Track, read_at: ReadAt, areas: Sequence[Area]) -> list[int]:
    """The numbers of samples that are no frames. Small ones that lie together are read together."""
    blank: list[int] = []
    sizes: array[int] = track.sizes.numbers()
    together, begin, number = b"", 0, 0
    for chunk, count in zip(track.chunk_offsets, track.chunk_counts, strict=True):
        offset = chunk
        for size in sizes[number : number + count]:
            head = b""
            if size <= _SMALL:
                if not begin <= offset <= offset + min(size, HEAD_BYTES) <= begin + len(together):
                    begin, together = offset, _read(read_at, offset)
                head = together[offset - begin : offset - begin + min(size, HEAD_BYTES)]
            if not form.is_frame(read_at, offset, size, head) or (
                areas and _in_any(areas, offset, size) and form.has_holes(read_at, offset, size)
            ):
                blank.append(number)
            offset += size
            number += 1
    return blank


def _in_any(areas: Sequence[Area], offset: int, size: int) -> bool:
    return any(begin < offset + size and offset < end for begin, end in areas)


def _cut_end(
    tables: SegmentTables, track: Track, blank: list[int], *, is_picture: bool
) -> list[int]:
    """Take the last of the samples that are none off a track's end; returns those before."""
    runs = [
        [n for _, n in run] for _, run in groupby(enumerate(blank), lambda pair: pair[1] - pair[0])
    ]
    if not runs or runs[-1][-1] != track.count - 1:
        return blank
    first = runs[-1][0]
    track.declared_ticks = max(track.declared_ticks, track.duration_ticks)
    if is_picture:
        if not first:
            raise Blank("there are no frames where its index says, but zeros or noise")
        tables.cut = True
        tables.note = (
            f"its last {track.count - first} frames are none (zeros or noise, as after a power cut)"
        )
    keep_samples(track, first)
    track.unshown = track.unshown_ticks = 0
    return blank[: len(blank) - len(runs[-1])]


def _read(read_at: ReadAt, offset: int) -> bytes:
    try:
        return read_at(offset, _TOGETHER)
    except Damaged:  # a bad sector in so many bytes: what is before it is looked at alone
        return b""
