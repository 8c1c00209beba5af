"""The picture of one frame, by PyAV where that is installed (``pip install ctlr[pictures]``)."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av import VideoFrame

NEAR_S = 0.001
"""Times of frames are microseconds, cut off; a video's are multiples of its own unit."""


class NoPictureError(RuntimeError):
    """A picture cannot be had; the text says why."""


def decode_picture(video: Path, pts_s: float) -> "VideoFrame":
    """The frame that a video shows from ``pts_s`` on.

    Raises ``NoPictureError``, and what PyAV raises where the file cannot be read.
    """
    try:
        import av
    except ImportError as error:
        raise NoPictureError("pictures need PyAV: pip install ctlr[pictures]") from error
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        container.seek(int(pts_s / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            if frame.time is not None and frame.time > pts_s - NEAR_S:
                return frame
    raise NoPictureError(f"{video.name} ends before {pts_s:.3f} s")
