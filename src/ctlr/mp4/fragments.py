"""Movie fragments (``moof``, ISO/IEC 14496-12, 8.8) read into the same tables as a plain file.

A fragmented segment may be cut anywhere: every whole ``moof`` counts, and of its media as much
as the file still holds. A fragment's own decode time (``tfdt``) wins over the running sum of the
durations: what differs was the guessed duration of the sample before. Pure.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from ctlr.mp4.boxes import Box, Damaged, children, find, require, u32, u64
from ctlr.mp4.tables import (
    MAX_SAMPLES,
    Track,
    TrackHeader,
    keep_readable,
    pack,
    run_lengths,
    unpack,
)

_NOT_SYNC = 0x10000

_BASE_OFFSET, _DESCRIPTION, _DURATION, _SIZE, _FLAGS = 0x1, 0x2, 0x8, 0x10, 0x20
_BASE_IS_MOOF = 0x20000
_DATA_OFFSET, _FIRST_FLAGS = 0x1, 0x4
_PER_SAMPLE = (0x100, 0x200, 0x400, 0x800)  # duration, size, flags, shift: in this order


@dataclass(slots=True)
class Defaults:
    """What a sample has where its fragment does not say (``trex``, then ``tfhd``)."""

    duration: int
    size: int
    flags: int


class FragmentedTrack:
    """Gathers the runs of one track, fragment by fragment."""

    def __init__(self, track_id: int, header: TrackHeader, defaults: Defaults) -> None:
        self.track_id = track_id
        self.header = header
        self.defaults = defaults
        self.start: int | None = None
        self.end = 0
        self.durations = array("I")
        self.sizes = array("I")
        self.shifts = array("I")
        self.shifts_version = 0
        self.sync = array("I")
        self.chunk_offsets = array("Q")
        self.chunk_counts = array("I")
        self.obstacle: str | None = None

    def begin(self, decode_time: int | None) -> None:
        """A fragment starts at ``decode_time``, or where the one before ended."""
        if self.start is None:
            self.start = self.end = decode_time or 0
        elif decode_time is not None and decode_time != self.end and self.durations:
            stretched = self.durations[-1] + decode_time - self.end
            if not 0 <= stretched < 1 << 31:
                raise Damaged("the times of its fragments are out of order")
            self.durations[-1] = stretched
            self.end = decode_time

    def finish(self, limit: int) -> Track:
        count = len(self.sizes)
        track = Track(
            track_id=self.track_id,
            header=self.header,
            count=count,
            sizes=pack(self.sizes),
            times=run_lengths(self.durations),
            shifts=run_lengths(self.shifts) if any(self.shifts) else None,
            shifts_version=self.shifts_version,
            sync=None if len(self.sync) == count else pack(self.sync),
            chunk_offsets=self.chunk_offsets,
            chunk_counts=self.chunk_counts,
            start_ticks=self.start or 0,
            obstacle=self.obstacle,
        )
        keep_readable(track, limit)
        return track


def read_defaults(data: bytes, moov: Box) -> dict[int, Defaults]:
    """The ``trex`` boxes by track id; empty for a plain movie."""
    mvex = find(data, moov, b"mvex")
    if mvex is None:
        return {}
    return {
        u32(data, box.body + 4): Defaults(
            u32(data, box.body + 12), u32(data, box.body + 16), u32(data, box.body + 20)
        )
        for box in children(data, mvex.body, mvex.end)
        if box.kind == b"trex"
    }


def read_fragment(tracks: dict[int, FragmentedTrack], data: bytes, moof_at: int) -> None:
    """Add one ``moof`` (``data``, lying at ``moof_at`` of the file). Raises ``Damaged``."""
    root = Box(b"moof", 0, 8 if u32(data, 0) != 1 else 16, len(data))
    implied = moof_at
    for traf in children(data, root.body, root.end):
        if traf.kind == b"traf":
            implied = _read_traf(tracks, data, traf, moof_at, implied)


def _read_traf(
    tracks: dict[int, FragmentedTrack], data: bytes, traf: Box, moof_at: int, implied: int
) -> int:
    tfhd = require(data, traf, b"tfhd")
    flags = u32(data, tfhd.body) & 0xFFFFFF
    track = tracks.get(u32(data, tfhd.body + 4))
    if track is None:
        raise Damaged("a fragment belongs to no track")
    fields = _fields(data, tfhd.body + 8, flags)
    base = moof_at if flags & _BASE_IS_MOOF else implied
    if flags & _BASE_OFFSET:
        base = u64(data, tfhd.body + 8)
    if fields.get(_DESCRIPTION, 1) != 1:
        track.obstacle = "it uses several sample descriptions"
    defaults = Defaults(
        fields.get(_DURATION, track.defaults.duration),
        fields.get(_SIZE, track.defaults.size),
        fields.get(_FLAGS, track.defaults.flags),
    )
    tfdt = find(data, traf, b"tfdt")
    track.begin(_decode_time(data, tfdt) if tfdt else None)
    at = base
    for trun in children(data, traf.body, traf.end):
        if trun.kind == b"trun":
            at = _read_trun(track, data, trun, defaults, base, at)
    return at


def _fields(data: bytes, at: int, flags: int) -> dict[int, int]:
    """The optional 32-bit fields of ``tfhd`` that are there."""
    at += 8 if flags & _BASE_OFFSET else 0
    fields = {}
    for bit in (_DESCRIPTION, _DURATION, _SIZE, _FLAGS):
        if flags & bit:
            fields[bit] = u32(data, at)
            at += 4
    return fields


def _decode_time(data: bytes, tfdt: Box) -> int:
    time = u64(data, tfdt.body + 4) if data[tfdt.body] == 1 else u32(data, tfdt.body + 4)
    if time >= 1 << 62:
        raise Damaged("a fragment claims an impossible time")
    return time


def _read_trun(
    track: FragmentedTrack, data: bytes, trun: Box, defaults: Defaults, base: int, at: int
) -> int:
    """Add one run of samples; returns where its media bytes end."""
    word = u32(data, trun.body)
    flags, count = word & 0xFFFFFF, u32(data, trun.body + 4)
    offset, first_flags = trun.body + 8, None
    if flags & _DATA_OFFSET:
        shift = u32(data, offset)
        at = base + (shift - (1 << 32) if shift >> 31 else shift)
        offset += 4
    if flags & _FIRST_FLAGS:
        first_flags = u32(data, offset)
        offset += 4
    present = [bit for bit in _PER_SAMPLE if flags & bit]
    rows = data[offset : offset + 4 * len(present) * count]
    if len(rows) < 4 * len(present) * count or len(track.sizes) + count > MAX_SAMPLES or at < 0:
        raise Damaged(f"a fragment claims {count} frames")
    columns = dict(zip(present, _columns(rows, len(present)), strict=True))
    durations = columns.get(0x100, array("I", (defaults.duration,)) * count)
    sizes = columns.get(0x200, array("I", (defaults.size,)) * count)
    sample_flags = columns.get(0x400, array("I", (defaults.flags,)) * count)
    if first_flags is not None and count:
        sample_flags[0] = first_flags
    done = len(track.sizes)
    track.sync.extend(
        done + number for number, flag in enumerate(sample_flags, 1) if not flag & _NOT_SYNC
    )
    track.durations.extend(durations)
    track.sizes.extend(sizes)
    track.shifts.extend(columns.get(0x800, array("I", (0,)) * count))
    track.shifts_version = max(track.shifts_version, word >> 24)
    if count:
        track.chunk_offsets.append(at)
        track.chunk_counts.append(count)
    track.end += sum(durations)
    return at + sum(sizes)


def _columns(rows: bytes, width: int) -> "Iterator[array[int]]":
    values = unpack(rows)
    return (values[column::width] for column in range(width))
