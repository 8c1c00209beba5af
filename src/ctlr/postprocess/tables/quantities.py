"""Which tables measure something that another source measures too. Pure.

A GPS knows its speed, a gyroscope how fast it turns about its three axes: of that only the size
counts, as nobody knows how phone and watch are held against each other. Of a CAN signal the size
counts, too: a GPS knows no reverse gear.
"""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ctlr.postprocess.tables.header import Header
from ctlr.postprocess.tables.headings import normalise
from ctlr.postprocess.tables.numbers import Floats
from ctlr.postprocess.tables.rows import Rows

Kind = Literal["rotation", "speed", "signal"]

_SPEED = re.compile(r"(vehicle|veh|car)_?(speed|spd|velocity)(_?(km_?h|kmph|kph|mps|m_s|mph))?")
_AXES = (("rotationratex", "rotationratey", "rotationratez"), ("x", "y", "z"))


@dataclass(frozen=True, slots=True)
class Quantity:
    """``columns`` are those that its value follows from."""

    kind: Kind
    columns: tuple[int, ...]

    def values(self, rows: Rows) -> Floats:
        """Of each row, in rad/s or m/s (a signal: its own unit); NaN where it is not known."""
        parts = [rows.numbers(column) for column in self.columns]
        if self.kind == "speed":
            return np.where(parts[0] < 0, np.nan, parts[0])  # below 0 the GPS knows none
        size: Floats = np.sqrt(sum((part**2 for part in parts), np.zeros(len(rows))))
        return size


def find_quantity(header: Header, file: str) -> Quantity | None:
    """What a table measures, by its columns and its name; None for all other tables."""
    name = file.casefold()
    if "headphone" in name:  # turns with the head
        return None
    speed = header.index("speed")
    if speed is not None and header.index("latitude") is not None:
        return Quantity("speed", (speed,))
    for axes in _AXES:
        columns = [header.index(axis) for axis in axes]
        found = tuple(column for column in columns if column is not None)
        if len(found) == len(axes) and (axes[0] != "x" or "gyro" in name):
            return Quantity("rotation", found)
    return None


def find_speed_signal(header: Header, signal: str | None) -> Quantity | None:
    """The column of a decoded CAN message that is the vehicle's speed: ``signal``, or, where that
    is None, the one that is called so; None if the message has no such signal."""
    if signal is not None:
        column = header.index(normalise(signal))
    else:
        named = (i for i, name in enumerate(header.columns) if _SPEED.fullmatch(name))
        column = next(named, None)
    return None if column is None else Quantity("signal", (column,))
