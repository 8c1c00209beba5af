"""A camera's frames: when each was taken, on the session's clock, and its picture."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from ctlr.postprocess.manifest.shapes import GapEntry, VideoFile, VideoPart, VideoSource
from ctlr.reader.clocks import Floats, Numbers, SourceClock
from ctlr.reader.pictures import decode_picture

if TYPE_CHECKING:
    from av import VideoFrame


@dataclass(frozen=True, slots=True)
class Frame:
    """``number`` counts the camera's frames over all of its files, ``index`` those of this ``file``.
    ``pts_s`` is when the file shows it; ``slot`` is the camera's own number, with its holes;
    ``captured_at_us`` is when it was taken by the camera's clock, ``t_s`` by the controller's, the
    truth within ``uncertainty_s`` of it."""

    camera: str
    number: int
    file: Path
    index: int
    pts_s: float
    captured_at_us: int | None
    slot: int | None
    t_s: float | None
    uncertainty_s: float

    def picture(self) -> "VideoFrame":
        """The decoded picture; ``.to_image()`` and ``.to_ndarray(format="rgb24")`` are PyAV's.
        Raises ``NoPictureError``."""
        return decode_picture(self.file, self.pts_s)


class Frames(Sequence[Frame]):
    """All frames of a camera, in the order shown. The arrays have an element for each; NaN where
    nothing is known."""

    def __init__(self, camera: str, folder: Path, source: VideoSource, clock: SourceClock) -> None:
        self._camera = camera
        self._folder = folder
        self._videos = source.videos
        self._clock = clock

    @cached_property
    def _columns(self) -> dict[str, Floats]:
        read = [_read_rows(self._folder, v, part) for part, v in enumerate(self._videos, 1)]
        return {name: np.concatenate([rows[name] for rows in read]) for name in _COLUMNS}

    @cached_property
    def _ends(self) -> list[int]:
        """Behind the last frame of each file."""
        files = self._columns["part"]
        return [int(np.searchsorted(files, n, "right")) for n in range(1, len(self._videos) + 1)]

    @property
    def pts_s(self) -> Floats:
        return self._columns["pts_us"] / 1e6

    @property
    def slot(self) -> Floats:
        return self._columns["slot"]

    @property
    def captured_at_us(self) -> Floats:
        return self._columns["captured_at_us"]

    @cached_property
    def t_s(self) -> Floats:
        """As the file says; of one without such a column as the camera's clock does."""
        told = self._columns["t_s"]
        return np.where(np.isnan(told), self._clock.to_session(self.captured_at_us), told)

    @cached_property
    def uncertainty_s(self) -> Floats:
        found = self._clock.uncertainty_s(self.captured_at_us)
        return np.where(np.isnan(found), np.inf, found)

    def __len__(self) -> int:
        return len(self._columns["part"])

    @overload
    def __getitem__(self, number: int) -> Frame: ...
    @overload
    def __getitem__(self, number: slice) -> "Sequence[Frame]": ...
    def __getitem__(self, number: int | slice) -> "Frame | Sequence[Frame]":
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        count = len(self)
        if not -count <= number < count:
            raise IndexError(f"{self._camera} has {count} frames, and none is number {number}")
        return self._frame(number % count)

    def __iter__(self) -> Iterator[Frame]:
        return map(self._frame, range(len(self)))

    def nearest(self, t_s: float | None) -> Frame:
        """The frame that was taken nearest to an instant. Raises ``LookupError`` where no frame has
        a time."""
        return self[nearest(self.t_s, t_s, f"no frame of {self._camera}")]

    def between(self, first_s: float, last_s: float) -> Sequence[Frame]:
        """The frames that were taken from one instant to another, both included."""
        chosen = np.flatnonzero((self.t_s >= first_s) & (self.t_s <= last_s))
        return [self._frame(int(number)) for number in chosen]

    def of_file(self, number: int) -> Numbers:
        """The numbers of the frames that one of the camera's files holds; files from 0."""
        return np.flatnonzero(self._columns["part"] == number + 1)

    def last_before(self, part: int, pts_s: float) -> Frame | None:
        """The last frame that a file, counted from 1, shows before a time of its own."""
        chosen = np.flatnonzero((self._columns["part"] == part) & (self.pts_s < pts_s))
        return self._frame(int(chosen[-1])) if len(chosen) else None

    def _frame(self, number: int) -> Frame:
        columns = self._columns
        part = int(columns["part"][number])
        before = self._ends[part - 2] if part > 1 else 0
        return Frame(
            camera=self._camera,
            number=number,
            file=self._folder / self._videos[part - 1].file,
            index=number - before,
            pts_s=float(columns["pts_us"][number]) / 1e6,
            captured_at_us=_whole(columns["captured_at_us"][number]),
            slot=_whole(columns["slot"][number]),
            t_s=_known(self.t_s[number]),
            uncertainty_s=_uncertainty(self._clock, columns["captured_at_us"][number]),
        )


@dataclass(frozen=True)
class Camera:
    """``told`` is what the manifest says of it."""

    name: str
    folder: Path
    told: VideoSource
    clock: SourceClock

    @property
    def files(self) -> tuple[Path, ...]:
        """Its videos; more than one where its parameters changed."""
        return tuple(self.folder / video.file for video in self.told.videos)

    @cached_property
    def frames(self) -> Frames:
        return Frames(self.name, self.folder, self.told, self.clock)

    def gap_begins_s(self, gap: GapEntry) -> float | None:
        """When a gap begins: where the frame before it ends. None where nothing tells."""
        if gap.offset_s is None or gap.part is None:
            return None
        if gap.after_segment is None:
            return 0.0
        before = self.frames.last_before(gap.part, gap.offset_s)
        if before is None or before.t_s is None:
            return None
        return before.t_s + gap.offset_s - before.pts_s


_COLUMNS = ("part", "pts_us", "captured_at_us", "slot", "t_s")


def _read_rows(folder: Path, video: VideoFile, part: int) -> dict[str, Floats]:
    if video.frames_file is None:
        return _evenly_spaced(video, part)
    text = (folder / video.frames_file).read_text("utf-8")
    header, _, body = text.partition("\n")
    names = header.strip().split(",")
    fields = body.rstrip("\n").replace("\n", ",").split(",") if body else []
    count = len(fields) // len(names)
    found = {
        name: np.array([float(field or "nan") for field in fields[at :: len(names)]])
        for at, name in enumerate(names)
        if name in _COLUMNS
    }
    empty = np.full(count, np.nan)
    return {name: found.get(name, empty) for name in _COLUMNS} | {"part": np.full(count, part)}


def _evenly_spaced(video: VideoFile, part: int) -> dict[str, Floats]:
    """Of a camera that left no frame times: by the rate of its video, whose time 0 is the session's
    start as near as anybody knows."""
    pts_us = np.arange(video.frames) * (1e6 / video.fps if video.fps else math.nan)
    begins_s = video.starts_at_s if isinstance(video, VideoPart) else 0.0
    empty = np.full(video.frames, np.nan)
    return {
        "part": np.full(video.frames, part),
        "pts_us": pts_us,
        "captured_at_us": empty,
        "slot": empty,
        "t_s": pts_us / 1e6 + begins_s,
    }


def nearest(times_s: Floats, t_s: float | None, what: str) -> int:
    """The place of the time that is nearest to an instant. Raises ``LookupError``."""
    if t_s is None or math.isnan(t_s):
        raise LookupError("the instant that is asked for is not known")
    if not np.isfinite(times_s).any():
        raise LookupError(f"{what} has a time")
    return int(np.nanargmin(np.abs(times_s - t_s)))


def _whole(value: float) -> int | None:
    return None if math.isnan(value) else int(value)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _uncertainty(clock: SourceClock, captured_us: float) -> float:
    found = float(clock.uncertainty_s(np.array([captured_us]))[0])
    return math.inf if math.isnan(found) else found
