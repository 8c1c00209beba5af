"""What the manifest says of each table that phone and watch sent. Pure.

Part of the manifest's committed schema. Times named ``*_at`` are Unix milliseconds on the clock
that the table was written by.
"""

from typing import Literal

from ctlr.postprocess.manifest.inside import Inside
from ctlr.postprocess.manifest.shape import Shape


class RowGap(Shape):
    """No row for ``expected_ms`` after the one at ``after_at``."""

    after_at: int
    expected_ms: int


class TableProblem(Shape):
    """What is odd about a table; ``count`` is of how many rows (or gaps). None of it makes a
    session incomplete: the file is there as it came."""

    code: str
    text: str
    count: int | None = None


class TableEntry(Shape):
    """One CSV file, or one in an archive (``export.zip/Gyroscope.csv``). ``clock`` is the column
    that its times were read from (``date+time``: two), ``unit`` what that counts (``iso``: dates);
    both null where there is none. ``gaps`` are at most 50, the longest.
    ``measures`` is what of it is compared with another source (see ``truth``)."""

    file: Inside
    rows: int = 0
    first_at: int | None = None
    last_at: int | None = None
    rate_hz: float | None = None
    clock: str | None = None
    unit: Literal["s", "ms", "us", "ns", "iso"] | None = None
    measures: Literal["rotation", "speed"] | None = None
    gaps: tuple[RowGap, ...] = ()
    problems: tuple[TableProblem, ...] = ()
    inputs: str = ""
