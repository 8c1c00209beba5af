"""Where the picture of a finished file is to end, written into its index.

PyAV's muxer shows every frame that it is given. Those that are only there to be decoded for others are
kept from being shown by the edit list (ISO/IEC 14496-12, 8.6.6), whose length ends before them.
"""

import os
import struct
from fractions import Fraction
from pathlib import Path

from ctlr.mp4.boxes import Box, children, require, u32, u64, walk
from ctlr.mp4.headers import read_kind, read_movie_header


def end_at(path: Path, seconds: Fraction) -> None:
    """Show nothing of the picture from ``seconds`` of the file's timeline on; flushed. For a file of
    our own muxer. Raises ``OSError``."""
    with open(path, "rb+") as file:
        boxes = walk(lambda at, n: os.pread(file.fileno(), n, at), path.stat().st_size)
        index = next(box for box in boxes if box.kind == b"moov")
        data = os.pread(file.fileno(), index.end - index.start, index.start)
        moov = Box(b"moov", 0, 8, len(data))
        timescale, _ = read_movie_header(data, moov)
        for trak in children(data, moov.body, moov.end):
            if trak.kind == b"trak" and read_kind(data, trak) == b"vide":
                at, length = _shortened(data, trak, int(seconds * timescale))
                os.pwrite(file.fileno(), length, index.start + at)
        os.fsync(file.fileno())


def _shortened(data: bytes, trak: Box, ends: int) -> tuple[int, bytes]:
    """Where the length of the last edit stands, and what it is if the track is to end at ``ends``
    (ticks of the movie)."""
    elst = require(data, trak, b"edts", b"elst")
    wide = data[elst.body] == 1
    rows = [elst.body + 8 + (20 if wide else 12) * row for row in range(u32(data, elst.body + 4))]
    lengths = [u64(data, at) if wide else u32(data, at) for at in rows]
    return rows[-1], struct.pack(">Q" if wide else ">I", max(ends - sum(lengths[:-1]), 0))
