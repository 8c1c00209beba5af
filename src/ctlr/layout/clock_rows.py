"""Rows of ``clock.csv`` beside a session's videos: how far each source's clock was off, and when. Pure.

A row is ``source,at_ms,offset_ms,uncertainty_ms,method``: at ``at_ms`` on the controller's clock
(Unix milliseconds), the source's clock minus the controller's was ``offset_ms``, and the truth
lies within ``uncertainty_ms`` of it. No name of a source has a comma. Rows of a source stand together, in the order of time.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

CLOCK_FILE = "clock.csv"
CLOCK_HEADER = ("source", "at_ms", "offset_ms", "uncertainty_ms", "method")


class ClockRow(NamedTuple):
    """``offset_ms`` positive: the source's clock is ahead of the controller's."""

    source: str
    at_ms: int
    offset_ms: float
    uncertainty_ms: float
    method: str


def format_clock_rows(rows: Iterable[ClockRow]) -> str:
    lines = (
        f"{row.source},{row.at_ms},{row.offset_ms:.3f},{row.uncertainty_ms:.3f},{row.method}\n"
        for row in rows
    )
    return ",".join(CLOCK_HEADER) + "\n" + "".join(lines)


def parse_clock_rows(text: str) -> list[ClockRow]:
    """The rows that can be read of a file that may have been cut off anywhere."""
    lines = [line.split(",") for line in text.splitlines()]
    if not lines or tuple(lines[0][: len(CLOCK_HEADER)]) != CLOCK_HEADER:
        return []
    return [row for fields in lines[1:] if (row := _parse(fields)) is not None]


def _parse(fields: list[str]) -> ClockRow | None:
    try:
        source, at_ms, offset_ms, uncertainty_ms, method = fields[: len(CLOCK_HEADER)]
        row = ClockRow(source, int(at_ms), float(offset_ms), float(uncertainty_ms), method)
    except ValueError:
        return None
    return row if math.isfinite(row.offset_ms) and math.isfinite(row.uncertainty_ms) else None
