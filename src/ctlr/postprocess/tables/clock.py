"""Which column of a table tells the time, and in which unit. Pure.

Columns are looked for by name, those with the best clock first. A number of the size of Unix
time is one; whether it counts seconds, milliseconds, microseconds or nanoseconds follows from
its size, as these differ by a thousand and all instants between the years 2000 and 2200 by less
than ten. A smaller number counts from a start that the file does not tell.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ctlr.postprocess.tables.header import Header
from ctlr.postprocess.tables.instants import parse_instants
from ctlr.postprocess.tables.numbers import Floats, parse_numbers
from ctlr.postprocess.tables.rows import Fields, Rows

Unit = Literal["s", "ms", "us", "ns", "iso"]

ABSOLUTE = (
    "time", "timestamp", "ts_ms", "ts", "time_ms", "timestamp_ms", "time_us", "timestamp_us",
    "time_ns", "timestamp_ns", "unix_time", "epoch", "datetime", "date_time", "date",
)  # fmt: skip
"""Names of columns with Unix times or ISO 8601 dates, the best first."""
ELAPSED = ("seconds_elapsed", "elapsed")
"""Names of columns with seconds since the sensor's own start."""

MS_PER: dict[Unit, float] = {"s": 1000.0, "ms": 1.0, "us": 1e-3, "ns": 1e-6, "iso": 1.0}
_FIRST_S, _LAST_S = 946_684_800, 7_258_118_400  # the years 2000 and 2200
_LEAST_READABLE = 0.5


@dataclass(frozen=True, slots=True)
class ClockColumn:
    """``elapsed``: it counts from an unknown start, in seconds as far as is known.
    ``zoned``: dates name their zone; without one UTC is taken."""

    name: str
    index: int
    unit: Unit
    elapsed: bool = False
    zoned: bool = True

    def times_ms(self, rows: Rows, width: int) -> Floats:
        """Each row's time; NaN where it cannot be read."""
        fields = rows.column(self.index, width)
        read = parse_instants if self.unit == "iso" else parse_numbers
        return read(fields) * MS_PER[self.unit]


def choose_clock(header: Header, rows: Rows) -> ClockColumn | None:
    """The best clock that at least half of some rows can be read by; None if there is none."""
    counting: list[ClockColumn] = []
    for name in (*ABSOLUTE, *ELAPSED):
        index = header.index(name)
        found = None if index is None else _judge(name, rows.column(index, header.width), index)
        if found and not found.elapsed:
            return found
        counting += [found] if found else []
    return max(counting, key=lambda clock: clock.name in ELAPSED, default=None)


def _judge(name: str, fields: Fields, index: int) -> ClockColumn | None:
    numbers = parse_numbers(fields)
    if _is_readable(numbers):
        unit = None if name in ELAPSED else unix_unit(float(np.nanmedian(numbers)))
        return ClockColumn(name, index, unit or "s", elapsed=unit is None)
    instants = parse_instants(fields)
    if _is_readable(instants):
        sample = fields.text(int(np.flatnonzero(np.isfinite(instants))[0]))
        return ClockColumn(name, index, "iso", zoned=_names_zone(sample))
    return None


def _is_readable(values: Floats) -> bool:
    return bool(np.isfinite(values).sum() >= max(1, _LEAST_READABLE * len(values)))


def unix_unit(value: float) -> Unit | None:
    """The unit in which a number is an instant of our time; None where it is in none."""
    units: tuple[Unit, ...] = ("s", "ms", "us", "ns")
    return next((u for u in units if _FIRST_S <= value * MS_PER[u] / 1000 < _LAST_S), None)


def _names_zone(instant: str) -> bool:
    time = instant[10:]
    return time.endswith(("Z", "z")) or "+" in time or "-" in time
