"""One segment file read into its tables: plain or fragmented, whole or cut. Pure.

``read_segment`` gives what is readable: of a file that ends too early, the frames that are wholly
there. What makes splicing impossible (encryption, edit lists that hide frames, media kept in
another file) is noted as the track's ``obstacle``, for the remuxer to deal with.
"""

from bisect import bisect_right

from ctlr.mp4.boxes import (
    Box,
    Damaged,
    ReadAt,
    children,
    read_whole,
    require,
    u32,
    walk,
)
from ctlr.mp4.edits import read_edits
from ctlr.mp4.fragments import (
    Defaults,
    FragmentedTrack,
    read_defaults,
    read_fragment,
)
from ctlr.mp4.headers import read_header, read_movie_header
from ctlr.mp4.tables import (
    SegmentTables,
    Track,
    TrackHeader,
    first_shown_ticks,
    read_plain,
    unpack,
)

MAX_TRACKS = 16
_SECONDS_1904_TO_1970 = 2_082_844_800


def read_segment(read_at: ReadAt, size: int) -> SegmentTables:
    """The tables of a segment of ``size`` bytes.

    Raises ``Damaged`` when nothing of it can be used. ``cut`` says that the file ends before it
    is complete, or that something after its readable part is damaged.
    """
    moov: bytes | None = None
    media: list[tuple[int, int]] = []
    fragments: list[Box] = []
    note = ""
    cut = False
    try:
        for box in walk(read_at, size):
            cut = cut or box.cut
            if box.kind == b"mdat":
                media.append((box.body, box.end - box.body))
            elif box.kind == b"moov" and moov is None:
                moov = read_whole(read_at, box)
            elif box.kind == b"moof" and not box.cut:
                fragments.append(box)
    except Damaged as error:
        note, cut = str(error), True
    if moov is None:
        raise Damaged(note or "it ends before its index (no moov box)")
    tables = _read_movie(moov, read_at, fragments, size)
    tables.media = [(start, length) for start, length in media if length > 0]
    tables.cut = tables.cut or cut
    tables.note = tables.note or note
    _check_media(tables)
    return tables


def _read_movie(moov: bytes, read_at: ReadAt, fragments: list[Box], size: int) -> SegmentTables:
    root = Box(b"moov", 0, 16 if u32(moov, 0) == 1 else 8, len(moov))
    timescale, created = read_movie_header(moov, root)
    traks = [box for box in children(moov, root.body, root.end) if box.kind == b"trak"]
    if not 1 <= len(traks) <= MAX_TRACKS:
        raise Damaged(f"it has {len(traks)} tracks")
    heads = [(trak, *read_header(moov, trak)) for trak in traks]
    tables = SegmentTables(timescale, [], [])
    if created > _SECONDS_1904_TO_1970:
        tables.created_at_s = created - _SECONDS_1904_TO_1970
    if fragments:
        tables.tracks = _read_fragmented(moov, root, heads, read_at, fragments, size, tables)
    else:
        tables.tracks = [
            read_plain(moov, trak, header, track_id, size) for trak, track_id, header, _ in heads
        ]
        tables.cut = any(t.duration_ticks < t.declared_ticks for t in tables.tracks)
    for track, (trak, _, _, obstacle) in zip(tables.tracks, heads, strict=True):
        track.obstacle = track.obstacle or obstacle or _foreign_data(moov, trak)
        _apply_edits(track, read_edits(moov, trak), timescale)
    return tables


def _read_fragmented(
    moov: bytes,
    root: Box,
    heads: list[tuple[Box, int, TrackHeader, str | None]],
    read_at: ReadAt,
    fragments: list[Box],
    size: int,
    tables: SegmentTables,
) -> list[Track]:
    defaults = read_defaults(moov, root)
    tracks = {
        track_id: FragmentedTrack(track_id, header, defaults.get(track_id, Defaults(0, 0, 0)))
        for _, track_id, header, _ in heads
    }
    if len(tracks) < len(heads):
        raise Damaged("two of its tracks have the same number")
    try:
        for box in fragments:
            read_fragment(tracks, read_whole(read_at, box), box.start)
    except Damaged as error:  # what the whole fragments before it hold stays readable
        tables.cut, tables.note = True, str(error)
    return [track.finish(size) for track in tracks.values()]


def _foreign_data(moov: bytes, trak: Box) -> str | None:
    dref = require(moov, trak, b"mdia", b"minf", b"dinf", b"dref")
    inside = all(u32(moov, entry.body) & 1 for entry in children(moov, dref.body + 8, dref.end))
    return None if inside else "its media lie in another file"


def _apply_edits(track: Track, edits: list[tuple[int, int, int]], movie_timescale: int) -> None:
    """Move the track's start as its edit list says, or note why that can't be done."""
    shown = [edit for edit in edits if edit[1] >= 0]
    waits = sum(duration for duration, time, _ in edits if time < 0)
    if len(shown) > 1 or any(rate != 1 << 16 for _, _, rate in edits):
        track.obstacle = track.obstacle or "its edit list rearranges it"
        return
    skip = shown[0][1] if shown else 0
    hidden = skip - first_shown_ticks(track)
    if track.header.kind == b"vide" and track.count and hidden * 2 > _first_duration(track):
        track.obstacle = track.obstacle or "its edit list hides frames"
    if waits:
        track.start_exact = False
    track.start_ticks += waits * track.header.timescale // movie_timescale - skip


def _first_duration(track: Track) -> int:
    return max(1, u32(track.times, 4))


def _check_media(tables: SegmentTables) -> None:
    """Every chunk must lie inside the media that will be copied. Raises ``Damaged``."""
    if not tables.reference.count:
        raise Damaged("not one frame of it is readable")
    starts = [start for start, _ in tables.media]
    for track in tables.tracks:
        sizes, at = unpack(track.sizes), 0
        for offset, count in zip(track.chunk_offsets, track.chunk_counts, strict=True):
            index = bisect_right(starts, offset) - 1
            end = offset + sum(sizes[at : at + count])
            if index < 0 or end > sum(tables.media[index]):
                raise Damaged("its index points outside its media")
            at += count
