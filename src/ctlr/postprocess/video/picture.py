"""One picture of a video, for a program that looks at it."""

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

WIDTH = 640


def read_luma(path: Path, at_s: float) -> npt.NDArray[np.uint8]:
    """The luma, 640 pixels wide, of the last picture taken at ``at_s`` or before; the first of all
    where the video begins later. Raises ``av.FFmpegError``, ``ValueError``."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        container.seek(round(at_s * av.time_base))
        shown = None
        for frame in container.decode(stream):
            if shown is not None and frame.time is not None and frame.time > at_s:
                break
            shown = frame
    if shown is None:
        raise ValueError(f"{path.name} has no picture")
    height = max(2, round(shown.height * WIDTH / shown.width) // 2 * 2)
    plane = shown.reformat(WIDTH, height, "yuv420p").planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width].copy()
