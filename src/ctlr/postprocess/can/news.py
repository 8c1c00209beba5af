"""Whether the CAN recording holds rows of a session that its cut did not know of.

Asked by the controller, often, so it is cheap and loads little: only the arrivals since then are
read, found by bisection. What exactly belongs is found by the run that is started for it.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ctlr.layout.can_files import RAW_NAME, Run, arrival_name, newest_last, parse_run
from ctlr.layout.can_rows import Row, read_row
from ctlr.postprocess.can.bisection import blocks, find_line

LATE_MS = 300_000
"""So much before or after the session's time rows are looked for whose own time lies in it."""

_ARRIVED = re.compile(rb"^(\d{1,18}),", re.MULTILINE)
_TAIL_BYTES = 4096
_FIRST_MS = 10**12


def has_news(folder: Path, first_ms: int, last_ms: int, until_ms: int | None) -> bool:
    """Whether rows that belong to the session's time have arrived after ``until_ms``.

    ``folder`` is ``can/`` of the logging disk. Raises ``OSError``.
    """
    after_ms = first_ms - LATE_MS if until_ms is None else until_ms + 1
    names = newest_last(os.listdir(folder)) if folder.is_dir() else []
    if any(
        run.arrived_ms <= last_ms or (run.low_ms <= last_ms and run.high_ms >= first_ms)
        for name in reversed(names)
        for run in _runs(folder / arrival_name(name), after_ms, last_ms + LATE_MS)
    ):
        return True
    told = not names or (folder / arrival_name(names[-1])).is_file()
    newest = None if told else newest_own_time(_tail(folder / RAW_NAME))
    return newest is not None and after_ms <= newest and after_ms <= last_ms


def arrivals(block: bytes) -> list[tuple[int, int]]:
    """Where each line of an arrival file begins, and its instant."""
    return [(found.start(), int(found[1])) for found in _ARRIVED.finditer(block)]


def _runs(path: Path, first_ms: int, last_ms: int) -> Iterator[Run]:
    """The lines of an arrival file between two arrivals."""
    try:
        file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed below
    except FileNotFoundError:
        return
    with file:
        size = os.fstat(file.fileno()).st_size
        begin = find_line(file.fileno(), 0, size, first_ms, arrivals)
        for _, block in blocks(file.fileno(), begin, size):
            for run in filter(None, map(parse_run, block.splitlines(keepends=True))):
                if run.arrived_ms > last_ms:
                    return
                if run.arrived_ms >= first_ms:
                    yield run


def newest_own_time(tail: bytes) -> int | None:
    """The own time of the last row of what a recording ends with."""
    for line in reversed(tail.splitlines(keepends=True)[1:]):
        if line.endswith(b"\n"):
            read = read_row(line)
            if isinstance(read, Row) and read.ts_ms >= _FIRST_MS:
                return read.ts_ms
    return None


def _tail(path: Path) -> bytes:
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        return os.pread(file.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES))
