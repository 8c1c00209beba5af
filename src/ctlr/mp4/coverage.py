"""Whether what fragments' indexes name is what their media boxes hold. Pure.

The index of a fragment says how many bytes each of its samples has. All of them together are the media
box beside it; whoever wrote the file made the one of the other. Where they differ, a bit of the index
has changed, and from there on nobody reads the frames that were meant.
"""

from bisect import bisect_right
from collections.abc import Sequence

from ctlr.mp4.tables import Track


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
