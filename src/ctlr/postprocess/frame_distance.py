"""How far apart the cameras' nearest frames are, over a whole session in one pass.

Every camera's frame times are read once, block by block, put on the controller's clock, and
compared in windows of a minute: what is held does not grow with the session.

For each frame of one camera the other's nearest frame is looked up, both ways round. A frame
counts only where the other camera recorded: between two of its frames that are no more than
``BRIDGED`` of its usual periods apart. So a gap, a dropped frame or a late start on either side
is no distance between clocks; it stands in the manifest as what it is.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from pathlib import Path
from statistics import median

from ctlr.postprocess.clock_track import ClockTrack

WINDOW_US = 60_000_000
BRIDGED = 1.5
_BLOCK_BYTES = 1 << 18
_CHUNK_FRAMES = 256  # the offset is a straight line for so long: less than 1 us off


@dataclass(slots=True)
class Distance:
    """The worst distance between two cameras' nearest frames; ``at_us`` on the controller's clock.

    ``frames`` of either camera could be compared; none: the rest means nothing.
    """

    worst_us: float = -1.0
    at_us: float = 0.0
    frames: int = 0


@dataclass(slots=True)
class TimedFrames:
    """One camera's frame times. The rest of the fields is known when all have been read.

    ``first_us`` and ``last_us`` are on the camera's clock; ``backwards`` counts frames that were
    left out because their time is not after the one before.
    """

    files: Sequence[Path]
    clock: ClockTrack
    period_us: float | None = None
    first_us: int | None = None
    last_us: int = 0
    backwards: int = 0
    _blocks: Iterator[list[float]] | None = None
    _ahead: list[float] = field(default_factory=list)

    def take_before(self, end_us: float) -> list[float]:
        """The frames before an instant of the controller's clock that were not yet taken."""
        while not self._ahead or self._ahead[-1] < end_us:
            if not self._read():
                break
        cut = bisect_left(self._ahead, end_us)
        taken, self._ahead = self._ahead[:cut], self._ahead[cut:]
        return taken

    def next(self) -> float | None:
        """When the next frame was taken that ``take_before`` left; None after the last."""
        return self._ahead[0] if self._ahead or self._read() else None

    def _read(self) -> bool:
        if self._blocks is None:
            self._blocks = self._corrected()
        block = next(self._blocks, None)
        if block:
            self._ahead += block
        return block is not None

    def _corrected(self) -> Iterator[list[float]]:
        for file in self.files:
            for times in _read_times(file):
                rising = self._rising(times)
                if self.period_us is None and len(rising) > 1:
                    self.period_us = median(b - a for a, b in pairwise(rising))
                if rising:
                    yield _on_controllers_clock(rising, self.clock)

    def _rising(self, times: list[int]) -> list[int]:
        if self.first_us is None and times:
            self.first_us = times[0]
            self.last_us = times[0] - 1
        if times and (times[0] <= self.last_us or any(a >= b for a, b in pairwise(times))):
            times = self._without_backwards(times)
        if times:
            self.last_us = times[-1]
        return times

    def _without_backwards(self, times: list[int]) -> list[int]:
        kept, last = [], self.last_us
        for time in times:
            if time > last:
                kept.append(time)
                last = time
        self.backwards += len(times) - len(kept)
        return kept


def _read_times(file: Path) -> Iterator[list[int]]:
    """The last column of a joined ``frames.csv``, block by block; rows without one are skipped.

    Raises ``OSError``, and ``ValueError`` for a file that is none.
    """
    with open(file, "rb") as stream:
        stream.readline()
        rest = b""
        while data := stream.read(_BLOCK_BYTES):
            cut = data.rfind(b"\n") + 1
            whole, rest = rest + data[:cut], data[cut:] if cut else rest + data
            fields = whole.replace(b"\n", b",").split(b",")[2::3] if cut else []
            yield [int(field) for field in fields if field]


def _on_controllers_clock(times: Sequence[int], clock: ClockTrack) -> list[float]:
    corrected: list[float] = []
    for start in range(0, len(times), _CHUNK_FRAMES):
        chunk = times[start : start + _CHUNK_FRAMES]
        first, last = chunk[0], chunk[-1]
        offset = clock.offset_at(first)
        slope = (clock.offset_at(last) - offset) / max(last - first, 1)
        corrected += [time - offset - slope * (time - first) for time in chunk]
    return corrected


def compare(cameras: Mapping[str, TimedFrames]) -> dict[tuple[str, str], Distance]:
    """Every pair of cameras. Raises ``OSError`` and ``ValueError`` as reading does."""
    found = {pair: Distance() for pair in combinations(cameras, 2)}
    before: dict[str, list[float]] = {name: [] for name in cameras}
    while nexts := [at for frames in cameras.values() if (at := frames.next()) is not None]:
        end_us = min(nexts) + WINDOW_US
        windows = {name: frames.take_before(end_us) for name, frames in cameras.items()}
        around = {
            name: [*before[name], *windows[name], *_as_list(frames.next())]
            for name, frames in cameras.items()
        }
        for (a, b), distance in found.items():
            _look_up(windows[a], around[b], cameras[b].period_us, distance)
            _look_up(windows[b], around[a], cameras[a].period_us, distance)
        before = {name: windows[name][-1:] or before[name] for name in cameras}
    return found


def _as_list(value: float | None) -> list[float]:
    return [] if value is None else [value]


def _look_up(
    frames: Sequence[float], others: Sequence[float], period_us: float | None, found: Distance
) -> None:
    """The nearest of ``others`` for each of ``frames``; both rise. A loop for speed's sake: it
    is run twice for each frame of a session and each pair."""
    if period_us is None or len(others) < 2:
        return
    bridged, index, end = BRIDGED * period_us, 1, len(others)
    low, high = others[0], others[1]
    worst, worst_at, count = found.worst_us, found.at_us, 0
    for at in frames:
        while high < at:
            index += 1
            if index == end:
                break
            low, high = high, others[index]
        if high < at:
            break
        if at >= low and high - low <= bridged:
            count += 1
            if at - low > worst and high - at > worst:
                worst, worst_at = min(at - low, high - at), at
    found.worst_us, found.at_us = worst, worst_at
    found.frames += count
