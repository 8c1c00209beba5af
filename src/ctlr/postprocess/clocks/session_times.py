"""The last column of a joined video's frame times: ``t_s``, when each frame was taken.

``t_s`` is ``captured_at_us`` on the controller's clock, in seconds since the session's start. It
has to wait for the end: the offset of a camera's clock between two samples is known with the
later one. So rows grow without it (``video.frame_times``) and get it when the session is made; a
file of an earlier run gets another one when more is known of its camera's clock.

It is empty where the camera left no time, where its clock was never measured, and from the last
sample before its clock was set on: whether frame times follow such a step, nobody knows.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from ctlr.kernel.atomic import replacing
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


def write_session_times(
    rows: Path, target: Path, clock: ClockTrack | None, started_at_ms: int
) -> None:
    """Write the rows of one file with their times to another, or to the same.

    Raises ``OSError``, and ``NotFrameTimesError`` where the rows are none.
    """
    with open(rows, "rb") as source, replacing(target) as out:
        width = _check_header(source.readline())
        out.write(JOINED_HEADER.encode())
        while chunk := _next_rows(source):
            out.write(b"".join(_timed(chunk, width, clock, started_at_ms)))


def _check_header(line: bytes) -> int:
    """How many columns there are; those of today's files come first, as far as they reach."""
    names = line.decode("ascii", "replace").strip().split(",")
    if names[: _CAPTURED + 1] != _COLUMNS[: _CAPTURED + 1] or names != _COLUMNS[: len(names)]:
        raise NotFrameTimesError(f"its header is not {GROWING_HEADER.strip()}")
    return len(names)


def _next_rows(source: BinaryIO) -> list[bytes]:
    rows = []
    for row in source:
        rows.append(row.rstrip(b"\r\n"))
        if len(rows) == CHUNK_ROWS:
            break
    return rows


def _timed(
    rows: Sequence[bytes], width: int, clock: ClockTrack | None, started_at_ms: int
) -> Iterator[bytes]:
    parted = [row.split(b",") for row in rows]
    try:
        taken = [int(fields[_CAPTURED]) if fields[_CAPTURED] else None for fields in parted]
        before = [
            b",".join((*fields[: _SLOT + 1], *[b""] * (_SLOT + 1 - width))) for fields in parted
        ]
    except (ValueError, IndexError):
        raise NotFrameTimesError("some of its rows are none of frame times") from None
    times = _times_s(taken, clock, started_at_ms)
    return (
        b"%b,\n" % row if time is None else b"%b,%.6f\n" % (row, time)
        for row, time in zip(before, times, strict=True)
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
