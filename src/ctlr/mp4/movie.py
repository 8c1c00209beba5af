"""One segment file read into its tables: plain, fragmented or both, whole or cut. Pure.

``read_segment`` gives what is readable: of a file that ends too early, the frames that are wholly
there. A track that can't be read costs itself only, as long as it is not the picture; it is noted as
lost. What makes splicing impossible (encryption, media kept in another file) is noted as the track's
``obstacle``, for the remuxer to deal with.

Whether a file is whole is decided by its frames, not by its last bytes: cameras append data of their
own behind the last box, or leave the zeros of a file that was made in advance.
"""

from bisect import bisect_right
from dataclasses import dataclass, field, replace

from ctlr.mp4.boxes import Box, Damaged, ReadAt, Unfinished, children, read_whole, u32, walk
from ctlr.mp4.coverage import find_doubt, find_unnamed
from ctlr.mp4.edits import apply_edits, normalise_shifts, read_edits
from ctlr.mp4.fragments import (
    Defaults,
    FragmentedTrack,
    Restart,
    read_defaults,
    read_fragment,
)
from ctlr.mp4.headers import (
    TrackHeader,
    read_header,
    read_kind,
    read_movie_header,
    read_track_id,
)
from ctlr.mp4.plain import claims_samples, read_plain
from ctlr.mp4.tables import LostTrack, SegmentTables, Track

MAX_TRACKS = 32
_FURTHEST_S = 24 * 3600
_SECONDS_1904_TO_1970 = 2_082_844_800
_YEAR_2200 = _SECONDS_1904_TO_1970 + 7_258_118_400
_PICTURE, _SOUND = b"vide", b"soun"


@dataclass(slots=True)
class _Layout:
    """What lies at the top of a file: where its parts are, and how its walk ended."""

    moov: bytes | None = None
    moov_at: tuple[int, int] = (0, 0)
    media: list[tuple[int, int]] = field(default_factory=list)
    fragments: list[Box] = field(default_factory=list)
    closed: bool = False  # it has the index of fragments that is written at the very end
    begun_again: bool = False  # behind the index another file begins
    films: int = 0
    cut: bool = False
    cut_media: bool = False  # the last of its media
    note: str = ""


def read_segment(read_at: ReadAt, size: int) -> SegmentTables:
    """The tables of a segment of ``size`` bytes.

    Raises ``Damaged`` when nothing of it can be used. ``cut`` says that frames are missing at its
    end, or that something after its readable part is damaged.
    """
    layout = _read_layout(read_at, size)
    if layout.moov is None:
        kind = Unfinished if layout.media else Damaged
        raise kind(layout.note or "it ends before its index (no moov box)")
    tables = _read_movie(layout, read_at, size)
    if layout.films and not layout.fragments:
        text = "another film lies behind the first one in the file"
        tables.lost.append(LostTrack(text, True, 0))
    tables.media = [(start, length) for start, length in layout.media if length > 0]
    if layout.fragments:
        tables.doubt = _find_doubt(tables, layout)
    elif not tables.lost and not layout.films:
        tables.doubt = find_unnamed(tables.tracks, tables.media, read_at)
    _leave_out_what_lies_elsewhere(tables, layout, size)
    if layout.fragments and not layout.closed:  # what came after the last one, nobody can tell
        tables.cut = tables.cut or layout.cut
    tables.cut = tables.cut or any(track.is_cut for track in tables.tracks)
    tables.note = tables.note or layout.note
    if not tables.doubt and (beyond := tables.reference.beyond):
        tables.doubt = (
            f"it says of {beyond} frames that they last for longer than any player shows one; they were "
            "given the usual time"
        )
    return tables


def _read_layout(read_at: ReadAt, size: int) -> _Layout:
    layout = _Layout()
    try:
        for box in walk(read_at, size):
            layout.cut = layout.cut or box.cut
            if box.kind == b"mdat":
                layout.media.append((box.body, box.end - box.body))
                layout.cut_media = box.cut
            elif box.kind == b"moov" and layout.moov is None:
                layout.moov, layout.moov_at = read_whole(read_at, box), (box.start, box.end)
            elif box.kind == b"ftyp":
                layout.begun_again = layout.moov is not None
            elif box.kind == b"moov":
                layout.films += layout.begun_again
            elif box.kind == b"moof" and not box.cut:
                layout.fragments.append(box)
            elif box.kind == b"mfra":
                layout.closed = not box.cut
    except Damaged as error:
        layout.note, layout.cut = str(error), True
    return layout


@dataclass(slots=True)
class _Head:
    """A ``trak`` box whose header is readable."""

    trak: Box
    track_id: int
    header: TrackHeader


def _read_movie(layout: _Layout, read_at: ReadAt, size: int) -> SegmentTables:
    moov = layout.moov or b""
    root = Box(b"moov", 0, 16 if u32(moov, 0) == 1 else 8, len(moov))
    timescale, created = read_movie_header(moov, root)
    tables = SegmentTables(timescale, [], [])
    if _SECONDS_1904_TO_1970 < created < _YEAR_2200:
        tables.created_at_s = created - _SECONDS_1904_TO_1970
    traks = [box for box in children(moov, root.body, root.end) if box.kind == b"trak"]
    heads = _read_heads(moov, traks, tables)
    read = [_read_index(moov, head, size, tables) for head in heads]
    if layout.fragments:
        read = _read_fragments(moov, root, heads, read, read_at, layout.fragments, size, tables)
    for head, track in zip(heads, read, strict=True):
        if track is not None:
            apply_edits(track, read_edits(moov, head.trak), timescale)
            normalise_shifts(track)
            tables.tracks.append(track)
    _require_a_picture(moov, traks, tables)
    _leave_out_far_ones(tables)
    return tables


def _read_heads(moov: bytes, traks: list[Box], tables: SegmentTables) -> list[_Head]:
    if not traks:
        raise Damaged("it has no tracks")
    heads = []
    for number, trak in enumerate(traks[:MAX_TRACKS], 1):
        try:
            heads.append(_Head(trak, read_track_id(moov, trak), read_header(moov, trak)))
        except Damaged as error:
            tables.lost.append(_lost(moov, trak, _track_id(moov, trak) or number, error))
    if len(traks) > MAX_TRACKS:
        text = f"it has {len(traks)} tracks, of which {MAX_TRACKS} are read"
        tables.lost.append(LostTrack(text, True, 0))
    return heads


def _read_index(moov: bytes, head: _Head, size: int, tables: SegmentTables) -> Track | None:
    """A track as the index has it; None where that can't be read."""
    try:
        return read_plain(moov, head.trak, head.header, head.track_id, size)
    except Damaged as error:
        tables.lost.append(_lost(moov, head.trak, head.track_id, error))
        return None


def _read_fragments(
    moov: bytes,
    root: Box,
    heads: list[_Head],
    index: list[Track | None],
    read_at: ReadAt,
    fragments: list[Box],
    size: int,
    tables: SegmentTables,
) -> list[Track | None]:
    """What the fragments add to the tracks, whether those can be read or not."""
    defaults, restart = read_defaults(moov, root), Restart()
    gathered = {
        number: FragmentedTrack(number, 1, found, restart, None)
        for number, found in defaults.items()
    }
    for head, first in zip(heads, index, strict=True):
        found = defaults.get(head.track_id, Defaults(1, 0, 0, 0))
        scale = head.header.timescale
        gathered[head.track_id] = FragmentedTrack(head.track_id, scale, found, restart, first)
    try:
        for box in fragments:
            read_fragment(gathered, read_whole(read_at, box), box.start)
    except Damaged as error:  # what the whole fragments before it hold stays readable
        tables.cut, tables.note = True, str(error)
    for number, lost in enumerate(tables.lost):
        if lost.track_id in gathered and gathered[lost.track_id].sizes.count:
            tables.lost[number] = replace(lost, samples=True)
    return [
        gathered[head.track_id].finish(head.header, size) if first else None
        for head, first in zip(heads, index, strict=True)
    ]


def _find_doubt(tables: SegmentTables, layout: _Layout) -> str:
    """Of a file that ends early, as far as its media boxes are whole and behind them all is read."""
    whole = layout.media[:-1] if layout.cut_media else layout.media
    if tables.cut or any(track.obstacle for track in tables.tracks):
        return ""
    known = not tables.lost and not layout.cut
    return find_doubt(tables.tracks, [one for one in whole if one[1]], all_known=known)


def _require_a_picture(moov: bytes, traks: list[Box], tables: SegmentTables) -> None:
    """Raises ``Damaged`` where there should be a picture and is none, or nothing at all."""
    pictures = any(track.header.kind == _PICTURE and track.count for track in tables.tracks)
    if pictures:
        return
    if any(_kind(moov, trak) == _PICTURE for trak in traks) or not tables.tracks:
        raise Damaged(tables.lost[0].text if tables.lost else "not one frame of it is readable")
    if not tables.reference.count:
        raise Damaged("not one frame of it is readable")


def _track_id(moov: bytes, trak: Box) -> int:
    try:
        return read_track_id(moov, trak)
    except Damaged:
        return 0


def _kind(moov: bytes, trak: Box) -> bytes:
    try:
        return read_kind(moov, trak)
    except Damaged:
        return b""


def _lost(moov: bytes, trak: Box, number: int, error: Damaged) -> LostTrack:
    kind = {_PICTURE: "picture", _SOUND: "sound"}.get(_kind(moov, trak), "data")
    text = f"its {kind} track {number} cannot be read: {error}"
    return LostTrack(text, claims_samples(moov, trak), number)


def _leave_out_what_lies_elsewhere(tables: SegmentTables, layout: _Layout, size: int) -> None:
    """Every chunk must lie inside the media that will be copied. Raises ``Damaged``."""
    reference = tables.reference
    if not _lies_in(reference, tables.media):
        extents = _extents(reference)
        if not tables.media or not _can_be_media(extents, tables.media[0][0], layout, size):
            raise Damaged("its index points outside its media")
        tables.media = extents
    for track in [track for track in tables.tracks if not _lies_in(track, tables.media)]:
        tables.tracks.remove(track)
        what = "sound" if track.header.kind == _SOUND else "data"
        text = f"its {what} track {track.track_id} points outside its media"
        tables.lost.append(LostTrack(text, True, track.track_id))


def _leave_out_far_ones(tables: SegmentTables) -> None:
    """Tracks that begin more than a day from the picture: their times are none."""
    picture = tables.reference
    for track in [track for track in tables.tracks if track is not picture and track.count]:
        scale, of_picture = track.header.timescale, picture.header.timescale
        apart = track.start_ticks * of_picture - picture.start_ticks * scale
        if abs(apart) > _FURTHEST_S * scale * of_picture:
            tables.tracks.remove(track)
            text = f"its {track.header.codec} track {track.track_id} begins days from its picture"
            tables.lost.append(LostTrack(text, True, track.track_id))


def _lies_in(track: Track, media: list[tuple[int, int]]) -> bool:
    starts, at, measure = [start for start, _ in media], 0, track.sizes.measure()
    for offset, count in zip(track.chunk_offsets, track.chunk_counts, strict=True):
        index = bisect_right(starts, offset) - 1
        if index < 0 or offset + measure(at, count) > sum(media[index]):
            return False
        at += count
    return not (track.is_cut and not track.count)


def _extents(track: Track) -> list[tuple[int, int]]:
    """The ranges that the track's chunks cover."""
    measure, at, found = track.sizes.measure(), 0, []
    for offset, count in zip(track.chunk_offsets, track.chunk_counts, strict=True):
        found.append((offset, measure(at, count)))
        at += count
    ranges: list[tuple[int, int]] = []
    for start, length in sorted(found):
        if ranges and start <= sum(ranges[-1]):
            first, before = ranges.pop()
            ranges.append((first, max(before, start + length - first)))
        else:
            ranges.append((start, length))
    return ranges


def _can_be_media(extents: list[tuple[int, int]], first: int, layout: _Layout, size: int) -> bool:
    """Whether ranges outside of the media boxes can be media: behind the first of those (whose size
    may be wrong), in the file, and not in its index."""
    begin, end = layout.moov_at
    return all(
        first <= start and start + length <= size and (start + length <= begin or start >= end)
        for start, length in extents
    )
