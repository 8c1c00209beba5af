"""How far apart the cameras' nearest frames are, over a whole session in one pass.

Every camera's frame times are read once, block by block, put on the controller's clock, and
compared in windows of a minute: what is held does not grow with the session. A comparison can be
carried on while frame times and clock samples are still coming in; it takes what is certain and
comes to the same result.

For each frame of one camera the other's nearest frame is looked up, both ways round. A frame
counts only where the other camera recorded: at one of its frames, or between two that are no more
than ``BRIDGED`` of its usual periods apart. So a gap, a dropped frame or a late start on either side
is no distance between clocks; it stands in the manifest as what it is.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from pathlib import Path
from statistics import median

from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.clocks.distance import Distance

WINDOW_US = 60_000_000
BRIDGED = 1.5
SECOND_US = 1_000_000
FEWEST_FRAMES = 8
"""A second of a slow camera has at least so many frames, so that one late one is none of its step."""
_BINS = 50_000
_BLOCK_BYTES = 1 << 18
_CHUNK_FRAMES = 256


@dataclass(slots=True)
class TimedFrames:
    """One camera's frame times.

    ``more`` says that the last file still grows, that others may follow, and that the clock is
    known no further than to its last sample. The rest of the fields is known when all have been
    read: ``first_us`` and ``last_us`` are on the camera's clock; ``backwards`` counts frames that
    were left out because their time is not after the one before, ``late`` those that came more
    than ``BRIDGED`` usual periods after it.
    """

    files: Sequence[Path]
    clock: ClockTrack
    more: bool = False
    period_us: float | None = None
    first_us: int | None = None
    last_us: int = 0
    backwards: int = 0
    late: int = 0
    _at: tuple[int, int] = (0, 0)  # file, byte
    _before_us: int = 0  # the last one that was made known
    _raw: list[int] = field(default_factory=list)  # on the camera's clock
    _ahead: list[float] = field(default_factory=list)  # on the controller's

    def goes_on_from(self, before: "TimedFrames") -> bool:
        """Whether files and clock begin with those of ``before``."""
        files, samples = before.files, before.clock.samples
        return self.files[: len(files)] == files and self.clock.samples[: len(samples)] == samples

    def take_before(self, end_us: float) -> list[float]:
        """The frames before an instant of the controller's clock that were not yet taken."""
        self.reaches(end_us)
        cut = bisect_left(self._ahead, end_us)
        taken, self._ahead = self._ahead[:cut], self._ahead[cut:]
        return taken

    def reaches(self, end_us: float) -> bool:
        """Whether all frames before an instant of the controller's clock are known."""
        while not self._ahead or self._ahead[-1] < end_us:
            if not self._read():
                return not self.more
        return True

    def next(self) -> float | None:
        """When the next frame was taken that ``take_before`` left; None after the last."""
        return self._ahead[0] if self._ahead or self._read() else None

    def _read(self) -> bool:
        """Make some more frames known; False if there are none."""
        while len(self._raw) < _CHUNK_FRAMES:
            times = self._read_block()
            if times is None:
                break
            self._raw += self._rising(times)
        chunk = self._raw[:_CHUNK_FRAMES]
        if not chunk or (self.more and not self._is_certain(chunk)):
            return False
        del self._raw[:_CHUNK_FRAMES]
        if self.period_us is None and len(chunk) > 1:
            self.period_us = median(b - a for a, b in pairwise(chunk))
        if self.period_us is not None:
            limit_us, before = BRIDGED * self.period_us, self._before_us or chunk[0]
            self.late += sum(b - a > limit_us for a, b in pairwise([before, *chunk]))
        self._before_us = chunk[-1]
        self._ahead += self.clock.corrected(chunk)
        return True

    def _is_certain(self, chunk: Sequence[int]) -> bool:
        return len(chunk) == _CHUNK_FRAMES and self.clock.is_settled(chunk[-1])

    def _read_block(self) -> list[int] | None:
        """The times of the next whole rows of the files; None at their end."""
        file, byte = self._at
        while file < len(self.files):
            times, end = _read_times(self.files[file], byte)
            if end > byte:
                self._at = file, end
                return times
            if self.more and file + 1 == len(self.files):
                return None
            self._at = file, byte = file + 1, 0
        return None

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


def _read_times(file: Path, byte: int) -> tuple[list[int], int]:
    """The third column of a joined ``frames.csv`` from a row on, and where its next row begins.

    Rows without a time are skipped. Raises ``OSError``, and ``ValueError`` for a file that is none.
    """
    with open(file, "rb", buffering=0) as stream:
        if byte == 0:
            byte = len(stream.readline())
        stream.seek(byte)
        data = stream.read(_BLOCK_BYTES)
    whole = data[: data.rfind(b"\n") + 1]
    width = whole[: whole.find(b"\n")].count(b",") + 1  # columns may be added behind it
    fields = whole.replace(b"\n", b",").split(b",")[2::width] if whole else []
    return [int(field) for field in fields if field], byte + len(whole)


class Comparison:
    """Every pair of ``cameras``, as far as it has been carried on."""

    def __init__(self, cameras: Mapping[str, TimedFrames]) -> None:
        self.cameras = dict(cameras)
        self.found = {pair: Distance() for pair in combinations(cameras, 2)}
        self._before: dict[str, list[float]] = {name: [] for name in cameras}

    def advance(self) -> None:
        """Compare all frames that are known. Raises ``OSError`` and ``ValueError`` as reading
        does."""
        while nexts := [at for c in self.cameras.values() if (at := c.next()) is not None]:
            end_us = min(nexts) + WINDOW_US
            if not all(camera.reaches(end_us) for camera in self.cameras.values()):
                return
            self._compare_before(end_us)

    def _compare_before(self, end_us: float) -> None:
        before = self._before
        windows = {name: camera.take_before(end_us) for name, camera in self.cameras.items()}
        around = {
            name: [*before[name], *windows[name], *_as_list(camera.next())]
            for name, camera in self.cameras.items()
        }
        for (a, b), distance in self.found.items():
            if not distance.frames:
                distance.bin_us = self._bin_us()
            _look_up(windows[a], around[b], self.cameras[b].period_us, distance)
            _look_up(windows[b], around[a], self.cameras[a].period_us, distance)
        self._before = {name: windows[name][-1:] or before[name] for name in self.cameras}

    def _bin_us(self) -> float:
        """A microsecond, or what keeps the counts of slow cameras small."""
        periods = [c.period_us for c in self.cameras.values() if c.period_us is not None]
        return max(1.0, max(periods, default=0.0) / _BINS)


def compare(cameras: Mapping[str, TimedFrames]) -> Comparison:
    """Compare everything in one go. Raises ``OSError`` and ``ValueError`` as reading does."""
    comparison = Comparison(cameras)
    comparison.advance()
    return comparison


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
    apart, compared = [], []
    for at in frames:
        while high < at:
            index += 1
            if index == end:
                break
            low, high = high, others[index]
        if high < at:
            break
        if at >= low and (high - low <= bridged or at in (low, high)):
            apart.append(min(high - at, at - low))
            compared.append(at)
    found.take(apart, compared, max(round(SECOND_US / period_us), FEWEST_FRAMES))
