"""A camera's pictures as they were encoded: one packet a frame, with the frame's row.

Packets come in the order in which a decoder wants them. H.264 and H.265 have the form of Annex B
(a start code before each unit), with the parameter sets before every keyframe, so that a reader
may begin at any of them; nothing is encoded again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ctlr.export.jobs import ExportError
from ctlr.reader import Camera
from ctlr.reader.clocks import Floats

if TYPE_CHECKING:
    from av import VideoStream
    from av.container import InputContainer
    from av.packet import Packet

FORMATS = {"h264": "h264", "hevc": "h265", "mjpeg": "jpeg", "vp9": "vp9", "av1": "av1"}


@dataclass(frozen=True, slots=True)
class Picture:
    """``number`` is the frame's in the camera's ``frames``; ``form`` one of the values of ``FORMATS``."""

    number: int
    data: bytes
    keyframe: bool
    form: str


def pictures_of(camera: Camera) -> Iterator[Picture]:
    """All pictures of a camera. Raises ``ExportError`` where its codec is none of ``FORMATS``."""
    try:
        import av
    except ImportError as error:
        raise ExportError("pictures need PyAV: pip install ctlr[pictures]") from error
    for part, file in enumerate(camera.files):
        chosen = camera.frames.of_file(part)
        shown_s = camera.frames.pts_s[chosen]
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            for packet, data in _packets(container, stream, file):
                assert packet.pts is not None
                assert stream.time_base is not None
                at = _nearest(shown_s, float(packet.pts * stream.time_base))
                form = FORMATS[stream.codec_context.name]
                yield Picture(int(chosen[at]), data, packet.is_keyframe, form)


def _nearest(rising: Floats, wanted: float) -> int:
    at = int(np.searchsorted(rising, wanted))
    near = [one for one in (at - 1, at) if 0 <= one < len(rising)]
    return min(near, key=lambda one: abs(float(rising[one]) - wanted))


def is_reordered(camera: Camera) -> bool:
    """Whether frames are stored in another order than they are shown (B-frames)."""
    numbers = (picture.number for picture, _ in zip(pictures_of(camera), range(300), strict=False))
    before = -1
    for number in numbers:
        if number < before:
            return True
        before = number
    return False


def _packets(
    container: "InputContainer", stream: "VideoStream", file: Path
) -> Iterator[tuple["Packet[VideoStream]", bytes]]:
    from av.bitstream import BitStreamFilterContext

    codec = stream.codec_context.name
    if codec not in FORMATS:
        raise ExportError(f"{file.name} is encoded as {codec}, which has no such form")
    filters = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
    form = BitStreamFilterContext(filters[codec], stream) if codec in filters else None
    for packet in container.demux(stream):
        if packet.pts is None:
            continue
        for one in form.filter(packet) if form else (packet,):
            yield one, bytes(one)
