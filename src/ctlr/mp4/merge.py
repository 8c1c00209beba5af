"""Joining the tables of many segments into one ``moov``. Pure.

Each track keeps a running decode time in its own timescale, never the container's duration, so
an error of rounding can't grow with the number of joins. Where a segment has to start later
than the one before ends, the last sample before is shown longer (that is how MP4 says "nothing
new for a while"); where it has to start earlier, that sample is shown shorter, and what is left
(AAC encoders prime each segment with a frame or two) shortens the first samples of the new one.
No sample is dropped or moved.

Boxes are written as lists of pieces: the tables of a 30-hour session are not copied once more
to be put together.
"""

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable

from ctlr.mp4.boxes import Damaged, make_full_box, u32
from ctlr.mp4.labels import NO_LABELS, Labels, user_data
from ctlr.mp4.tables import (
    SegmentTables,
    Track,
    TrackHeader,
    expand_runs,
    first_shown_ticks,
    pack,
    run_lengths,
    unpack,
)

MAX_DELTA = (1 << 31) - 1
"""Longest time one sample can stand in the media timescale; players read it as signed."""

_AUDIO_SLACK_S = 1000  # an audio segment this part of a second off its place follows on
_UNITY_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)

Pieces = list[bytes]


class Runs:
    """Run-length pairs being joined; neighbours of the same value become one pair."""

    def __init__(self) -> None:
        self.pieces: Pieces = []
        self.count = 0
        self.value = 0

    def extend(self, pairs: bytes) -> None:
        if not pairs:
            return
        if self.count and u32(pairs, 4) == self.value:
            self.count += u32(pairs, 0)
            pairs = pairs[8:]
            if not pairs:
                return
        self._flush()
        if len(pairs) > 8:
            self.pieces.append(pairs[:-8])
        self.count, self.value = u32(pairs, len(pairs) - 8), u32(pairs, len(pairs) - 4)

    def set_last(self, value: int) -> None:
        """Change the value of the last sample."""
        if self.count > 1:
            self.pieces.append(struct.pack(">II", self.count - 1, self.value))
        self.count, self.value = 1, value

    def _flush(self) -> None:
        if self.count:
            self.pieces.append(struct.pack(">II", self.count, self.value))
        self.count = 0

    def finish(self) -> Pieces:
        return [*self.pieces, struct.pack(">II", self.count, self.value)] if self.count else []


class MergedTrack:
    """One track of the result."""

    def __init__(self, header: TrackHeader, track_id: int) -> None:
        self.header = header
        self.track_id = track_id
        self.count = 0
        self.zero = 0  # timeline position of the first sample's decode time
        self.end = 0  # decode time after the last sample, from 0
        self.skip = 0  # media at the head that is decoded but not shown
        self.lead = 0  # how much later than its decode time the last segment's first frame shows
        self.times = Runs()
        self.shifts = Runs()
        self.shifted = False
        self.shifts_version = 0
        self.sizes: Pieces = []
        self.sync: array[int] = array("I")
        self.all_sync = True
        self.chunk_offsets: array[int] = array("Q")
        self.chunk_rows: array[int] = array("I")

    def append(self, track: Track, target: int) -> None:
        """Add a segment's track; its first sample is decoded at ``target`` on the timeline."""
        times = track.times
        self.lead = first_shown_ticks(track)
        if self.count == 0:
            self.zero = target
            self.skip = max(self.lead, -target, -track.start_ticks, 0)
        else:
            times = self._bridge(times, target - self.zero - self.end)
        self.times.extend(times)
        self.end += _total(times)
        self.shifts.extend(track.shifts or struct.pack(">II", track.count, 0))
        self.shifted = self.shifted or track.shifts is not None
        self.shifts_version = max(self.shifts_version, track.shifts_version)
        self.sizes.append(track.sizes)
        self._add_sync(track)
        self.count += track.count

    def _bridge(self, times: bytes, distance: int) -> bytes:
        """Close a hole (or an overlap, if negative) before the next segment's first sample."""
        audio = self.header.kind == b"soun"
        if audio and abs(distance) * _AUDIO_SLACK_S <= self.header.timescale:
            return times
        if distance < 0 and audio:
            return squash(times, -distance)
        wanted = self.times.value + distance
        last = min(max(wanted, 1), MAX_DELTA)
        self.end += last - self.times.value
        self.times.set_last(last)
        return squash(times, last - wanted) if wanted < last else times

    def _add_sync(self, track: Track) -> None:
        if track.sync is None and self.all_sync:
            return
        if self.all_sync:
            self.sync.extend(range(1, self.count + 1))
            self.all_sync = False
        numbers = range(1, track.count + 1) if track.sync is None else unpack(track.sync)
        self.sync.extend([number + self.count for number in numbers])

    def add_chunks(self, offsets: Iterable[int], counts: Iterable[int]) -> None:
        for offset, count in zip(offsets, counts, strict=True):
            self.chunk_offsets.append(offset)
            if not self.chunk_rows or self.chunk_rows[-2] != count:
                self.chunk_rows.extend((len(self.chunk_offsets), count, 1))


def squash(times: bytes, excess: int) -> bytes:
    """Shorten the first samples by ``excess`` ticks in all, leaving each at least one."""
    deltas = expand_runs(times)
    for index, delta in enumerate(deltas):
        less = min(delta - 1, excess) if delta else 0
        deltas[index] = delta - less
        excess -= less
        if not excess:
            break
    return run_lengths(deltas)


def _total(times: bytes) -> int:
    runs = unpack(times)
    return sum(count * delta for count, delta in zip(runs[::2], runs[1::2], strict=True))


class MergedMovie:
    """The tables of one output file, segment by segment in the order of the timeline."""

    def __init__(self) -> None:
        self.tracks: list[MergedTrack] = []
        self.timescale = 0

    def append(self, tables: SegmentTables, at_ticks: int, copied_to: int) -> None:
        """Add a segment whose first frame is shown at ``at_ticks`` (reference timescale).

        ``copied_to`` is where in the output its media ranges begin, one after another. Raises
        ``Damaged`` where the segment's tracks are not those of the segments before.
        """
        reference = tables.reference
        if not self.tracks:
            self.timescale = reference.header.timescale
            self.tracks = [
                MergedTrack(track.header, number) for number, track in enumerate(tables.tracks, 1)
            ]
        if [t.header.signature for t in self.tracks] != [t.header.signature for t in tables.tracks]:
            raise Damaged("its tracks differ from those of the segments before")
        origin = reference.start_ticks + first_shown_ticks(reference)
        for merged, track in zip(self.tracks, tables.tracks, strict=True):
            scale = track.header.timescale
            target = track.start_ticks + (at_ticks - origin) * scale // self.timescale
            merged.append(track, target)
            merged.add_chunks(_moved(track.chunk_offsets, tables, copied_to), track.chunk_counts)

    @property
    def duration_ticks(self) -> int:
        """Length of the presentation in ticks of ``timescale``."""
        return max(_shown_ticks(t) * self.timescale // t.header.timescale for t in self.tracks)

    def moov(self, labels: Labels = NO_LABELS) -> Pieces:
        """The ``moov`` box as pieces to be written one after another."""
        duration, made = self.duration_ticks, labels.creation_time
        mvhd = make_full_box(
            b"mvhd",
            1,
            struct.pack(">QQIQIH10x", made, made, self.timescale, duration, 0x10000, 0x100),
            _UNITY_MATRIX,
            bytes(24),
            struct.pack(">I", len(self.tracks) + 1),
        )
        traks = [piece for track in self.tracks for piece in _trak(track, self.timescale, made)]
        return _nest(b"moov", [mvhd, *traks, user_data(labels)])


def _moved(offsets: Iterable[int], tables: SegmentTables, copied_to: int) -> Iterable[int]:
    starts = [start for start, _ in tables.media]
    shifts, at = [], copied_to
    for start, length in tables.media:
        shifts.append(at - start)
        at += length
    return (offset + shifts[bisect_right(starts, offset) - 1] for offset in offsets)


def _shown_ticks(track: MergedTrack) -> int:
    return max(track.zero + track.skip, 0) + track.end + track.lead - track.skip


def _nest(kind: bytes, pieces: Pieces) -> Pieces:
    return [struct.pack(">I", 8 + sum(map(len, pieces))) + kind, *pieces]


def _table(kind: bytes, count: int, pieces: Pieces, version: int = 0, head: bytes = b"") -> Pieces:
    length = 16 + len(head) + sum(map(len, pieces))
    start = struct.pack(">I4sI", length, kind, version << 24)
    return [start + head + struct.pack(">I", count), *pieces]


def _trak(track: MergedTrack, movie_timescale: int, made: int) -> Pieces:
    header = track.header
    shown = _shown_ticks(track) * movie_timescale // header.timescale
    tkhd = make_full_box(
        b"tkhd",
        1,
        struct.pack(">QQIIQ8x", made, made, track.track_id, 0, shown),
        header.placement,
        flags=3,
    )
    mdhd = make_full_box(
        b"mdhd",
        1,
        struct.pack(">QQIQ", made, made, header.timescale, track.end),
        header.language,
        bytes(2),
    )
    stbl = _nest(b"stbl", _sample_tables(track))
    minf = _nest(b"minf", [header.media_info, *stbl])
    mdia = _nest(b"mdia", [mdhd, header.handler, *minf])
    return _nest(b"trak", [tkhd, _edits(track, movie_timescale), *mdia])


def _edits(track: MergedTrack, movie_timescale: int) -> bytes:
    scale = track.header.timescale
    wait = max(track.zero + track.skip, 0) * movie_timescale // scale
    rows = [struct.pack(">QqI", wait, -1, 0x10000)] if wait else []
    length = (track.end + track.lead - track.skip) * movie_timescale // scale
    rows.append(struct.pack(">QqI", length, track.skip, 0x10000))
    elst = make_full_box(b"elst", 1, struct.pack(">I", len(rows)), *rows)
    return b"".join(_nest(b"edts", [elst]))


def _sample_tables(track: MergedTrack) -> Pieces:
    times, shifts = track.times.finish(), track.shifts.finish()
    pieces = [*_table(b"stsd", 1, [track.header.entry]), *_runs(b"stts", times)]
    if track.shifted:
        pieces += _runs(b"ctts", shifts, track.shifts_version)
    if not track.all_sync:
        pieces += _table(b"stss", len(track.sync), [pack(track.sync)])
    pieces += _table(b"stsc", len(track.chunk_rows) // 3, [pack(track.chunk_rows)])
    pieces += _table(b"stsz", track.count, track.sizes, head=bytes(4))
    pieces += _table(b"co64", len(track.chunk_offsets), [pack(track.chunk_offsets)])
    return pieces


def _runs(kind: bytes, pieces: Pieces, version: int = 0) -> Pieces:
    return _table(kind, sum(map(len, pieces)) // 8, pieces, version)
