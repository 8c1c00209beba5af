"""Sample tables: what a track says about its frames, in a form that is cheap to keep and join.

A segment's tables are kept as the big-endian bytes that an MP4 file holds (ISO/IEC 14496-12,
8.6 and 8.7), so that joining thousands of them is slicing and concatenating. Three hundred
frames cost about 2 KiB. ``Track`` is the same whether the segment was plain (``read_plain``) or
fragmented (``fragments.read_fragments``). Pure.
"""

import sys
from array import array
from dataclasses import dataclass
from itertools import accumulate
from operator import add

from ctlr.mp4.boxes import Box, Damaged, children, require, u32

MAX_SAMPLES = 1 << 21

_SWAP = sys.byteorder == "little"


@dataclass(frozen=True, slots=True)
class TrackHeader:
    """What all segments of one camera's track have in common.

    ``entry`` is the sample entry (``avc1``, ``mp4a``, ...) as written to the result;
    ``signature`` is what decides whether two segments can share a header.
    """

    kind: bytes
    timescale: int
    language: bytes
    placement: bytes  # of tkhd: layer, group, volume, matrix, width, height
    handler: bytes
    media_info: bytes  # minf without stbl
    entry: bytes
    signature: bytes
    codec: str
    width: int
    height: int


@dataclass(slots=True)
class Track:
    """One track of one segment.

    ``times`` and ``shifts`` are the run-length pairs of ``stts`` and ``ctts``; ``sizes`` one
    number a sample; ``sync`` the numbers of the keyframes counted from 1, None when all are.
    A chunk is a run of ``chunk_counts[i]`` samples lying together at ``chunk_offsets[i]`` of the
    segment file. ``start_ticks`` is the decode time of the first sample in the segment's own
    presentation, edit list applied, in the track's timescale; ``start_exact`` is false where an
    edit list rounded it to the movie's coarser timescale. ``obstacle`` says why it can't be
    spliced, if so.
    """

    track_id: int
    header: TrackHeader
    count: int
    sizes: bytes
    times: bytes
    shifts: bytes | None
    shifts_version: int
    sync: bytes | None
    chunk_offsets: "array[int]"
    chunk_counts: "array[int]"
    start_ticks: int = 0
    start_exact: bool = True
    declared_ticks: int = 0
    obstacle: str | None = None

    @property
    def duration_ticks(self) -> int:
        runs = unpack(self.times)
        return sum(count * delta for count, delta in zip(runs[::2], runs[1::2], strict=True))

    @property
    def first_is_sync(self) -> bool:
        return self.sync is None or self.sync[:4] == b"\0\0\0\1"


@dataclass(slots=True)
class SegmentTables:
    """All tracks of one segment, and the ranges of the file that hold their media bytes."""

    movie_timescale: int
    tracks: list[Track]
    media: list[tuple[int, int]]  # offset, length
    created_at_s: int | None = None  # Unix seconds of the movie header, where it has any
    cut: bool = False
    note: str = ""  # why it is cut, if more is known than that it ends

    @property
    def reference(self) -> Track:
        """The track that the timeline follows: the first video, else the first of any kind."""
        return next((t for t in self.tracks if t.header.kind == b"vide"), self.tracks[0])


def unpack(data: bytes, code: str = "I") -> "array[int]":
    """Numbers of big-endian bytes; ``code`` as in ``array`` (``I`` 32 bit, ``Q`` 64 bit)."""
    numbers = array(code)
    numbers.frombytes(data)
    if _SWAP:
        numbers.byteswap()
    return numbers


def pack(numbers: "array[int]") -> bytes:
    """Big-endian bytes of numbers; the array itself stays as it is."""
    if _SWAP:
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


def run_lengths(values: "array[int]") -> bytes:
    """Run-length pairs (count, value) of a row of numbers, as ``stts`` and ``ctts`` hold them."""
    if not values:
        return b""
    if values.count(values[0]) == len(values):
        return pack(array("I", (len(values), values[0])))
    runs = array("I")
    previous, count = values[0], 0
    for value in values:
        if value == previous:
            count += 1
        else:
            runs.append(count)
            runs.append(previous)
            previous, count = value, 1
    runs.append(count)
    runs.append(previous)
    return pack(runs)


def expand_runs(pairs: bytes) -> "array[int]":
    """One number a sample of run-length pairs."""
    runs = unpack(pairs)
    values = array("I")
    for count, value in zip(runs[::2], runs[1::2], strict=True):
        values.extend(array("I", (value,)) * count)
    return values


def cut_runs(pairs: bytes, samples: int) -> bytes:
    """The pairs of the first ``samples`` samples. Raises ``Damaged`` if there are fewer."""
    runs = unpack(pairs)
    left = samples
    for index in range(0, len(runs), 2):
        if runs[index] >= left:
            runs[index] = left
            return pack(runs[: index + 2]) if left else pack(runs[:index])
        left -= runs[index]
    if left:
        raise Damaged("a table has fewer entries than the track has frames")
    return pairs


def table(data: bytes, box: Box, width: int, skip: int = 4) -> bytes:
    """The entries of a full box with a count at ``skip``, each ``width`` bytes wide.

    Raises ``Damaged`` where the count claims more than the box holds.
    """
    count = u32(data, box.body + skip)
    start = box.body + skip + 4
    if count * width > box.end - start:
        raise Damaged(f"its {box.kind.decode('latin1')} table claims {count} entries")
    return data[start : start + count * width]


def read_plain(data: bytes, trak: Box, header: TrackHeader, track_id: int, limit: int) -> Track:
    """A track of a plain ``moov``, as far as its samples lie within ``limit`` file bytes.

    Raises ``Damaged``.
    """
    stbl = require(data, trak, b"mdia", b"minf", b"stbl")
    boxes = {box.kind: box for box in children(data, stbl.body, stbl.end)}
    missing = {b"stts", b"stsc", b"stsz"} - boxes.keys()
    if missing or not boxes.keys() & {b"stco", b"co64"}:
        raise Damaged("its sample tables are not complete")
    sizes = _read_sizes(data, boxes[b"stsz"])
    count = len(sizes) // 4
    shifts = boxes.get(b"ctts")
    sync = boxes.get(b"stss")
    track = Track(
        track_id=track_id,
        header=header,
        count=count,
        sizes=sizes,
        times=cut_runs(table(data, boxes[b"stts"], 8), count),
        shifts=cut_runs(table(data, shifts, 8), count) if shifts else None,
        shifts_version=data[shifts.body] if shifts else 0,
        sync=_read_sync(data, sync, count) if sync else None,
        chunk_offsets=_read_offsets(data, boxes),
        chunk_counts=array("I"),
    )
    _read_chunk_counts(data, boxes[b"stsc"], track)
    track.declared_ticks = track.duration_ticks
    keep_readable(track, limit)
    return track


def _read_sizes(data: bytes, box: Box) -> bytes:
    fixed, count = u32(data, box.body + 4), u32(data, box.body + 8)
    if count > MAX_SAMPLES:
        raise Damaged(f"it claims {count} frames")
    if fixed:
        return pack(array("I", (fixed,)) * count)
    return table(data, box, 4, skip=8)


def _read_sync(data: bytes, box: Box, count: int) -> bytes:
    numbers = table(data, box, 4)
    if numbers and not 1 <= u32(numbers, 0) <= u32(numbers, len(numbers) - 4) <= count:
        raise Damaged("its keyframe table names frames that are not there")
    return numbers


def _read_offsets(data: bytes, boxes: dict[bytes, Box]) -> "array[int]":
    if b"co64" in boxes:
        return unpack(table(data, boxes[b"co64"], 8), "Q")
    return array("Q", unpack(table(data, boxes[b"stco"], 4)))


def _read_chunk_counts(data: bytes, box: Box, track: Track) -> None:
    """Spread ``stsc`` (first chunk, samples in each, description) over the chunks."""
    rows = unpack(table(data, box, 12))
    chunks = len(track.chunk_offsets)
    for index in range(0, len(rows), 3):
        first, each, description = rows[index : index + 3]
        following = rows[index + 3] if index + 3 < len(rows) else chunks + 1
        if not len(track.chunk_counts) + 1 == first <= following <= chunks + 1:
            raise Damaged("its chunk table is out of order")
        if description != 1:
            track.obstacle = "it uses several sample descriptions"
        track.chunk_counts.extend(array("I", (each,)) * (following - first))
    if len(track.chunk_counts) != chunks or sum(track.chunk_counts) != track.count:
        raise Damaged("its chunk table and its frame count disagree")


def keep_readable(track: Track, limit: int) -> None:
    """Forget the samples from the first one on that ends beyond ``limit`` bytes of the file."""
    sizes, at = unpack(track.sizes), 0
    for index, (offset, count) in enumerate(
        zip(track.chunk_offsets, track.chunk_counts, strict=True)
    ):
        if offset + sum(sizes[at : at + count]) > limit:
            inside, end = 0, offset + sizes[at]
            while end <= limit:
                inside += 1
                end += sizes[at + inside]
            _keep_first(track, at + inside, index, inside)
            return
        at += count


def keep_until(track: Track, ticks: int) -> None:
    """Forget the samples behind the last one that is shown before ``ticks`` after the first one;
    what has to be decoded for it stays."""
    shown = shown_ticks(track)
    limit = min(shown, default=0) + ticks
    wanted = max((n for n, at in enumerate(shown, 1) if at < limit), default=min(1, track.count))
    before = 0
    for index, count in enumerate(track.chunk_counts):
        if before + count > wanted:
            _keep_first(track, wanted, index, wanted - before)
            return
        before += count


def _keep_first(track: Track, samples: int, whole_chunks: int, in_next: int) -> None:
    kept = whole_chunks + (1 if in_next else 0)
    del track.chunk_offsets[kept:]
    del track.chunk_counts[kept:]
    if in_next:
        track.chunk_counts[-1] = in_next
    track.count = samples
    track.sizes = track.sizes[: 4 * samples]
    track.times = cut_runs(track.times, samples)
    track.shifts = cut_runs(track.shifts, samples) if track.shifts is not None else None
    if track.sync is not None:
        track.sync = pack(array("I", [n for n in unpack(track.sync) if n <= samples]))


def first_shown_ticks(track: Track) -> int:
    """Presentation time of the first frame shown, counted from the first decode time.

    Zero without reordering; with B-frames the shift of the frame that is shown first.
    """
    if track.shifts is None or not track.count:
        return 0
    shifts = signed(expand_runs(track.shifts))
    at, first = 0, shifts[0]
    for shift, delta in zip(shifts, expand_runs(track.times), strict=True):
        first = min(first, at + shift)
        at += delta
    return first


def signed(values: "array[int]") -> "array[int]":
    """Composition offsets as signed numbers: version 1 says so, and version 0 writers do it too."""
    return array("i", values.tobytes())


def shown_ticks(track: Track) -> list[int]:
    """Presentation times of all frames in decode order, counted from the first decode time."""
    decoded = accumulate(expand_runs(track.times)[:-1], initial=0)
    if track.shifts is None:
        return list(decoded)
    return list(map(add, decoded, signed(expand_runs(track.shifts))))
