"""One picture of a video, for a program that looks at it."""

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

WIDTH = 640


def read_luma(path: Path, at_s: float) -> npt.NDArray[np.uint8]:
    """The luma, 640 pixels wide, of the last picture taken at ``at_s`` or before; the first of all
    where the video begins later. Raises ``ValueError`` for what cannot be decoded."""
    try:
        return _read(path, at_s)
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(f"{path.name} cannot be decoded: {error}") from error


def _read(path: Path, at_s: float) -> npt.NDArray[np.uint8]:
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
    pixels = shown.reformat(WIDTH, height, "yuv420p").to_ndarray()  # luma first, then the rest
    return pixels[:height].astype(np.uint8)
