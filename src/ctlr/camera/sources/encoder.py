"""H.264 from pictures, and streams that segments are made from.

The encoder (libx264, ultrafast, zerolatency, one thread) answers each picture with its packet,
so cuts need no flush. A *template* is a stream with the parameters that a segment's stream
gets; it belongs to a container that writes nothing, so that it outlives the camera.
"""

from fractions import Fraction

import av
from av.stream import Stream
from av.video.frame import PictureType

from ctlr.camera.sources import PictureSettings, SourceError

TIME_BASE = Fraction(1, 1_000_000)


def check_encoder() -> None:
    """Raises ``SourceError`` when there is no encoder in this build of PyAV."""
    if "libx264" not in av.codec.codecs_available:
        raise SourceError("This build of PyAV has no libx264; install the one from PyPI.")


class Encoder:
    """Raises ``SourceError`` for settings that the encoder refuses."""

    def __init__(self, settings: PictureSettings) -> None:
        self._container = av.open("/dev/null", "w", format="mp4")
        self.template = self._add_stream(settings)
        try:
            self._container.start_encoding()
        except av.FFmpegError as error:
            raise SourceError(f"The encoder refuses these camera settings: {error}.") from error

    def encode(self, picture: av.VideoFrame, pts_us: int, *, keyframe: bool) -> "av.Packet[Stream]":
        """The packet of a yuv420p picture. Raises ``SourceError`` if there is not just one."""
        picture.pts = pts_us
        picture.time_base = TIME_BASE
        picture.pict_type = PictureType.I if keyframe else PictureType.NONE
        packets = self.template.encode(picture)
        if len(packets) != 1:
            raise SourceError(f"The encoder answered a picture with {len(packets)} packets.")
        return packets[0]

    def _add_stream(self, settings: PictureSettings) -> av.VideoStream:
        rate = Fraction(settings.fps).limit_denominator(1001)
        options = {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"}
        stream = self._container.add_stream("libx264", rate=rate, options=options)
        stream.width = settings.width
        stream.height = settings.height
        stream.pix_fmt = "yuv420p"
        stream.time_base = TIME_BASE
        context = stream.codec_context
        context.time_base = TIME_BASE
        context.bit_rate = settings.bitrate_kbps * 1000
        context.gop_size = max(1, round(settings.fps))
        context.thread_count = 1
        return stream


class CopiedStream:
    """The parameters of a camera's stream whose packets are recorded as they are."""

    def __init__(self, stream: av.VideoStream) -> None:
        self._container = av.open("/dev/null", "w", format="mp4")
        try:
            self.template = self._container.add_stream_from_template(stream, opaque=True)
        except (av.FFmpegError, ValueError) as error:
            raise SourceError(
                f"The camera's {stream.name} pictures do not fit into an MP4 file: {error}."
            ) from error
