"""Lines of an arrival file as columns, and which of them belong to a session. Pure.

A run is about the rows that were taken in together (see ``ctlr.layout.can_files``). Between two
runs there may be a gap, rows whose line a power cut has taken: it becomes a run with no arrival,
whose rows count by their own times.
"""

import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ctlr.layout.can_files import parse_run
from ctlr.postprocess.can.windows import Window

_BUS = re.compile(rb",([a-z][a-z0-9_-]*),")
_COLUMNS = 7
_LARGEST = 2**63 - 1
NO_ARRIVAL = -1

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Runs:
    """Columns of equal length; ``bus`` counts in ``buses``. Instants in Unix milliseconds."""

    buses: tuple[str, ...]
    arrived_ms: Ints
    bus: Ints
    offsets: Ints
    sizes: Ints
    rows: Ints
    low_ms: Ints
    high_ms: Ints

    def __len__(self) -> int:
        return len(self.arrived_ms)

    @property
    def ends(self) -> Ints:
        return self.offsets + self.sizes

    @property
    def columns(self) -> tuple[Ints, ...]:
        of_rows = (self.offsets, self.sizes, self.rows, self.low_ms, self.high_ms)
        return (self.arrived_ms, self.bus, *of_rows)

    def where(self, wanted: NDArray[np.bool_] | slice) -> "Runs":
        """Some of the runs."""
        return Runs(self.buses, *(column[wanted] for column in self.columns))

    def belonging(self, first_ms: int, last_ms: int) -> Iterator[tuple["Runs", bool]]:
        """Runs that stand together and belong, with whether only some of their rows do: those
        whose own time lies within."""
        arrived = (self.arrived_ms >= first_ms) & (self.arrived_ms <= last_ms)
        own = (self.low_ms >= first_ms) & (self.high_ms <= last_ms)
        touched = (self.high_ms >= first_ms) & (self.low_ms <= last_ms)
        kind = np.where(arrived | own, 2, np.where(touched, 1, 0))
        apart = self.offsets[1:] != self.ends[:-1]
        edges = np.flatnonzero((np.diff(kind) != 0) | apart) + 1
        for begin, end in pairwise([0, *edges.tolist(), len(self)] if len(self) else []):
            if kind[begin]:
                yield self.where(slice(begin, end)), bool(kind[begin] == 1)


def _ints(values: Iterable[int] = ()) -> Ints:
    return np.array(values, np.int64)


NO_RUNS = Runs((), *(_ints() for _ in range(7)))


@dataclass(frozen=True, slots=True)
class CanStretch:
    """Rows of one piece that stand together: ``size`` bytes from ``offset`` on.

    ``head`` is how the piece begins, by which it is known under any name. ``by_time`` says that only
    those belong whose own time lies within ``window``. ``runs`` say when they arrived, and cover all
    of it or nothing.
    """

    piece: str
    head: bytes
    offset: int
    size: int
    by_time: bool
    window: Window
    runs: Runs = NO_RUNS


@dataclass(frozen=True, slots=True)
class CanRows:
    """The rows of a session's time, ``first_ms`` to ``last_ms`` (Unix milliseconds, inclusive,
    on the session's clock).

    ``inputs`` differs whenever other rows belong; empty where none do. The newest rows, which no
    arrival tells of yet, are left out of it. Whatever arrived up to ``until_ms`` has been looked
    at.
    """

    first_ms: int
    last_ms: int
    stretches: tuple[CanStretch, ...]
    inputs: str
    until_ms: int | None

    @property
    def bytes(self) -> int:
        return sum(stretch.size for stretch in self.stretches)


def parse_runs(blocks: Iterable[bytes], raw_bytes: int) -> Runs:
    """The runs of whole lines, as far as the rows reach; ``raw_bytes`` is how long these are."""
    buses: list[bytes] = []
    tables = [_parse_block(block, buses) for block in blocks]
    columns = np.concatenate(tables).T if tables else _ints().reshape(_COLUMNS, 0)
    names = tuple(bus.decode() for bus in buses)
    return _with_gaps(_as_far_as(raw_bytes, Runs(names, *columns)))


def _parse_block(block: bytes, buses: list[bytes]) -> Ints:
    """A row of numbers for each line, its bus as the place in ``buses``."""
    table = _numbers(block, buses)
    if len(table) == block.count(b"\n"):
        return table
    lines = block.splitlines(keepends=True)  # a heading or a torn line is among them
    return _numbers(b"".join(line for line in lines if parse_run(line)), buses)


def _numbers(block: bytes, buses: list[bytes]) -> Ints:
    text = block
    for number, bus in enumerate(buses):
        text = text.replace(b",%b," % bus, b",%d," % number)
    while found := _BUS.search(text):
        text = text.replace(found[0], b",%d," % len(buses))
        buses.append(found[1])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # how it says: not all is numbers
            values = np.fromstring(text.replace(b"\n", b",").decode("ascii"), np.int64, sep=",")
    except (DeprecationWarning, UnicodeDecodeError, ValueError):
        return _ints().reshape(0, _COLUMNS)
    whole = len(values) // _COLUMNS * _COLUMNS
    return np.asarray(values[:whole].reshape(-1, _COLUMNS))


def _as_far_as(raw_bytes: int, runs: Runs) -> Runs:
    """Without runs of rows that are not there, or that a damaged line has put on others."""
    runs = runs.where((runs.ends <= raw_bytes) & (runs.sizes > 0))
    if not len(runs):
        return runs
    before = np.maximum.accumulate(np.concatenate(([0], runs.ends[:-1])))
    return runs.where(runs.offsets >= before)


def _with_gaps(runs: Runs) -> Runs:
    after = np.flatnonzero(runs.offsets[1:] > runs.ends[:-1]) + 1
    if not len(after):
        return runs
    begins, ends = runs.ends[after - 1], runs.offsets[after]
    sizes, one = ends - begins, np.ones_like(begins)
    gaps = (one * NO_ARRIVAL, one * 0, begins, sizes, one * 0, one * -_LARGEST, one * _LARGEST)
    columns = zip(runs.columns, gaps, strict=True)
    return Runs(runs.buses, *(np.insert(column, after, gap) for column, gap in columns))
