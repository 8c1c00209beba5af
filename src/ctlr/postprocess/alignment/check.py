"""Which clocks of a session are compared, and what is said of them. Pure.

Phone and watch both carry a gyroscope: however they are held, they turn as fast as the vehicle (or
the person) that carries both. Phone and vehicle both know how fast they go: the one by GPS, the
other by a signal on the CAN bus. The phone's clock is corrected by what is known of it before it is
compared with the bus, whose frames the controller or a bridge has stamped. Between watch and phone
nothing is corrected: both files are on clocks of their own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ctlr.kernel.hashing import hash_bytes
from ctlr.postprocess.alignment.lag import Lag, Manner, find_lag
from ctlr.postprocess.manifest.alignment import TruthEntry
from ctlr.postprocess.manifest.sync import ClockEntry
from ctlr.postprocess.manifest.tables import TableEntry
from ctlr.postprocess.tables.quantities import Kind
from ctlr.postprocess.tables.series import Series

ROTATION = Manner(step_s=0.04, slow_s=10.0, least_motion=0.02)
SPEED = Manner(step_s=0.1, slow_s=60.0, least_motion=0.3)

_VERSION = 1  # of the comparison; a new one compares again
_ON_WATCH = ("watch", "wrist")


@dataclass(frozen=True, slots=True)
class Record:
    """A record that can be compared: its file, and how to get at it if it has to be.
    ``assumed`` says that its times count from an unknown start."""

    file: str
    inputs: str
    load: Callable[[], Series | None]
    assumed: bool = False


def check(
    rotation: tuple[Record | None, Record | None],
    speed: tuple[Record | None, Record | None],
    phone: ClockEntry | None,
    before: Sequence[TruthEntry],
) -> tuple[TruthEntry, ...]:
    """Compare what there is two of.

    ``rotation`` is of watch and phone, ``speed`` of GPS and CAN bus; ``phone`` is what is known of
    the phone's clock. What ``before`` found of the same files is kept.
    """
    found = []
    if rotation[0] and rotation[1]:
        found.append(_Pair("watch", "phone", rotation[0], rotation[1], ROTATION, None))
    if speed[0] and speed[1]:
        found.append(_Pair("gps", "can", speed[0], speed[1], SPEED, phone))
    known = {entry.inputs: entry for entry in before}
    return tuple(known.get(pair.inputs) or pair.compare() for pair in found)


@dataclass(frozen=True, slots=True)
class _Pair:
    clock: str
    against: str
    first: Record
    second: Record
    manner: Manner
    known: ClockEntry | None

    @property
    def inputs(self) -> str:
        """Equal means that a comparison would say the same."""
        readings = (self.known.start, self.known.end) if self.known else ()
        offsets = " ".join(f"{r.measured_at}:{r.offset_ms}" for r in readings)
        told = f"{self.first.inputs} {self.second.inputs} {offsets} v{_VERSION}"
        return hash_bytes(told.encode())

    @property
    def _assumption(self) -> str:
        records = ((self.clock, self.first), (self.against, self.second))
        assumed = [_NAMES[name] for name, record in records if record.assumed]
        if not assumed:
            return ""
        return f" Times of {' and '.join(assumed)} were counted from the session's start."

    def compare(self) -> TruthEntry:
        first, second = self.first.load(), self.second.load()
        corrected_ms = None
        if first and self.known:
            first, corrected_ms = _corrected(first, self.known)
        lag = find_lag(second, first, self.manner) if first and second else _NOTHING
        return TruthEntry(
            clock=self.clock,
            against=self.against,
            files=(self.first.file, self.second.file),
            confidence=lag.confidence,
            text=_text(self.clock, self.against, lag) + self._assumption,
            lag_ms=_ms(lag.lag_s),
            uncertainty_ms=_ms(lag.uncertainty_s),
            correlation=None if lag.correlation is None else round(lag.correlation, 3),
            overlap_s=round(lag.overlap_s, 1),
            corrected_ms=None if corrected_ms is None else round(corrected_ms, 3),
            because=lag.because,
            inputs=self.inputs,
        )


_NOTHING = Lag("unknown", because="one of them holds no values with times")


def _corrected(series: Series, known: ClockEntry) -> tuple[Series, float]:
    """A series on the phone's clock on the controller's, and what was taken off (mean, ms)."""
    offset_ms = (known.start.offset_ms + known.end.offset_ms) / 2
    return Series(series.times_s - offset_ms / 1000, series.values), offset_ms


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


_NAMES: Mapping[str, str] = {
    "watch": "the watch",
    "phone": "the phone",
    "gps": "the phone's GPS",
    "can": "the CAN bus",
}


def _text(clock: str, against: str, lag: Lag) -> str:
    """One sentence for a person."""
    first, second = _NAMES[clock], _NAMES[against]
    if lag.lag_s is None or lag.uncertainty_s is None:
        return f"Whether {first} and {second} agree on the time is not known: {lag.because}."
    about = f"± {_seconds(lag.uncertainty_s)}, confidence {lag.confidence}"
    about += f": {lag.because}" if lag.because else ""
    if abs(lag.lag_s) <= lag.uncertainty_s:
        return f"{_begin(first)} and {second} agree on the time ({about})."
    way = "behind" if lag.lag_s > 0 else "ahead of"
    return f"{_begin(first)} runs {_seconds(abs(lag.lag_s))} {way} {second} ({about})."


def _begin(name: str) -> str:
    return name[0].upper() + name[1:]


def _seconds(value: float) -> str:
    if value < 0.1:
        return f"{max(1, round(value * 1000))} ms"
    return f"{value:.2f} s" if value < 100 else f"{value:.0f} s"


def choose(tables: Mapping[str, Sequence[TableEntry]], kind: Kind, *, on_watch: bool) -> str | None:
    """The file (with its folder) that measures ``kind`` best; None if none does.

    ``tables`` are those of ``phone`` and ``watch``. A calibrated sensor is better than one that is
    not, and more rows are better than few. The watch may have come with the phone's files.
    """
    fitting = [
        (f"{folder}/{table.file}", table)
        for folder, entries in tables.items()
        for table in entries
        if table.measures == kind and table.rows and is_on_watch(folder, table.file) == on_watch
    ]
    best = min(fitting, key=lambda found: _rank(*found), default=None)
    return best[0] if best else None


def is_on_watch(folder: str, file: str) -> bool:
    return folder == "watch" or PurePosixPath(file).name.casefold().startswith(_ON_WATCH)


def _rank(path: str, table: TableEntry) -> tuple[bool, int, str]:
    return "uncalibrated" in path.casefold(), -table.rows, path
