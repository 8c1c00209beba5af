"""One track of the joined file, which grows by the track of each further segment. Pure.

It keeps a running decode time in its own timescale, never the container's duration, so an error
of rounding can't grow with the number of joins. Where a segment has to start later than the one
before ends, the last sample before is shown longer (that is how MP4 says "nothing new for a while");
where it has to start earlier, that sample is shown shorter, and what is left (AAC encoders prime each
segment with a frame or two) shortens the first samples of the new one. A frame with a place of its
own in the order of showing keeps its time whatever becomes of its decode time. No sample is
dropped, but for PCM sound that lies beneath the next segment's: its samples have no length to lose.
"""

import struct
from array import array
from collections.abc import Iterable
from dataclasses import replace

from ctlr.mp4.boxes import u32
from ctlr.mp4.headers import TrackHeader
from ctlr.mp4.runs import MAX_DELTA, squash, total, unpack
from ctlr.mp4.sizes import MAX_SAMPLES, Sizes
from ctlr.mp4.tables import Track, first_shown_ticks, rescale, shift_from, shown_ticks

_AUDIO_SLACK_S = 1000  # an audio segment this part of a second off its place follows on

Pieces = list[bytes]


class RunLengths:
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
    """One track of the result. ``source_id`` is its number in the segment that it began with."""

    def __init__(self, header: TrackHeader, track_id: int, source_id: int) -> None:
        self.header = header
        self.track_id = track_id
        self.source_id = source_id
        self.count = 0
        self.zero = 0  # timeline position of the first sample's decode time
        self.end = 0  # decode time after the last sample, from 0
        self.skip = 0  # media at the head that is decoded but not shown
        self.tail = 0  # media at the end that is decoded but not shown
        self.lead = 0  # how much later than its decode time the last segment's first frame shows
        self.times = RunLengths()
        self.shifts = RunLengths()
        self.shifted = False
        self.shifts_version = 0
        self.sizes: list[Sizes] = []
        self.sync: array[int] = array("I")
        self.all_sync = True
        self.chunk_offsets: array[int] = array("Q")
        self.chunk_counts: array[int] = array("I")
        self.chunk_entries: array[int] | None = None

    def can_take(self, track: Track) -> bool:
        """Whether a segment's track continues this one."""
        fits = track.header.timescale == self.header.timescale or track.count <= MAX_SAMPLES
        fits = fits and self.count + track.count < 1 << 32
        return fits and track.header.signature == self.header.signature

    def append(self, track: Track, target: int, primed: int, offsets: Iterable[int]) -> None:
        """Add a segment's track; its first sample is decoded at ``target`` on the timeline.

        ``primed`` ticks of its beginning are meant for the decoder alone; ``offsets`` are those of
        its chunks in the result. Both times are in this track's timescale.
        """
        if not track.count:
            return
        if track.header.timescale != self.header.timescale:
            track = rescale(track, self.header.timescale)
        self.lead, self.tail = first_shown_ticks(track), track.unshown_ticks
        if self.count == 0:
            self.zero = target
            self.skip = max(self.lead, -target, primed, 0)
        else:
            track = self._bridge(track, target - self.zero - self.end)
        self.times.extend(track.times)
        self.end += total(track.times)
        self.shifts.extend(track.shifts or struct.pack(">II", track.count, 0))
        self.shifted = self.shifted or track.shifts is not None
        self.shifts_version = max(self.shifts_version, track.shifts_version)
        self.sizes.append(track.sizes)
        self._add_sync(track)
        self.count += track.count
        self._add_chunks(track, offsets)

    def _bridge(self, track: Track, distance: int) -> Track:
        """Close a hole (or an overlap, if negative) before the next segment's first sample."""
        audio = self.header.kind == b"soun"
        if audio and abs(distance) * _AUDIO_SLACK_S <= self.header.timescale:
            return track
        if distance < 0 and audio:
            return self._squashed(track, -distance)
        wanted = self.times.value + distance
        last = min(max(wanted, 1), MAX_DELTA)
        self.end += last - self.times.value
        self.times.set_last(last)
        return self._squashed(track, last - wanted) if wanted < last else track

    def _squashed(self, track: Track, excess: int) -> Track:
        """The track when it is decoded from ``excess`` ticks later on."""
        times, rest = squash(track.times, excess)
        squashed = replace(track, times=times)
        if track.shifts is not None:
            shift_from(squashed, [ticks - excess for ticks in shown_ticks(track)], times)
        elif rest and self.header.kind == b"soun" and self.times.value == 1:
            self._drop_end(rest)
        return squashed

    def _drop_end(self, samples: int) -> None:
        """Take back samples of one tick each, as far as they stand in one run and in whole chunks."""
        samples = min(samples, self.times.count - 1, self.sizes[-1].count - 1)
        left = samples
        while left >= self.chunk_counts[-1]:
            left -= self.chunk_counts.pop()
            self.chunk_offsets.pop()
            if self.chunk_entries is not None:
                self.chunk_entries.pop()
        self.chunk_counts[-1] -= left
        self.times.count -= samples
        self.shifts.count -= samples
        self.sizes[-1] = self.sizes[-1].first(self.sizes[-1].count - samples)
        self.count -= samples
        self.end -= samples

    def _add_sync(self, track: Track) -> None:
        if track.sync is None and self.all_sync:
            return
        if self.all_sync:
            self.sync.extend(range(1, self.count + 1))
            self.all_sync = False
        numbers = range(1, track.count + 1) if track.sync is None else unpack(track.sync)
        self.sync.extend([number + self.count for number in numbers])

    def _add_chunks(self, track: Track, offsets: Iterable[int]) -> None:
        if track.chunk_entries is not None and self.chunk_entries is None:
            self.chunk_entries = array("I", [1]) * len(self.chunk_counts)
        self.chunk_offsets.extend(offsets)
        self.chunk_counts.extend(track.chunk_counts)
        if self.chunk_entries is not None:
            ones = array("I", [1]) * len(track.chunk_counts)
            self.chunk_entries.extend(track.chunk_entries or ones)

    @property
    def shown_ticks(self) -> int:
        """From the beginning of the timeline to the end of what is shown."""
        return max(self.zero + self.skip, 0) + self.media_shown

    @property
    def media_shown(self) -> int:
        """How much of its media is shown."""
        return max(self.end + self.lead - self.skip - self.tail, 0)

    def chunk_rows(self) -> "array[int]":
        """``stsc``: first chunk, samples in each, description."""
        rows: array[int] = array("I")
        entries = self.chunk_entries or [1] * len(self.chunk_counts)
        before = (0, 0)
        for number, row in enumerate(zip(self.chunk_counts, entries, strict=True), 1):
            if row != before:
                rows.extend((number, *row))
                before = row
        return rows
