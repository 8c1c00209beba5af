"""Whether what an index names is what the media boxes hold. Pure.

The index of a fragment says how many bytes each of its samples has. All of them together are the media
box beside it; whoever wrote the file made the one of the other. Where they differ, a bit of the index
has changed, and from there on nobody reads the frames that were meant.
"""

from bisect import bisect_right
from collections.abc import Sequence

from ctlr.mp4.boxes import Damaged, ReadAt
from ctlr.mp4.tables import Track

LEAST_UNNAMED = 1 << 20
_PROBES, _PROBE_BYTES = 8, 64


def find_doubt(
    tracks: Sequence[Track], media: Sequence[tuple[int, int]], *, all_known: bool
) -> str:
    """In words, where the sizes of samples do not add up; nothing where they do.

    ``media`` are offset and length of the media boxes that are whole, in the order of the file;
    ``all_known`` says that every track is there.
    """
    starts = [start for start, _ in media]
    named = [0] * len(media)
    for track in tracks:
        measure, at = track.sizes.measure(), 0
        for offset, count in zip(track.chunk_offsets, track.chunk_counts, strict=True):
            box = bisect_right(starts, offset) - 1
            if box >= 0 and offset < sum(media[box]):
                named[box] += measure(at, count)
            at += count
    differ = [
        (start, size, length)
        for (start, length), size in zip(media, named, strict=True)
        if size > length or (size < length and all_known)
    ]
    if not differ:
        return ""
    start, size, length = differ[0]
    more = f", and so for {len(differ) - 1} more" if differ[1:] else ""
    return (
        f"its index names {size} bytes of the {length} bytes of media from byte {start} on{more}: "
        "what is not named is lost, or sizes are wrong and with them the frames"
    )


def find_unnamed(tracks: Sequence[Track], media: Sequence[tuple[int, int]], read_at: ReadAt) -> str:
    """In words, where a plain index ends long before its media do, and these are not empty: cameras
    that were cut off write an index of the first seconds when they are switched on again."""
    named = sum(track.sizes.measure()(0, track.count) for track in tracks)
    last = max(
        (
            offset + track.sizes.measure()(track.count - count, count)
            for track in tracks
            for offset, count in zip(track.chunk_offsets[-1:], track.chunk_counts[-1:], strict=True)
        ),
        default=0,
    )
    end = max((start + length for start, length in media), default=0)
    unnamed = end - last
    if unnamed <= max(named, LEAST_UNNAMED):
        return ""
    probes = range(last + unnamed // (2 * _PROBES), end, unnamed // _PROBES)
    if not all(_holds_something(read_at, at) for at in probes):
        return ""  # room that was made in advance
    return (
        f"its index names {named >> 20} MiB of media, and {unnamed >> 20} MiB more lie behind them: most "
        "of what was recorded is in the raw file and not in the video"
    )


def _holds_something(read_at: ReadAt, at: int) -> bool:
    """What a bad sector hides was something."""
    try:
        return any(read_at(at, _PROBE_BYTES))
    except Damaged:
        return True
