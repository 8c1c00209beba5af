"""Movie fragments (``moof``, ISO/IEC 14496-12, 8.8) read into the same tables as a plain file.

A fragmented segment may be cut anywhere: every whole ``moof`` counts, and of its media as much
as the file still holds. The index before them may hold frames as well: they come first. A
fragment's own decode time (``tfdt``) wins over the running sum of the durations: what differs was
the guessed duration of the sample before. Pure.

Some muxers let that time begin again in the middle (an encoder that was started again, a stream that
was taken up again). Then the frames follow on, all tracks by as much, so that sound stays in step.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from ctlr.mp4.boxes import Box, Damaged, children, find, require, u32, u64, version
from ctlr.mp4.headers import TrackHeader
from ctlr.mp4.plain import make_track
from ctlr.mp4.runs import RunList, pack, unpack
from ctlr.mp4.sizes import MAX_SAMPLES, GrowingSizes
from ctlr.mp4.tables import Track, keep_readable

_NOT_SYNC = 0x10000

_BASE_OFFSET, _DESCRIPTION, _DURATION, _SIZE, _FLAGS = 0x1, 0x2, 0x8, 0x10, 0x20
_BASE_IS_MOOF = 0x20000
_DATA_OFFSET, _FIRST_FLAGS = 0x1, 0x4
_PER_SAMPLE = (0x100, 0x200, 0x400, 0x800)  # duration, size, flags, shift: in this order
_RESTART_S = Fraction(1, 2)
"""Times that go back by more began again; those that go back by less overlap."""
_LONGEST_PAUSE_S = 24 * 3600


@dataclass(slots=True)
class Defaults:
    """What a sample has where its fragment does not say (``trex``, then ``tfhd``)."""

    description: int
    duration: int
    size: int
    flags: int


@dataclass(slots=True)
class Restart:
    """How far the times that the fragments tell have to be moved, since they began again."""

    by_s: Fraction = Fraction(0)


class FragmentedTrack:
    """Gathers the runs of one track, fragment by fragment, after those that the index holds."""

    def __init__(
        self,
        track_id: int,
        timescale: int,
        defaults: Defaults,
        restart: Restart,
        first: Track | None,
    ) -> None:
        self.track_id = track_id
        self.defaults = defaults
        self._timescale = timescale
        self._restart = restart
        self._moved = 0
        self.start: int | None = None
        self.end = 0
        self.durations = RunList(first.times if first else b"")
        self.sizes = GrowingSizes(first.sizes if first else None)
        self.shifts = RunList((first.shifts if first else None) or b"")
        self.shifts_version = first.shifts_version if first else 0
        self.sync = array("I")
        self.all_sync = True
        self.chunk_offsets = array("Q", first.chunk_offsets if first else ())
        self.chunk_counts = array("I", first.chunk_counts if first else ())
        self.chunk_entries = array("I", (first and first.chunk_entries) or ())
        if first and first.count:
            self._take_up(first)

    def _take_up(self, first: Track) -> None:
        self.start, self.end = 0, first.duration_ticks
        if first.shifts is None:
            self.shifts.add(first.count, 0)
        if first.sync is not None:
            self.all_sync, self.sync = False, unpack(first.sync)
        if first.chunk_entries is None:
            self.chunk_entries.extend([1] * len(self.chunk_counts))

    def begin(self, decode_time: int | None) -> None:
        """A fragment starts at ``decode_time``, or where the one before ended.

        Raises ``Damaged`` where no time makes sense.
        """
        if decode_time is None:
            self.start = self.start or 0
        elif self.start is None:
            self._moved = self._restarted()
            self.start = self.end = decode_time + self._moved
        elif self.sizes.count:
            self._go_to(decode_time)

    def _go_to(self, decode_time: int) -> None:
        ahead = decode_time + self._moved - self.end
        usual = self.durations.last
        if ahead < -max(usual, self._ticks(_RESTART_S)) or ahead > self._ticks(_LONGEST_PAUSE_S):
            ahead = self._begin_again(decode_time)
        if ahead < -usual:
            return  # it overlaps: the frames follow on, as the durations say
        if usual + ahead >= 1 << 31:
            raise Damaged("the times of its fragments are out of order")
        self.durations.set_last(usual + ahead)
        self.end += ahead

    def _begin_again(self, decode_time: int) -> int:
        """How far ahead of its end it goes on, when all tracks are moved alike."""
        self._moved = self._restarted()
        ahead = decode_time + self._moved - self.end
        if abs(ahead) > self._ticks(_RESTART_S):  # the first of the tracks to come to it
            self._moved, ahead = self.end - decode_time, 0
            self._restart.by_s = Fraction(self._moved, self._timescale)
        return ahead

    def _restarted(self) -> int:
        return self._ticks(self._restart.by_s)

    def _ticks(self, seconds: Fraction | int) -> int:
        return round(seconds * self._timescale)

    def add_sync(
        self, flags: "array[int] | None", count: int, flag: int, first: int | None
    ) -> None:
        """Note which of the next ``count`` samples are keyframes."""
        done = self.sizes.count
        alike = flags is None and not flag & _NOT_SYNC and (first is None or not first & _NOT_SYNC)
        if alike and self.all_sync:
            return
        if done + count > MAX_SAMPLES:
            raise Damaged(f"it claims {done + count} frames")
        flags = flags or array("I", (flag,)) * count
        if first is not None:
            flags[0] = first
        if self.all_sync:
            self.sync.extend(range(1, done + 1))
            self.all_sync = False
        self.sync.extend(n for n, flag in enumerate(flags, done + 1) if not flag & _NOT_SYNC)

    def finish(self, header: TrackHeader, limit: int) -> Track:
        """The track; raises ``Damaged``."""
        count = self.sizes.count
        track = make_track(
            self.track_id,
            header,
            self.sizes.finish(),
            self.durations.pairs(),
            self.shifts.pairs(),
            None if self.all_sync or len(self.sync) == count else pack(self.sync),
            self.chunk_offsets,
            self.chunk_counts,
            self.chunk_entries,
        )
        track.shifts_version = self.shifts_version
        track.start_ticks = self.start or 0
        keep_readable(track, limit)
        return track


def read_defaults(data: bytes, moov: Box) -> dict[int, Defaults]:
    """The ``trex`` boxes by track id; empty for a plain movie."""
    mvex = find(data, moov, b"mvex")
    if mvex is None:
        return {}
    return {
        u32(data, box.body + 4): Defaults(
            u32(data, box.body + 8),
            u32(data, box.body + 12),
            u32(data, box.body + 16),
            u32(data, box.body + 20),
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
    defaults = Defaults(
        fields.get(_DESCRIPTION, track.defaults.description),
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
    time = u64(data, tfdt.body + 4) if version(data, tfdt) == 1 else u32(data, tfdt.body + 4)
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
    if len(rows) < 4 * len(present) * count or count > 1 << 28 or at < 0:
        raise Damaged(f"a fragment claims {count} frames")
    if not count:
        return at
    columns = dict(zip(present, _columns(rows, len(present)), strict=True))
    track.add_sync(columns.get(0x400), count, defaults.flags, first_flags)
    length = _add_samples(track, columns, count, defaults)
    track.shifts_version = max(track.shifts_version, word >> 24)
    track.chunk_offsets.append(at)
    track.chunk_counts.append(count)
    track.chunk_entries.append(defaults.description)
    return at + length


def _add_samples(
    track: FragmentedTrack, columns: "dict[int, array[int]]", count: int, defaults: Defaults
) -> int:
    """Times and sizes of a run; returns its bytes."""
    if 0x100 in columns:
        track.durations.extend(columns[0x100])
        track.end += sum(columns[0x100])
    else:
        track.durations.add(count, defaults.duration)
        track.end += count * defaults.duration
    if 0x800 in columns:
        track.shifts.extend(columns[0x800])
    else:
        track.shifts.add(count, 0)
    if 0x200 in columns:
        track.sizes.extend(columns[0x200])
        return sum(columns[0x200])
    track.sizes.add(count, defaults.size)
    return count * defaults.size


def _columns(rows: bytes, width: int) -> "Iterator[array[int]]":
    values = unpack(rows)
    return (values[column::width] for column in range(width))
