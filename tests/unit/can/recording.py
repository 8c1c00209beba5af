"""What the CAN recording's tests share: batches to write, and what is in the files."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ctlr.can.files import CanFiles, Ledger
from ctlr.can.frame import Batch, make_batch
from ctlr.layout.can_files import RAW_HEADER, Run, arrival_name, newest_last, parse_run

NOW_MS = 1_776_313_714_000
LARGE = 1 << 30


def batch(number: int, rows: int = 2, at_ms: int | None = None, bus: str = "can0") -> Batch:
    """Rows that nobody else has, arrived at ``at_ms`` (default: ``number`` x 10 ms on)."""
    arrived = NOW_MS + number * 10 if at_ms is None else at_ms
    data = b"".join(b"%d,%03X,2,%04X\n" % (arrived, row, number) for row in range(rows))
    return make_batch(bus, arrived, data, [arrived] * rows)


def open_files(folder: Path, ledger: Ledger | None = None, rotate_bytes: int = LARGE) -> CanFiles:
    folder.mkdir(exist_ok=True)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    return CanFiles(fd, rotate_bytes, ledger or Ledger())


def rows_of(*batches: Batch) -> bytes:
    return b"".join(one.data for one in batches)


def recorded(folder: Path) -> bytes:
    """All rows of all pieces, in order."""
    names = newest_last(os.listdir(folder))
    return b"".join((folder / name).read_bytes().removeprefix(RAW_HEADER) for name in names)


def runs_of(folder: Path, name: str = "raw.csv") -> list[Run]:
    lines = (folder / arrival_name(name)).read_bytes().splitlines(keepends=True)
    return [run for run in map(parse_run, lines) if run]


def check_runs(folder: Path, name: str = "raw.csv") -> None:
    """Every run of a piece is about rows that are there, none about another's."""
    raw = (folder / name).read_bytes()
    end = len(RAW_HEADER)
    for run in runs_of(folder, name):
        part = raw[run.offset : run.end]
        assert run.offset >= end
        assert (len(part), part.count(b"\n"), part[-1:]) == (run.bytes, run.rows, b"\n")
        times = [int(row.partition(b",")[0]) for row in part.splitlines()]
        assert (min(times), max(times)) == (run.low_ms, run.high_ms)
        end = run.end


@contextmanager
def no_file_may_grow_beyond(size: int) -> Iterator[None]:
    """As on a full disk: a write beyond ``size`` bytes stops there and fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
