"""Writing the ``moov`` box of joined tracks (ISO/IEC 14496-12, 8). Pure.

Boxes are written as lists of pieces: the tables of a 30-hour session are not copied once more
to be put together.
"""

import struct
from collections.abc import Sequence

from ctlr.mp4.boxes import make_box, make_full_box
from ctlr.mp4.kept import Kept
from ctlr.mp4.labels import Labels, user_data
from ctlr.mp4.merged_track import MergedTrack, Pieces
from ctlr.mp4.runs import pack

_LARGEST = (1 << 63) - 1
_UNITY_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def make_moov(tracks: Sequence[MergedTrack], timescale: int, labels: Labels, kept: Kept) -> Pieces:
    """The ``moov`` box of tracks, in a movie of this timescale."""
    made = labels.creation_time or kept.created
    duration = max(_converted(t.shown_ticks, t, timescale) for t in tracks)
    mvhd = make_full_box(
        b"mvhd",
        1,
        struct.pack(">QQIQIH10x", made, made, timescale, duration, 0x10000, 0x100),
        _UNITY_MATRIX,
        bytes(24),
        struct.pack(">I", len(tracks) + 1),
    )
    numbers = {track.source_id: track.track_id for track in tracks}
    traks = [piece for track in tracks for piece in _trak(track, timescale, numbers, made, kept)]
    return _nest(b"moov", [mvhd, *traks, kept.movie, user_data(labels, kept.user_data)])


def _nest(kind: bytes, pieces: Pieces) -> Pieces:
    return [struct.pack(">I", 8 + sum(map(len, pieces))) + kind, *pieces]


def _table(kind: bytes, count: int, pieces: Pieces, version: int = 0, head: bytes = b"") -> Pieces:
    length = 16 + len(head) + sum(map(len, pieces))
    start = struct.pack(">I4sI", length, kind, version << 24)
    return [start + head + struct.pack(">I", count), *pieces]


def _trak(
    track: MergedTrack, movie_timescale: int, numbers: dict[int, int], made: int, kept: Kept
) -> Pieces:
    header = track.header
    shown = _converted(track.shown_ticks, track, movie_timescale)
    tkhd = make_full_box(
        b"tkhd",
        1,
        struct.pack(">QQIIQ8x", made, made, track.track_id, 0, shown),
        header.placement,
        flags=header.flags,
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
    edits, own = _edits(track, movie_timescale), kept.tracks.get(track.source_id, b"")
    return _nest(b"trak", [tkhd, edits, _references(track, numbers), *mdia, own])


def _references(track: MergedTrack, numbers: dict[int, int]) -> bytes:
    """To which of the other tracks it belongs: the picture to its time code, for one."""
    rows: dict[bytes, bytes] = {}
    for kind, source_id in track.header.refers:
        if source_id in numbers:
            rows[kind] = rows.get(kind, b"") + struct.pack(">I", numbers[source_id])
    return make_box(b"tref", *(make_box(*row) for row in rows.items())) if rows else b""


def _edits(track: MergedTrack, movie_timescale: int) -> bytes:
    wait = _converted(max(track.zero + track.skip, 0), track, movie_timescale)
    rows = [struct.pack(">QqI", wait, -1, 0x10000)] if wait else []
    length = _converted(track.media_shown, track, movie_timescale)
    rows.append(struct.pack(">QqI", length, track.skip, 0x10000))
    elst = make_full_box(b"elst", 1, struct.pack(">I", len(rows)), *rows)
    return b"".join(_nest(b"edts", [elst]))


def _converted(ticks: int, track: MergedTrack, movie_timescale: int) -> int:
    """In ticks of the movie; where a stranger's times are beyond all reason, what 64 bits can hold."""
    return min(ticks * movie_timescale // track.header.timescale, _LARGEST)


def _sample_tables(track: MergedTrack) -> Pieces:
    times, shifts = track.times.finish(), track.shifts.finish()
    entries = [description.entry for description in track.header.descriptions]
    rows = track.chunk_rows()
    pieces = _table(b"stsd", len(entries), entries, track.header.stsd_version)
    pieces += _runs(b"stts", times)
    if track.shifted:
        pieces += _runs(b"ctts", shifts, track.shifts_version)
    if not track.all_sync:
        pieces += _table(b"stss", len(track.sync), [pack(track.sync)])
    pieces += _table(b"stsc", len(rows) // 3, [pack(rows)])
    pieces += _sizes(track)
    pieces += _table(b"co64", len(track.chunk_offsets), [pack(track.chunk_offsets)])
    return pieces


def _sizes(track: MergedTrack) -> Pieces:
    """``stsz``: one number for all, where all are alike."""
    fixed = {sizes.fixed for sizes in track.sizes}
    if len(fixed) == 1 and 0 not in fixed:
        return [make_full_box(b"stsz", 0, struct.pack(">II", fixed.pop(), track.count))]
    spread = [sizes.spread() for sizes in track.sizes]
    return _table(b"stsz", track.count, spread, head=bytes(4))


def _runs(kind: bytes, pieces: Pieces, version: int = 0) -> Pieces:
    return _table(kind, sum(map(len, pieces)) // 8, pieces, version)
