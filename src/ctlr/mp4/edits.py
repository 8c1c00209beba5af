"""Edit lists (ISO/IEC 14496-12, 8.6.6): which part of a track's media is shown, and from when. Pure.

What a list hides was recorded all the same. A recording shows every frame that it has, each at its
own time: so of a list only the time at which its track begins is taken, and pauses between.
"""

from ctlr.mp4.boxes import Box, Damaged, find, u32, u64, version
from ctlr.mp4.plain import read_rows
from ctlr.mp4.runs import MAX_DELTA, RunList, read_runs, unpack
from ctlr.mp4.tables import Track, first_shown_ticks, signed

_NORMAL = 1 << 16
Edit = tuple[int, int, int]
"""Duration (movie ticks), media time (track ticks, -1 empty), rate."""


def read_edits(data: bytes, trak: Box) -> list[Edit]:
    """The rows of a track's edit list; none where it can't be read."""
    try:
        box = find(data, trak, b"edts", b"elst")
        if box is None:
            return []
        step = 20 if version(data, box) == 1 else 12
        rows = read_rows(data, box, step)
        return [_read_edit(rows, at, wide=step == 20) for at in range(0, len(rows), step)]
    except Damaged:
        return []


def _read_edit(rows: bytes, at: int, *, wide: bool) -> Edit:
    if wide:
        time = u64(rows, at + 8)
        return u64(rows, at), time - (1 << 64) if time >> 63 else time, u32(rows, at + 16)
    time = u32(rows, at + 4)
    return u32(rows, at), time - (1 << 32) if time >> 31 else time, u32(rows, at + 8)


def apply_edits(track: Track, edits: list[Edit], movie_timescale: int) -> None:
    """Move the track's start to where its edit list says, and keep the pauses that it makes."""
    scale = track.header.timescale
    waits, pauses, last = 0, {}, None
    for duration, time, _ in edits:
        ticks = duration * scale // movie_timescale
        if time >= 0:
            last = last or (time, time + ticks)
            last = (last[0], time + ticks)
        elif last is None:
            waits += ticks
        else:
            pauses[last[1]] = ticks
    skip = last[0] if last else 0
    track.start_exact = not waits
    track.start_ticks += waits - skip
    if track.header.kind == b"vide" and track.count:
        track.hidden_ticks = max(skip - _shown_first_decoded(track), 0)
    if pauses and track.shifts is None:
        track.times = _with_pauses(track.times, pauses)


def _shown_first_decoded(track: Track) -> int:
    """When the first frame of the file is shown, counted from the first decode time."""
    return signed(unpack(track.shifts[:8]))[1] if track.shifts else 0


def _with_pauses(times: bytes, pauses: dict[int, int]) -> bytes:
    """Show the sample before each pause for so much longer."""
    runs, at = RunList(), 0
    left = sorted(pauses.items())
    for count, value in read_runs(times):
        rest, end = count, at + count * value
        while left and value and at < left[0][0] <= end:
            where, ticks = left.pop(0)
            before = -((at - where) // value)  # samples up to the pause
            runs.add(before - 1, value)
            runs.add(1, min(value + ticks, MAX_DELTA))
            rest, at = rest - before, at + before * value
        runs.add(rest, value)
        at = end
    return runs.pairs()


def normalise_shifts(track: Track) -> None:
    """No frame of a track is shown before its first decode time: no edit list could say that."""
    early = -first_shown_ticks(track)
    if early > 0 and track.shifts is not None:
        runs = RunList()
        for count, value in read_runs(track.shifts):
            runs.add(count, (value + early) & 0xFFFFFFFF)
        track.shifts = runs.pairs()
        track.start_ticks -= early
