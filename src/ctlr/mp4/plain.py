"""The sample tables of a plain ``moov`` (ISO/IEC 14496-12, 8.6 and 8.7). Pure.

Read as players read them: a table that says too much is cut off at what there is, one that says too
little goes on with its last entry. What can't be meant in any way is ``Damaged``.
"""

from array import array
from dataclasses import dataclass

from ctlr.mp4.boxes import Box, Damaged, children, require, u32, version
from ctlr.mp4.headers import TrackHeader, read_length
from ctlr.mp4.runs import count_beyond, first_runs, pack, repair_times, unpack
from ctlr.mp4.sizes import MAX_SAMPLES, Sizes, read_sizes
from ctlr.mp4.tables import Track, keep_readable

MAX_CHUNKS = 1 << 19
"""Most chunks of a track in one segment: five hours with one for each frame."""


def read_rows(data: bytes, box: Box, width: int) -> bytes:
    """The entries of a full box that begins with their count, each ``width`` bytes wide.

    Raises ``Damaged`` where the count claims more than the box holds.
    """
    count = u32(data, box.body + 4)
    start = box.body + 8
    if count * width > box.end - start:
        raise Damaged(f"its {box.kind.decode('latin1')} table claims {count} entries")
    return data[start : start + count * width]


def read_plain(data: bytes, trak: Box, header: TrackHeader, track_id: int, limit: int) -> Track:
    """A track of a plain ``moov``, as far as its samples lie within ``limit`` file bytes.

    Raises ``Damaged``.
    """
    boxes = _boxes(data, trak)
    sizes = read_sizes(data, boxes[b"stsz" if b"stsz" in boxes else b"stz2"])
    offsets = _read_offsets(data, boxes)
    chunks = _read_chunks(unpack(read_rows(data, boxes[b"stsc"], 12)), offsets, sizes)
    held = sum(chunks.counts)
    if header.kind == b"vide" and held > MAX_SAMPLES:
        raise Damaged(f"it claims {held} frames")
    track = Track(
        track_id=track_id,
        header=header,
        sizes=sizes.first(held),
        times=_read_times(data, boxes[b"stts"], held, shown=header.kind == b"vide"),
        shifts=_read_shifts(data, boxes.get(b"ctts"), held),
        shifts_version=version(data, boxes[b"ctts"]) if b"ctts" in boxes else 0,
        sync=_read_sync(data, boxes.get(b"stss"), held),
        chunk_offsets=offsets[: len(chunks.counts)],
        chunk_counts=chunks.counts,
        declared=sizes.count,
        obstacle=header.obstacle,
    )
    _choose_descriptions(track, chunks.entries)
    track.declared_ticks = track.duration_ticks
    track.said_ticks = read_length(data, trak)
    track.beyond = count_beyond(first_runs(read_rows(data, boxes[b"stts"], 8), held))
    keep_readable(track, limit)
    return track


def claims_samples(data: bytes, trak: Box) -> bool:
    """Whether a track that can't be read says that it has any samples."""
    try:
        boxes = _boxes(data, trak)
        return u32(data, boxes[b"stsz" if b"stsz" in boxes else b"stz2"].body + 8) > 0
    except Damaged:
        return False


def _boxes(data: bytes, trak: Box) -> dict[bytes, Box]:
    stbl = require(data, trak, b"mdia", b"minf", b"stbl")
    boxes = {box.kind: box for box in children(data, stbl.body, stbl.end)}
    missing = {b"stts", b"stsc"} - boxes.keys()
    if missing or not boxes.keys() & {b"stco", b"co64"} or not boxes.keys() & {b"stsz", b"stz2"}:
        raise Damaged("its sample tables are not complete")
    return boxes


def _read_times(data: bytes, box: Box, count: int, *, shown: bool) -> bytes:
    times = read_rows(data, box, 8)
    if count and not times:
        raise Damaged("its frames have no times")
    return repair_times(first_runs(times, count), shown)


def _read_shifts(data: bytes, box: Box | None, count: int) -> bytes | None:
    if box is None:
        return None
    if count > MAX_SAMPLES:
        raise Damaged(f"it claims {count} frames")
    return first_runs(read_rows(data, box, 8), count)


def _read_sync(data: bytes, box: Box | None, count: int) -> bytes | None:
    """Numbers of the keyframes; those of frames that are not there count for nothing."""
    if box is None:
        return None
    numbers = read_rows(data, box, 4)
    found = unpack(numbers)
    if not found or 1 <= found[0] <= found[-1] <= count:
        return numbers
    return pack(array("I", sorted({number for number in found if 1 <= number <= count})))


def _read_offsets(data: bytes, boxes: dict[bytes, Box]) -> "array[int]":
    chunks = u32(data, boxes[b"co64" if b"co64" in boxes else b"stco"].body + 4)
    if chunks > MAX_CHUNKS:
        raise Damaged(f"it claims {chunks} chunks")
    if b"co64" in boxes:
        return unpack(read_rows(data, boxes[b"co64"], 8), "Q")
    return array("Q", unpack(read_rows(data, boxes[b"stco"], 4)))


@dataclass(slots=True)
class _Chunks:
    """Samples in each chunk, and the number of its description."""

    counts: "array[int]"
    entries: "array[int]"


def _read_chunks(rows: "array[int]", offsets: "array[int]", sizes: Sizes) -> _Chunks:
    """Spread ``stsc`` (first chunk, samples in each, description) over the chunks, as far as there
    are samples. Raises ``Damaged``."""
    chunks = _spread_chunks(rows, len(offsets))
    claimed, left = chunks.counts, sizes.count
    if sum(claimed) <= left:
        return chunks
    if (fitted := _fit_between_offsets(claimed, offsets, sizes)) is not None:
        chunks.counts = fitted
        return chunks
    for index, count in enumerate(claimed):
        if count >= left:
            claimed[index] = left
            kept = index + (left > 0)
            return _Chunks(claimed[:kept], chunks.entries[:kept])
        left -= count
    return chunks


def _spread_chunks(rows: "array[int]", chunks: int) -> _Chunks:
    counts, entries = array("I"), array("I")
    for index in range(0, len(rows), 3):
        first, each, entry = rows[index : index + 3]
        following = rows[index + 3] if index + 3 < len(rows) else chunks + 1
        following = min(following, chunks + 1)
        if first > chunks:
            break
        if first != len(counts) + 1 or following < first:
            raise Damaged("its chunk table is out of order")
        counts.extend(array("I", (each,)) * (following - first))
        entries.extend(array("I", (entry,)) * (following - first))
    return _Chunks(counts, entries)


def _fit_between_offsets(
    claimed: "array[int]", offsets: "array[int]", sizes: Sizes
) -> "array[int] | None":
    """How the samples lie in the chunks where more are claimed than there are: so that none reaches
    into the next chunk and none is empty. None where that can't be."""
    counts, at = array("I"), 0
    for index, count in enumerate(claimed):
        still_to_come = len(claimed) - 1 - index
        most = min(count, sizes.count - at - still_to_come)
        step = offsets[index + 1] - offsets[index] if still_to_come else 0
        fits = sizes.fitting(at, most, step) if step > 0 and most > 0 else most
        if fits < 1:
            return None
        counts.append(fits)
        at += fits
    return counts if at == sizes.count else None


def _choose_descriptions(track: Track, entries: "array[int]") -> None:
    """Keep the descriptions that are in use, numbered from 1; one that is not there is the first."""
    there = len(track.header.descriptions)
    if not set(entries) <= set(range(1, there + 1)):
        entries = array("I", (entry if 1 <= entry <= there else 1 for entry in entries))
    used = sorted(set(entries))
    if not used or (used == [1] and there == 1):
        return
    track.header = track.header.using(used)
    if len(used) > 1:
        track.chunk_entries = array("I", (used.index(entry) + 1 for entry in entries))


def make_track(
    track_id: int,
    header: TrackHeader,
    sizes: Sizes,
    times: bytes,
    shifts: bytes,
    sync: bytes | None,
    chunk_offsets: "array[int]",
    chunk_counts: "array[int]",
    chunk_entries: "array[int]",
) -> Track:
    """A track of what was gathered from fragments."""
    shifted = any(unpack(shifts)[1::2])
    track = Track(
        track_id=track_id,
        header=header,
        sizes=sizes,
        times=repair_times(times, header.kind == b"vide"),
        shifts=shifts if shifted else None,
        shifts_version=0,
        sync=sync,
        chunk_offsets=chunk_offsets,
        chunk_counts=chunk_counts,
        declared=sizes.count,
        obstacle=header.obstacle,
    )
    _choose_descriptions(track, chunk_entries)
    track.beyond = count_beyond(times)
    return track
