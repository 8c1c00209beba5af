"""Which rows of the endless recording belong to a session, found without reading them.

A row belongs if it **arrived** within the session's time, whatever its own time says (a bridge's
clock may be years off), or if its **own** time lies within, though it arrived up to
``LATE_MS`` before or after (a bridge that was out of reach sends later what it has kept). The
arrival file tells both for all rows that were taken in together. Rows of which it says nothing
count by their own time: those of installed listeners, and the newest few.

The recording may have been cut into pieces; each is looked at by itself. Everything is found by
bisection, in some 0.1 s however long the recording is.
"""

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ctlr.kernel.hashing import new_hash
from ctlr.kernel.untrusted import open_file
from ctlr.layout.can_files import RAW_HEADER, Run, arrival_name, newest_last, parse_run
from ctlr.postprocess.can import rows
from ctlr.postprocess.can.bisection import blocks, find_line
from ctlr.postprocess.can.news import LATE_MS, arrivals, newest_own_time
from ctlr.postprocess.can.runs import NO_RUNS, CanRows, CanStretch, Runs, parse_runs
from ctlr.postprocess.can.windows import Window

_OUT_OF_ORDER_MS = 60_000
"""How far rows of which only their own times are known may stand out of order."""

_HEAD_BYTES = 512
_TAIL_BYTES = 4096


def find_rows(folder: Path, windows: Sequence[Window]) -> CanRows | None:
    """The rows that belong, in ``can/`` of the logging disk; None where nothing was recorded.

    ``windows`` are the session's time as the clock showed it, apart from each other. Raises
    ``OSError``.
    """
    while True:
        names = _pieces(folder)
        found = _find_in(folder, names, windows) if names else None
        if _pieces(folder) == names:  # else a new piece has begun meanwhile
            return found


def _pieces(folder: Path) -> list[str]:
    try:
        return newest_last(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _find_in(folder: Path, names: Sequence[str], windows: Sequence[Window]) -> CanRows:
    first_ms = min(window.first_ms + window.behind_ms for window in windows)
    last_ms = max(window.last_ms + window.behind_ms for window in windows)
    digest = new_hash()
    stretches: list[CanStretch] = []
    told, until_ms = False, None
    for name in names:
        with _opened(folder / name) as raw, _opened(folder / arrival_name(name)) as arrival:
            if raw is None:
                continue
            piece = _Piece(name, raw, arrival)
            found = (stretch for window in windows for stretch in piece.find(window))
            for stretch in sorted(found, key=lambda stretch: stretch.offset):
                stretches.append(stretch)
                if not piece.is_newest(stretch):
                    told = True
                    digest.update(b"%b %d" % (piece.first_row, stretch.by_time))
                    digest.update(b"%d %d" % (stretch.offset, stretch.size))
            newest = piece.newest_ms
        if newest is not None:
            until_ms = max(until_ms or 0, min(newest, last_ms + LATE_MS))
    inputs = digest.hexdigest() if told else ""
    return CanRows(first_ms, last_ms, tuple(stretches), inputs, until_ms)


@contextmanager
def opened_piece(folder: Path, stretch: CanStretch) -> Iterator[int]:
    """The descriptor of a stretch's piece, which may have got another name meanwhile.

    Raises ``OSError``.
    """
    for name in dict.fromkeys([stretch.piece, *reversed(newest_last(os.listdir(folder)))]):
        with _opened(folder / name) as fd:
            if fd is not None and os.pread(fd, len(stretch.head), 0) == stretch.head:
                yield fd
                return
    raise FileNotFoundError(errno.ENOENT, "A piece of the CAN recording is gone", stretch.piece)


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    """A file's descriptor, None where there is none."""
    try:
        fd = open_file(path)
    except FileNotFoundError:
        yield None
        return
    try:
        yield fd
    finally:
        os.close(fd)


class _Piece:
    """One piece, open."""

    def __init__(self, name: str, raw: int, arrival: int | None) -> None:
        self._name = name
        self._raw = raw
        self._arrival = arrival
        self._first_run, self._last_run, self._arrival_bytes = self._ends()
        self._size = os.fstat(raw).st_size  # after the arrivals, which follow their rows
        self._head = os.pread(raw, _HEAD_BYTES, 0)
        self._begin = len(RAW_HEADER) if self._head.startswith(RAW_HEADER) else 0
        self.first_row = self._head[self._begin :].partition(b"\n")[0]
        told_from = self._first_run.offset if self._first_run else self._size
        self._told_from = min(told_from, self._size)
        self._told_to = min(self._last_run.end, self._size) if self._last_run else self._size

    @property
    def newest_ms(self) -> int | None:
        """When the newest row arrived; by its own time where no arrival tells."""
        if self._last_run:
            return self._last_run.arrived_ms
        tail = os.pread(self._raw, _TAIL_BYTES, max(0, self._size - _TAIL_BYTES))
        return newest_own_time(tail)

    def find(self, window: Window) -> Iterator[CanStretch]:
        """What belongs to one window, in order."""
        yield from self._by_own_time(self._begin, self._told_from, window)
        yield from self._by_arrival(window)
        last = self._last_run
        if last and self._told_to < self._size and last.arrived_ms <= window.last_ms + LATE_MS:
            yield self._stretch(self._told_to, self._size - self._told_to, True, window)

    def _stretch(
        self, offset: int, size: int, by_time: bool, window: Window, runs: Runs = NO_RUNS
    ) -> CanStretch:
        return CanStretch(self._name, self._head, offset, size, by_time, window, runs)

    def is_newest(self, stretch: CanStretch) -> bool:
        """Whether it holds the rows of which no arrival tells yet."""
        return self._last_run is not None and stretch.offset >= self._told_to

    def _ends(self) -> tuple[Run | None, Run | None, int]:
        """The first and the last line of the arrival file, and its size."""
        if self._arrival is None:
            return None, None, 0
        size = os.fstat(self._arrival).st_size
        head = os.pread(self._arrival, min(_TAIL_BYTES, size), 0)
        tail = os.pread(self._arrival, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
        backwards = reversed(tail[: min(_TAIL_BYTES, size)].splitlines(keepends=True))
        return _first_run(head.splitlines(keepends=True)), _first_run(backwards), size

    def _by_own_time(self, begin: int, end: int, window: Window) -> Iterator[CanStretch]:
        start = find_line(self._raw, begin, end, window.first_ms, _own_times)
        until = find_line(self._raw, start, end, window.last_ms + _OUT_OF_ORDER_MS, _own_times)
        if start < until:
            yield self._stretch(start, until - start, True, window)

    def _by_arrival(self, window: Window) -> Iterator[CanStretch]:
        runs = self._runs(window.first_ms - LATE_MS, window.last_ms + LATE_MS)
        for part, by_time in runs.belonging(window.first_ms, window.last_ms):
            size = int(part.ends[-1] - part.offsets[0])
            yield self._stretch(int(part.offsets[0]), size, by_time, window, part)

    def _runs(self, first_ms: int, last_ms: int) -> Runs:
        """The lines of the arrival file between two arrivals."""
        first, last = self._first_run, self._last_run
        if self._arrival is None or first is None or last is None:
            return NO_RUNS
        if first.arrived_ms > last_ms or last.arrived_ms < first_ms:
            return NO_RUNS
        size = self._arrival_bytes
        begin = find_line(self._arrival, 0, size, first_ms, arrivals)
        end = find_line(self._arrival, begin, size, last_ms + 1, arrivals)
        return parse_runs((block for _, block in blocks(self._arrival, begin, end)), self._size)


def _first_run(lines: Iterable[bytes]) -> Run | None:
    return next((run for run in map(parse_run, lines) if run), None)


def _own_times(block: bytes) -> list[tuple[int, int]]:
    lines = rows.parse_any_lines(block)
    good = np.flatnonzero(lines.times_ms != rows.NO_TIME)
    return list(zip(lines.starts[good].tolist(), lines.times_ms[good].tolist(), strict=True))
