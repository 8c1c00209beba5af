"""The session's part of the CAN recording: ``can_raw.csv``, and beside it ``can_arrival.csv``.

Both have the form of the recording itself, so a reader of one reads the other. What is taken whole
is copied in large blocks and hashed on the way; only at the edges rows are told apart.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ctlr.layout.can_files import ARRIVAL_HEADER, RAW_HEADER, Run, encode_run
from ctlr.layout.session import CAN_FILE
from ctlr.postprocess.can.bisection import BLOCK_BYTES, blocks
from ctlr.postprocess.can.found import opened_piece
from ctlr.postprocess.can.output import HashedFile
from ctlr.postprocess.can.rows import select
from ctlr.postprocess.can.runs import NO_ARRIVAL, CanRows, CanStretch, Ints, Runs
from ctlr.postprocess.can.windows import Window

ARRIVAL_FILE = "can_arrival.csv"
_LINES = 10_000


@dataclass(slots=True)
class Cut:
    """What a cut has made. ``files`` are their sizes and xxh128 by name; ``by_arrival`` is how
    many rows belong for their arrival only, ``buses`` has the rows of each bus as far as known."""

    rows: int = 0
    by_arrival: int = 0
    buses: dict[str, int] = field(default_factory=dict)
    files: dict[str, tuple[int, str]] = field(default_factory=dict)


class _Cutter:
    def __init__(
        self,
        folder: Path,
        raw: HashedFile,
        arrival: HashedFile,
        alive: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._raw = raw
        self._arrival = arrival
        self._alive = alive
        self.cut = Cut()

    def take(self, stretch: CanStretch) -> None:
        with opened_piece(self._folder, stretch) as fd:
            if not stretch.by_time:
                self._take_whole(fd, stretch)
            elif len(stretch.runs):
                for number in range(len(stretch.runs)):
                    run = stretch.runs.where(slice(number, number + 1))
                    self._take_some_of_run(fd, run, stretch.window)
            else:
                end = stretch.offset + stretch.size
                for _, block in blocks(fd, stretch.offset, end):
                    self._add(*select(block, stretch.window.first_ms, stretch.window.last_ms))

    def _take_whole(self, fd: int, stretch: CanStretch) -> None:
        begin = self._raw.size
        at, end = stretch.offset, stretch.offset + stretch.size
        while at < end:
            block = os.pread(fd, min(BLOCK_BYTES, end - at), at)
            if not block:
                raise OSError(f"{stretch.piece} has shrunk")
            self._add(block, block.count(b"\n"))
            at += len(block)
        runs, window = stretch.runs, stretch.window
        self._note(runs, runs.offsets - stretch.offset + begin, window)
        off = (runs.low_ms < window.first_ms) | (runs.high_ms > window.last_ms)
        for offset, size in zip(runs.offsets[off].tolist(), runs.sizes[off].tolist(), strict=True):
            self._alive()
            block = os.pread(fd, size, offset)
            _, timed = select(block, window.first_ms, window.last_ms)
            self.cut.by_arrival += block.count(b"\n") - timed

    def _take_some_of_run(self, fd: int, run: Runs, window: Window) -> None:
        begin = self._raw.size
        block = os.pread(fd, int(run.sizes[0]), int(run.offsets[0]))
        data, count = select(block, window.first_ms, window.last_ms)
        self._add(data, count)
        if count:
            size, rows = np.array([len(data)]), np.array([count])
            low = np.maximum(run.low_ms, window.first_ms)
            high = np.minimum(run.high_ms, window.last_ms)
            taken = Runs(run.buses, run.arrived_ms, run.bus, run.offsets, size, rows, low, high)
            self._note(taken, np.array([begin]), window)

    def _add(self, data: bytes, rows: int) -> None:
        self._raw.write(data)
        self._alive()
        self.cut.rows += rows

    def _note(self, runs: Runs, offsets: Ints, window: Window) -> None:
        """Write down when rows arrived that now begin at ``offsets``, on the session's clock."""
        known = runs.arrived_ms != NO_ARRIVAL
        runs, offsets = runs.where(known), offsets[known]
        runs = replace(runs, arrived_ms=runs.arrived_ms + window.behind_ms)
        for number, bus in enumerate(runs.buses):
            rows = int(runs.rows[runs.bus == number].sum())
            if rows:
                self.cut.buses[bus] = self.cut.buses.get(bus, 0) + rows
        for begin in range(0, len(runs), _LINES):
            some = slice(begin, begin + _LINES)
            self._arrival.write(_lines(runs.where(some), offsets[some]))
            self._alive()


def _lines(runs: Runs, offsets: Ints) -> bytes:
    columns = [column.tolist() for column in (runs.arrived_ms, offsets, *runs.columns[3:])]
    names = [runs.buses[number] for number in runs.bus.tolist()]
    arrived, *numbers = columns
    return b"".join(encode_run(Run(*run)) for run in zip(arrived, names, *numbers, strict=True))


def cut_rows(
    folder: Path, found: CanRows, out: Path, alive: Callable[[], None] = lambda: None
) -> Cut:
    """Write the files of a session into ``out``, flushed; there are no arrivals where none are
    known. ``alive`` is called with each block. Raises ``OSError``."""
    raw, arrival = (
        HashedFile(out / CAN_FILE, RAW_HEADER),
        HashedFile(out / ARRIVAL_FILE, ARRIVAL_HEADER),
    )
    try:
        cutter = _Cutter(folder, raw, arrival, alive)
        for stretch in found.stretches:
            cutter.take(stretch)
        cut = cutter.cut
        cut.files[CAN_FILE] = raw.end()
        if cut.buses:
            cut.files[ARRIVAL_FILE] = arrival.end()
    finally:
        raw.close()
        arrival.close()
    if not cut.buses:
        (out / ARRIVAL_FILE).unlink()
    return cut
