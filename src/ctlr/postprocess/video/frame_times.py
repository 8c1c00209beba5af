"""``{node}.frames.csv`` of the joined video, which grows like the video does.

A row is ``frame,pts_us,captured_at_us,slot``. ``frame`` counts on over the segments, ``pts_us`` is
the time at which the joined video shows the frame, ``captured_at_us`` (Unix microseconds) is the
camera's word for when it was taken, and ``slot`` its own number of the frame; both stay empty where
the camera left none. Rows are in the order shown, one for every frame of the video. The last
column, ``t_s``, is added in the end (``clocks.session_times``).

While a session is followed, each segment's rows are written as it arrives, for the place where it
should stand if nothing else turns up. The plan has the last word: what it places otherwise, and
all after it, is cut off and written again.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ctlr.layout.frame_times import GROWING_HEADER
from ctlr.mp4.tables import Track, shown_ticks
from ctlr.postprocess.video.facts import SegmentFacts, times_name
from ctlr.postprocess.video.frames import read_frame_columns
from ctlr.postprocess.video.timeline import Placement

_HEADER = GROWING_HEADER.encode()


@dataclass(frozen=True, slots=True)
class _Written:
    placed: Placement
    frames: int  # up to and with this segment
    end: int  # bytes, likewise


class FrameTimes:
    """Writes one file. All methods raise ``OSError``.

    ``rewritten`` counts how often rows that had been written were taken back.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rewritten = 0
        self._written: list[_Written] = []

    @property
    def count(self) -> int:
        """How many segments have been written."""
        return len(self._written)

    def keep(self, wanted: Sequence[Placement]) -> int:
        """Cut off from the first segment on that is not as wanted; returns how many stay."""
        if self._written and _size(self.path) != self._written[-1].end:
            self._written.clear()
            self.rewritten += 1
        kept = 0
        for written, placed in zip(self._written, wanted, strict=False):
            if written.placed != placed:
                break
            kept += 1
        self.rewritten += kept < len(self._written)
        del self._written[kept:]
        if kept:
            os.truncate(self.path, self._written[-1].end)
        else:
            self.path.write_bytes(_HEADER)
        return kept

    def append(self, placed: Placement, track: Track, source: Path) -> None:
        """Add the rows of a segment whose files lie in ``source``."""
        if not self._written:
            self.path.write_bytes(_HEADER)
        last = self._written[-1] if self._written else _Written(placed, 0, len(_HEADER))
        told: tuple[Sequence[str], Sequence[str]] = ((), ())
        if placed.facts.captured:
            told = read_frame_columns(source / _times_of(placed.facts))
        rows = _rows(last.frames, _shown_us(track, placed), *told)
        with open(self.path, "ab") as file:
            file.write(rows)
        self._written.append(_Written(placed, last.frames + track.shown, last.end + len(rows)))

    def flush(self) -> None:
        with open(self.path, "rb+") as file:
            os.fsync(file.fileno())


def _times_of(facts: SegmentFacts) -> str:
    return times_name(facts.name, facts.number, stray=facts.stray)


def _shown_us(track: Track, placed: Placement) -> list[int]:
    ticks = sorted(shown_ticks(track))[: track.shown]
    scale, start = placed.facts.timescale, placed.at_ticks - ticks[0]
    return [(start + tick) * 1_000_000 // scale for tick in ticks]


def _rows(
    first_frame: int, shown_us: Sequence[int], captured_us: Sequence[str], slots: Sequence[str]
) -> bytes:
    count = len(shown_us)
    numbers = range(first_frame, first_frame + count)
    rows = zip(numbers, shown_us, _as_many(captured_us, count), _as_many(slots, count), strict=True)
    return "".join(map("%d,%d,%s,%s\n".__mod__, rows)).encode()


def _as_many(fields: Sequence[str], count: int) -> list[str]:
    return [*fields[:count], *[""] * (count - len(fields))]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1
