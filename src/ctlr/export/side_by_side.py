"""All cameras in one video, side by side, each showing the frame that it took nearest to that instant.

The instants are a grid of the fastest camera's rate, from the session's first frame to its last,
on the session's clock. Where a camera took no frame within one and a half of its usual periods it
is black: nothing is shown that was not recorded. The pictures are encoded again (H.264), which no
other export does: two videos cannot stand in one otherwise.
"""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ctlr.export.jobs import ExportError, Notes
from ctlr.export.streams import Counter
from ctlr.postprocess.manifest.progress import Report
from ctlr.reader import Camera, Session

if TYPE_CHECKING:
    from av import VideoFrame

MOST_LINES = 360
BRIDGED = 1.5
"""So many usual periods a frame may be away from the instant that it is shown at."""
_BLACK, _GREY = 16, 128
Luma = Any
"""The planes of a picture in YUV 4:2:0, one below the other, as PyAV has them."""


def write_side_by_side(session: Session, target: Path, report: Report) -> Notes:
    """Write the video. Raises ``ExportError`` where PyAV is not installed, or nothing can be
    shown."""
    try:
        import av
    except ImportError as error:
        raise ExportError("pictures need PyAV: pip install ctlr[pictures]") from error
    cameras, count = list(session.cameras.values()), Counter(session, report)
    known = [camera for camera in cameras if np.isfinite(camera.frames.t_s).any()]
    if not known:
        raise ExportError("no camera's frames have times that are known")
    height = min(MOST_LINES, max(camera.told.height for camera in known)) // 4 * 4
    lanes = [_Lane(camera, height, count) for camera in known]
    rate = max(lane.rate for lane in lanes)
    first_s = min(float(np.nanmin(camera.frames.t_s)) for camera in known)
    last_s = max(float(np.nanmax(camera.frames.t_s)) for camera in known)
    with av.open(str(target), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "veryfast"})
        stream.width, stream.height = sum(lane.width for lane in lanes), height
        stream.pix_fmt = "yuv420p"
        container.metadata["title"] = session.manifest.label or session.manifest.uuid
        for number in range(int((last_s - first_s) * float(rate) + 0.5) + 1):
            at_s = first_s + number / float(rate)
            planes = [lane.at(at_s) for lane in lanes]
            frame = av.VideoFrame.from_ndarray(_beside(planes, height), format="yuv420p")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return _notes(session, known)


def _notes(session: Session, known: list[Camera]) -> Notes:
    notes = Notes()
    for name, camera in session.cameras.items():
        if camera not in known:
            notes.append(f"{name} was left out: when its frames were taken is not known.")
        elif not math.isfinite(float(np.min(camera.frames.uncertainty_s))):
            notes.append(f"{name}: its clock was never measured; it may be out of step.")
    return notes


class _Lane:
    """One camera's pictures, in the order in which they were taken."""

    def __init__(self, camera: Camera, height: int, count: Counter) -> None:
        self._height = height
        self._times_s = camera.frames.t_s
        steps = np.diff(self._times_s[np.isfinite(self._times_s)])
        self._period_s = float(np.median(steps)) if len(steps) else 1.0
        self.rate = Fraction(max(1, round(1 / self._period_s)))
        told = camera.told
        self.width = max(2, round(told.width * height / told.height / 2) * 2)
        self._black = _solid(self.width, height)
        self._pictures = self._decode(camera, count)
        self._shown: tuple[float, Luma] | None = next(self._pictures, None)
        self._next = next(self._pictures, None)

    def at(self, at_s: float) -> Luma:
        """The picture that was taken nearest to an instant; instants only grow."""
        while self._next and self._shown and _is_nearer(self._next[0], self._shown[0], at_s):
            self._shown, self._next = self._next, next(self._pictures, None)
        if self._shown is None or abs(self._shown[0] - at_s) > BRIDGED * self._period_s:
            return self._black
        return self._shown[1]

    def _decode(self, camera: Camera, count: Counter) -> Iterator[tuple[float, Luma]]:
        import av

        latest_s = -math.inf
        for part, file in enumerate(camera.files):
            numbers = camera.frames.of_file(part)
            with av.open(str(file)) as container:
                container.streams.video[0].thread_type = "AUTO"
                for number, frame in zip(numbers, container.decode(video=0), strict=False):
                    t_s = float(self._times_s[number])
                    if t_s > latest_s:
                        latest_s = t_s
                        yield t_s, self._scaled(frame)
            count.add_file(file.name)

    def _scaled(self, frame: "VideoFrame") -> Luma:
        return frame.reformat(self.width, self._height, "yuv420p").to_ndarray()


def _is_nearer(one_s: float, other_s: float, at_s: float) -> bool:
    return abs(one_s - at_s) <= abs(other_s - at_s)


def _solid(width: int, height: int) -> Luma:
    return np.concatenate(
        [
            np.full((height, width), _BLACK, np.uint8),
            np.full((height // 2, width), _GREY, np.uint8),
        ]
    )


def _beside(pictures: list[Luma], height: int) -> Luma:
    """Pictures side by side: each plane of its own."""
    quarter = height // 4
    luma = np.hstack([picture[:height] for picture in pictures])
    planes = [luma]
    for begin in (height, height + quarter):
        chroma = [p[begin : begin + quarter].reshape(height // 2, -1) for p in pictures]
        planes.append(np.hstack(chroma).reshape(quarter, -1))
    return np.ascontiguousarray(np.vstack(planes))
