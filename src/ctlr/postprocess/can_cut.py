"""The session's part of the endless CAN recording.

``raw.csv`` (header ``ts_ms,id,len,hex``) grows for months, so the first row is found by bisecting
byte offsets, not by reading. Rows stand in order of time except around a step of the clock; the
cut takes every row of the range that it passes, and stops well after its end.
"""

import os
from pathlib import Path

import xxhash

HEADER = b"ts_ms,id,len,hex\n"
_LOOK_BYTES = 64 << 10
_LONGEST_ROW = 4096  # a power cut can leave megabytes of zeros; they are no row to hold in memory
_STOP_AFTER_MS = 60_000


def cut_can(source: Path, target: Path, first_ms: int, last_ms: int) -> tuple[int, int, str]:
    """Write the rows of ``first_ms`` to ``last_ms``; returns rows, bytes and xxh128.

    Raises ``OSError``.
    """
    digest, rows, size = xxhash.xxh3_128(HEADER), 0, len(HEADER)
    with open(source, "rb") as raw, open(target, "wb") as out:
        out.write(HEADER)
        raw.seek(_find_row(raw.fileno(), first_ms))
        for line in iter(lambda: raw.readline(_LONGEST_ROW), b""):
            at = _row_ms(line)
            if at is None or not line.endswith(b"\n"):
                continue
            if at > last_ms + _STOP_AFTER_MS:
                break
            if first_ms <= at <= last_ms:
                out.write(line)
                digest.update(line)
                rows, size = rows + 1, size + len(line)
        out.flush()
        os.fsync(out.fileno())
    return rows, size, digest.hexdigest()


def _find_row(fd: int, first_ms: int) -> int:
    """Offset of a row start at or before the first row of ``first_ms`` or later."""
    low, high = 0, os.fstat(fd).st_size
    while high - low > _LOOK_BYTES:
        middle = (low + high) // 2
        at = _first_ms_after(fd, middle)
        if at is None or at >= first_ms:
            high = middle
        else:
            low = middle
    return _row_start(fd, low)


def _first_ms_after(fd: int, offset: int) -> int | None:
    lines = os.pread(fd, _LOOK_BYTES, offset).split(b"\n")[1:-1]
    return next((at for at in map(_row_ms, lines) if at is not None), None)


def _row_start(fd: int, offset: int) -> int:
    if offset == 0:
        return 0
    return offset + os.pread(fd, _LOOK_BYTES, offset).find(b"\n") + 1


def _row_ms(line: bytes) -> int | None:
    number = line.partition(b",")[0]
    return int(number) if number.isdigit() and len(number) < 20 else None
