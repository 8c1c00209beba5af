"""Sample tables: what a track says about its frames, in a form that is cheap to keep and join.

A segment's tables are kept as the big-endian bytes that an MP4 file holds (ISO/IEC 14496-12,
8.6 and 8.7), so that joining thousands of them is slicing and concatenating. Three hundred
frames cost about 2 KiB. ``Track`` is the same whether the segment was plain (``plain``) or
fragmented (``fragments``). Pure.
"""

from array import array
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import accumulate
from operator import add, sub

from ctlr.mp4.headers import ENABLED, TrackHeader
from ctlr.mp4.runs import MAX_DELTA, expand_runs, first_runs, pack, run_lengths, total, unpack
from ctlr.mp4.sizes import Sizes


@dataclass(slots=True)
class Track:
    """One track of one segment.

    ``times`` and ``shifts`` are the run-length pairs of ``stts`` and ``ctts``; ``sync`` the numbers
    of the keyframes counted from 1, None when all are. A chunk is a run of ``chunk_counts[i]``
    samples lying together at ``chunk_offsets[i]`` of the segment file; ``chunk_entries`` are the
    numbers of their descriptions where there are several. ``start_ticks`` is the decode time of the
    first sample in the segment's own presentation, edit list applied, in the track's timescale;
    ``start_exact`` is false where an edit list rounded it to the movie's coarser timescale.
    ``declared`` and ``declared_ticks`` are what the index claims, ``said_ticks`` is the length that the
    track's header says (0: none), ``beyond`` how many samples had times beyond reason. ``hidden_ticks``
    of the beginning are not shown by the segment's edit list. The last ``unshown`` samples in the order
    shown, which have ``unshown_ticks`` of its duration, are there to be decoded alone. ``obstacle`` says
    why it can't be spliced, if so.
    """

    track_id: int
    header: TrackHeader
    sizes: Sizes
    times: bytes
    shifts: bytes | None
    shifts_version: int
    sync: bytes | None
    chunk_offsets: "array[int]"
    chunk_counts: "array[int]"
    chunk_entries: "array[int] | None" = None
    start_ticks: int = 0
    start_exact: bool = True
    declared: int = 0
    declared_ticks: int = 0
    said_ticks: int = 0
    beyond: int = 0
    hidden_ticks: int = 0
    unshown: int = 0
    unshown_ticks: int = 0
    obstacle: str | None = None

    @property
    def count(self) -> int:
        return self.sizes.count

    @property
    def duration_ticks(self) -> int:
        return total(self.times)

    @property
    def shown(self) -> int:
        """How many of its samples are shown."""
        return self.count - self.unshown

    @property
    def length_ticks(self) -> int:
        """From when its first sample is shown to the end of the last that is."""
        return self.duration_ticks - self.unshown_ticks

    @property
    def first_is_sync(self) -> bool:
        return self.sync is None or self.sync[:4] == b"\0\0\0\1"

    @property
    def is_cut(self) -> bool:
        """Whether samples that its index names are not there."""
        return self.count < self.declared


@dataclass(frozen=True, slots=True)
class LostTrack:
    """A track that nobody can read, beside a picture that is fine; ``samples`` says that it has any."""

    text: str
    samples: bool
    track_id: int


@dataclass(slots=True)
class SegmentTables:
    """All readable tracks of one segment, and the ranges of the file that hold their media bytes."""

    movie_timescale: int
    tracks: list[Track]
    media: list[tuple[int, int]]  # offset, length
    created_at_s: int | None = None  # Unix seconds of the movie header, where it has any
    cut: bool = False
    note: str = ""  # why it is cut, if more is known than that it ends
    doubt: str = ""  # why it may not be what its index says
    lost: list[LostTrack] = field(default_factory=list)

    @property
    def reference(self) -> Track:
        """The track that the timeline follows: the first picture that is switched on, else the
        first with frames, else the first track of any kind."""
        shown = [t for t in self.tracks if t.header.kind == b"vide" and t.count]
        return next((t for t in shown if t.header.flags & ENABLED), (shown or self.tracks)[0])


def keep_readable(track: Track, limit: int) -> None:
    """Forget the samples from the first one on that ends beyond ``limit`` bytes of the file."""
    measure, at = track.sizes.measure(), 0
    for index, (offset, count) in enumerate(
        zip(track.chunk_offsets, track.chunk_counts, strict=True)
    ):
        if offset + measure(at, count) > limit:
            keep_first(track, at + track.sizes.fitting(at, count, limit - offset), index, at)
            return
        at += count


def keep_until(track: Track, ticks: int) -> None:
    """Show nothing from ``ticks`` after the first sample on. What has to be decoded for what is shown
    before stays, and is not shown; all behind it is forgotten."""
    shown = shown_ticks(track)
    first = min(shown, default=0)
    inside = [n for n, at in enumerate(shown, 1) if at < first + ticks] or [1][: track.count]
    ends = min((at for at in shown if at >= first + ticks), default=first + track.length_ticks)
    keep_samples(track, max(inside, default=0))
    track.unshown = track.count - len(inside)
    track.unshown_ticks = max(track.duration_ticks - (ends - first), 0) if track.unshown else 0


def keep_samples(track: Track, wanted: int) -> None:
    """Forget the samples behind the first ``wanted``; also of a track whose media lies elsewhere,
    which has no chunks."""
    if not track.chunk_counts:
        _forget_behind(track, wanted)
    before = 0
    for index, count in enumerate(track.chunk_counts):
        if before + count > wanted:
            keep_first(track, wanted, index, before)
            return
        before += count


def keep_first(track: Track, samples: int, whole_chunks: int, in_whole: int) -> None:
    """Keep so many samples; ``in_whole`` of them lie in the first ``whole_chunks`` chunks."""
    kept = whole_chunks + (samples > in_whole)
    del track.chunk_offsets[kept:]
    del track.chunk_counts[kept:]
    if track.chunk_entries is not None:
        del track.chunk_entries[kept:]
    if samples > in_whole:
        track.chunk_counts[-1] = samples - in_whole
    _forget_behind(track, samples)


def _forget_behind(track: Track, samples: int) -> None:
    track.sizes = track.sizes.first(samples)
    track.times = first_runs(track.times, samples)
    track.shifts = first_runs(track.shifts, samples) if track.shifts is not None else None
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
    decoded = _decoded(track.times)
    if track.shifts is None:
        return decoded
    return list(map(add, decoded, signed(expand_runs(track.shifts))))


def _decoded(times: bytes) -> list[int]:
    return list(accumulate(expand_runs(times)[:-1], initial=0))


def shift_from(track: Track, shown: list[int], times: bytes) -> None:
    """Give a track other decode times without showing a frame at another time than ``shown``."""
    shifts = array("i", (_clamped(shift) for shift in map(sub, shown, _decoded(times))))
    track.times, track.shifts = times, run_lengths(array("I", shifts.tobytes()))
    track.shifts_version = 1


def _clamped(shift: int) -> int:
    return max(-MAX_DELTA, min(shift, MAX_DELTA))


def rescale(track: Track, timescale: int) -> Track:
    """The same track in ticks of another timescale; each time is rounded for itself."""
    ratio = Fraction(timescale, track.header.timescale)
    up, down = ratio.numerator, ratio.denominator

    def convert(ticks: int) -> int:
        return (2 * ticks * up + down) // (2 * down)

    ends = list(map(convert, accumulate(expand_runs(track.times), initial=0)))
    result = Track(**{name: getattr(track, name) for name in track.__slots__})
    deltas = (min(delta, MAX_DELTA) for delta in map(sub, ends[1:], ends))
    result.times = run_lengths(array("I", deltas))
    result.header = replace(track.header, timescale=timescale)
    result.start_ticks = convert(track.start_ticks)
    result.unshown_ticks = convert(track.unshown_ticks)
    if track.shifts is not None:
        shift_from(result, list(map(convert, shown_ticks(track))), result.times)
    return result
