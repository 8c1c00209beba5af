"""Edit lists (ISO/IEC 14496-12, 8.6.6): which part of a track's media is shown, and from when. Pure."""

from ctlr.mp4.boxes import Box, find, u32, u64
from ctlr.mp4.tables import table


def read_edits(data: bytes, trak: Box) -> list[tuple[int, int, int]]:
    """Edit list rows: duration (movie ticks), media time (track ticks, -1 empty), rate."""
    box = find(data, trak, b"edts", b"elst")
    if box is None:
        return []
    wide = data[box.body] == 1
    rows = table(data, box, 20 if wide else 12)
    step = 20 if wide else 12
    return [_read_edit(rows, at, wide=wide) for at in range(0, len(rows), step)]


def _read_edit(rows: bytes, at: int, *, wide: bool) -> tuple[int, int, int]:
    if wide:
        time = u64(rows, at + 8)
        return u64(rows, at), time - (1 << 64) if time >> 63 else time, u32(rows, at + 16)
    time = u32(rows, at + 4)
    return u32(rows, at), time - (1 << 32) if time >> 31 else time, u32(rows, at + 8)
