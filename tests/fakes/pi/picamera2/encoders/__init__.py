"""The H.264 encoder; ``firsttimestamp`` is the sensor time of its first picture."""

from fractions import Fraction
from typing import Any

import av
from av.video.frame import PictureType


class H264Encoder:
    def __init__(self, bitrate: int, repeat: bool, iperiod: int) -> None:
        assert repeat  # each keyframe carries the parameters
        self._iperiod = iperiod
        self._bitrate = bitrate
        self._wants_key_frame = False
        self.firsttimestamp: int | None = None
        self.output: Any = None

    def open(self, width: int, height: int, fps: float) -> None:
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base = Fraction(1, 1_000_000)
        context.framerate = Fraction(fps).limit_denominator(1001)
        context.bit_rate, context.gop_size = self._bitrate, self._iperiod
        context.options = {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"}
        self._context = context

    def force_key_frame(self) -> None:
        self._wants_key_frame = True

    def encode(self, picture: av.VideoFrame, sensor_us: int) -> None:
        if self.firsttimestamp is None:
            self.firsttimestamp = sensor_us
        timestamp = sensor_us - self.firsttimestamp
        picture.pts = timestamp
        picture.pict_type = PictureType.I if self._wants_key_frame else PictureType.NONE
        self._wants_key_frame = False
        (packet,) = self._context.encode(picture)
        self.output.outputframe(bytes(packet), packet.is_keyframe, timestamp)
