"""The last column of a joined video's frame times: ``t_s``, when each frame was taken.

``t_s`` is ``captured_at_us`` on the controller's clock, in seconds since the session's start. It
has to wait for the end: the offset of a camera's clock between two samples is known with the
later one. So rows grow without it (``video.frame_times``) and get it when the session is made; a
file of an earlier run gets another one when more is known of its camera's clock.

It is empty where the camera left no time, where its clock was never measured, and from the last
sample before its clock was set on: whether frame times follow such a step, nobody knows.
"""

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ctlr.kernel.atomic import TEMPORARY_PREFIX
from ctlr.kernel.hashing import hash_bytes
from ctlr.layout.frame_times import GROWING_HEADER, JOINED_HEADER
from ctlr.postprocess.clocks.clock_track import ClockTrack

CHUNK_ROWS = 256
_COLUMNS = JOINED_HEADER.strip().split(",")
_CAPTURED, _SLOT = _COLUMNS.index("captured_at_us"), _COLUMNS.index("slot")


class NotFrameTimesError(ValueError):
    """A file that is no frame times of a joined video."""


def time_fingerprint(clock: ClockTrack | None, started_at_ms: int | None) -> str:
    """Differs whenever the rows of a camera would get other times."""
    samples = clock.samples if clock else ()
    return hash_bytes(repr((samples, started_at_ms)).encode())[:16]


class TimedRows:
    """The rows of one file with their times, in another file that grows as they do.

    All methods raise ``OSError``, and ``NotFrameTimesError`` where the rows are none.
    """

    def __init__(self, rows: Path, target: Path) -> None:
        self._rows = rows
        self._target = target
        self._at = 0
        self._width = 0

    def advance(self, clock: ClockTrack | None, started_at_ms: int, *, more: bool = False) -> None:
        """Add the rows that are new. ``more``: others may follow, and the clock is known no further
        than to its last sample; then only what will not change is added."""
        with (
            open(self._rows, "rb") as source,
            open(self._target, "ab" if self._at else "wb") as out,
        ):
            if not self._at:
                self._width = _check_header(line := source.readline())
                self._at = len(line)
                out.write(JOINED_HEADER.encode())
            source.seek(self._at)
            while chunk := list(islice(source, CHUNK_ROWS)):
                parted = _part(chunk, self._width)
                if more and not _is_certain(parted, clock):
                    break
                out.write(b"".join(_timed(parted, clock, started_at_ms)))
                self._at += sum(map(len, chunk))

    def publish(self, target: Path) -> None:
        """Put the file on the disk, in the place of another."""
        with open(self._target, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(self._target, target)


def write_session_times(
    rows: Path, target: Path, clock: ClockTrack | None, started_at_ms: int
) -> None:
    """Write the rows of one file with their times to another, or to the same.

    Raises ``OSError``, and ``NotFrameTimesError`` where the rows are none.
    """
    timed = TimedRows(rows, target.with_name(f"{TEMPORARY_PREFIX}{target.name}"))
    timed.advance(clock, started_at_ms)
    timed.publish(target)


def _check_header(line: bytes) -> int:
    """How many columns there are; those of today's files come first, as far as they reach."""
    names = line.decode("ascii", "replace").strip().split(",")
    if names[: _CAPTURED + 1] != _COLUMNS[: _CAPTURED + 1] or names != _COLUMNS[: len(names)]:
        raise NotFrameTimesError(f"its header is not {GROWING_HEADER.strip()}")
    return len(names)


class _Parted(NamedTuple):
    """Rows up to the column ``slot``, and when their frames were taken by the camera's clock."""

    rows: list[bytes]
    taken_us: list[int | None]


def _part(chunk: Sequence[bytes], width: int) -> _Parted:
    parted = [row.rstrip(b"\r\n").split(b",") for row in chunk]
    added = [b""] * (_SLOT + 1 - width)
    try:
        taken = [int(fields[_CAPTURED]) if fields[_CAPTURED] else None for fields in parted]
    except (ValueError, IndexError):
        raise NotFrameTimesError("some of its rows are none of frame times") from None
    return _Parted([b",".join((*fields[: _SLOT + 1], *added)) for fields in parted], taken)


def _is_certain(parted: _Parted, clock: ClockTrack | None) -> bool:
    known = [us for us in parted.taken_us if us is not None]
    settled = clock is not None and (not known or clock.is_settled(max(known)))
    return settled and len(parted.rows) == CHUNK_ROWS


def _timed(parted: _Parted, clock: ClockTrack | None, started_at_ms: int) -> Iterator[bytes]:
    times = _times_s(parted.taken_us, clock, started_at_ms)
    return (
        b"%b,\n" % row if time is None else b"%b,%.6f\n" % (row, time)
        for row, time in zip(parted.rows, times, strict=True)
    )


def _times_s(
    taken_us: Sequence[int | None], clock: ClockTrack | None, started_at_ms: int
) -> list[float | None]:
    known = [us for us in taken_us if us is not None]
    if clock is None or not known:
        return [None] * len(taken_us)
    limit_us, start_us = clock.trusted_until_us, started_at_ms * 1000
    corrected = iter(clock.corrected(known))
    times = [None if us is None else (us, next(corrected)) for us in taken_us]
    return [
        None if pair is None or pair[0] > limit_us else (pair[1] - start_us) / 1e6 for pair in times
    ]
