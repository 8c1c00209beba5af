"""The clock of one source, from ``clock.csv``: its times as the session's, and how well they are known."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ctlr.layout.clock_rows import CLOCK_FILE, parse_clock_rows
from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.manifest.sync import ClockEntry
from ctlr.sessions.model import ClockSample

Floats: TypeAlias = NDArray[np.float64]
Numbers: TypeAlias = NDArray[np.intp]


class SourceClock:
    """``samples`` are the measurements of it, none where nobody knows it. Its times are Unix
    microseconds, the session's are seconds since its start."""

    def __init__(self, started_ms: float, samples: tuple[ClockSample, ...] = ()) -> None:
        self.samples = samples
        self._started_us = started_ms * 1000
        self._track = ClockTrack(samples) if samples else None

    @property
    def is_known(self) -> bool:
        return self._track is not None

    def offset_ms(self, t_s: float) -> float:
        """This clock minus the controller's at an instant; NaN where it is not known."""
        if self._track is None:
            return math.nan
        at_us = self._started_us + t_s * 1e6
        return (self._track.own_time_of(at_us) - at_us) / 1000

    def uncertainty_ms(self, t_s: float) -> float:
        """The truth lies within so much of ``offset_ms``; infinite where nobody knows."""
        if self._track is None:
            return math.inf
        own_us = self._track.own_time_of(self._started_us + t_s * 1e6)
        if own_us > self._track.trusted_until_us:
            return math.inf
        return self._track.uncertainty_at(own_us) / 1000

    def to_session(self, own_us: Floats) -> Floats:
        """``t_s`` of some of its times; as they are where it is not known."""
        if self._track is None:
            return (own_us - self._started_us) / 1e6
        times, offsets = self._track.lines
        corrected: Floats = own_us - np.interp(own_us, times, offsets)
        return (corrected - self._started_us) / 1e6

    def uncertainty_s(self, own_us: Floats) -> Floats:
        """Of ``to_session``; infinite where nothing is known, NaN where there is no time."""
        if self._track is None:
            return np.where(np.isnan(own_us), np.nan, np.inf)
        found = np.fromiter(map(self._track.uncertainty_at, own_us), np.float64, len(own_us)) / 1e6
        found[own_us > self._track.trusted_until_us] = np.inf
        found[np.isnan(own_us)] = np.nan
        return found


def read_samples(
    folder: Path, told: Mapping[str, ClockEntry]
) -> dict[str, tuple[ClockSample, ...]]:
    """All measurements of a session's clocks, by source. A session of the first release has no such
    file; then there are the first and the last, as the manifest tells."""
    try:
        rows = parse_clock_rows((folder / CLOCK_FILE).read_text("utf-8"))
    except OSError:
        rows = []
    found: dict[str, list[ClockSample]] = {}
    for row in rows:
        found.setdefault(row.source, []).append(ClockSample(*row[1:]))
    for source, entry in told.items():
        if source not in found:
            readings = [entry.start, entry.end] if entry.samples > 1 else [entry.start]
            found[source] = [
                ClockSample(r.measured_at, r.offset_ms, r.uncertainty_ms, r.source)
                for r in readings
            ]
    return {source: tuple(samples) for source, samples in found.items()}
