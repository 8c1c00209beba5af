"""When an experiment of phyphox was: its times count from its start, ``meta/time.csv`` says when that was. Pure.

Rows are ``event``, ``experiment time`` and ``system time`` (both seconds, the latter since 1970, and as
a date), one for each start and each pause. Experiment time stands still in a pause, so each start is an anchor: rows
from its experiment time on were that much later than it as the two times tell.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from ctlr.postprocess.tables.instants import read_instant
from ctlr.postprocess.tables.numbers import Floats, parse_number
from ctlr.postprocess.tables.rows import part_rows

EVENTS = "meta/time.csv"
OF_PHYPHOX = frozenset({EVENTS, "meta/device.csv"})
MOST_EVENT_BYTES = 1 << 16
_COARSE_MS = 1000
_FIRST_S, _LAST_S = 946_684_800, 7_258_118_400  # the years 2000 and 2200

Anchors = Sequence[tuple[float, float]]
"""Experiment time and Unix time in milliseconds of each start, in order."""


def parse_events(content: bytes) -> Anchors:
    """The starts; none where the file is something else."""
    lines = content.decode("utf-8", "replace").splitlines()
    for delimiter in ",;\t":
        rows, _ = part_rows(lines, delimiter, 4)
        if rows and [field.strip(' "').casefold()[:15] for field in rows[0][:3]] == [
            "event",
            "experiment time",
            "system time",
        ]:
            return _starts(rows[1:])
    return ()


def _starts(rows: Sequence[Sequence[str]]) -> Anchors:
    found = []
    for row in rows:
        if len(row) > 2 and row[0].strip(' "').casefold() == "start":
            own_s, unix_s = parse_number(row[1]), parse_number(row[2])
            if math.isfinite(own_s) and _FIRST_S <= unix_s < _LAST_S:
                found.append((own_s * 1000, _finer(unix_s * 1000, row[3:4])))
    return sorted(found)


def _finer(unix_ms: float, texts: Sequence[str]) -> float:
    """A number of ten digits tells seconds; the date beside it is in milliseconds."""
    for text in texts:
        told = read_instant(text.strip(' "'))
        if told and told.zoned and told.timed and abs(told.ms - unix_ms) <= _COARSE_MS:
            return told.ms
    return unix_ms


def unix_times(own_ms: Floats, anchors: Anchors) -> Floats:
    """As ``unix_ms``, of many."""
    starts, unix = np.array(anchors).T
    at = np.maximum(np.searchsorted(starts, own_ms, side="right") - 1, 0)
    return np.asarray(unix[at] + own_ms - starts[at])


def unix_ms(own_ms: float, anchors: Anchors) -> float:
    """When something was, by its experiment time; ``anchors`` are not empty."""
    at = max(bisect_right(anchors, (own_ms, math.inf)) - 1, 0)
    start_ms, unix = anchors[at]
    return unix + own_ms - start_ms
