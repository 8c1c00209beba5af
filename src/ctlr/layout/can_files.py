"""The CAN recording on the logging disk: names and lines that its writer and its readers share. Pure.

::

    {logging}/can/raw.csv               ts_ms,id,len,hex          the newest rows, one a frame
    {logging}/can/raw.arrival.csv       when each of them arrived
    {logging}/can/raw-000001.csv  ...   older pieces, each with its raw-000001.arrival.csv

Rows stand in the order in which they arrived. A line of the arrival file is about all rows that
were taken in together: ``rows`` rows in ``bytes`` bytes from ``offset`` of its piece on, by the
controller's clock at ``arrived_ms``, whatever their own times claim; the smallest and the largest
of those are ``low_ms`` and ``high_ms``. So every row has its arrival, a hundredth of the lines
do, and what a session needs is found without reading rows.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

RAW_NAME = "raw.csv"
RAW_HEADER = b"ts_ms,id,len,hex\n"
ARRIVAL_HEADER = b"arrived_ms,bus,offset,bytes,rows,low_ms,high_ms\n"

_PIECE = re.compile(r"raw-([0-9]{6,9})\.csv")
_RUN = re.compile(rb"(\d{1,20}),([a-z][a-z0-9_-]{0,31}),(\d{1,19}),(\d{1,19}),(\d{1,19}),(-?\d{1,20}),(-?\d{1,20})\n")  # fmt: skip


class Run(NamedTuple):
    """One line of the arrival file; times in Unix milliseconds."""

    arrived_ms: int
    bus: str
    offset: int
    bytes: int
    rows: int
    low_ms: int
    high_ms: int

    @property
    def end(self) -> int:
        return self.offset + self.bytes


def piece_name(number: int) -> str:
    return f"raw-{number:06d}.csv"


def parse_piece_name(name: str) -> int | None:
    """The number of an older piece, or None. The newest, ``raw.csv``, has none."""
    match = _PIECE.fullmatch(name)
    return int(match[1]) if match else None


def arrival_name(name: str) -> str:
    """The arrival file of a piece."""
    return name.removesuffix(".csv") + ".arrival.csv"


def newest_last(names: Iterable[str]) -> list[str]:
    """The pieces among the names of a folder, in the order in which they were written."""
    numbered = {parse_piece_name(name): name for name in names}
    older = [numbered[number] for number in sorted(n for n in numbered if n is not None)]
    return [*older, RAW_NAME] if RAW_NAME in names else older


def encode_run(run: Run) -> bytes:
    return b"%d,%b,%d,%d,%d,%d,%d\n" % (
        run.arrived_ms,
        run.bus.encode("ascii"),
        *(run.offset, run.bytes, run.rows, run.low_ms, run.high_ms),
    )


def parse_run(line: bytes) -> Run | None:
    """A line of the arrival file; None for its header and for a torn one."""
    match = _RUN.fullmatch(line)
    if match is None:
        return None
    arrived, bus, offset, size, rows, low, high = match.groups()
    return Run(int(arrived), bus.decode(), int(offset), int(size), int(rows), int(low), int(high))
