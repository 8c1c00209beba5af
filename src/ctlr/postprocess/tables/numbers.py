"""Numbers out of the fields of a column. Pure.

A comma among digits is a decimal comma. What is no number, or none that is finite, is NaN.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_MOST_CHARS = 64


def parse_numbers(texts: Sequence[str]) -> Floats:
    """The numbers of a column; NaN where there is none."""
    return np.fromiter(map(parse_number, texts), np.float64, len(texts))


def parse_number(text: str) -> float:
    """One field; NaN if it is no number."""
    bare = text.strip(' \t"')
    if len(bare) > _MOST_CHARS or "_" in bare or not bare.isascii():
        return math.nan
    try:
        value = float(bare.replace(",", "."))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def as_finite(values: Floats) -> Floats:
    """The same values; NaN where one is not finite."""
    return np.where(np.isfinite(values), values, np.nan)
