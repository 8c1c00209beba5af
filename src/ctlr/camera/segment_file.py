"""One segment while it is written: a fragmented MP4 and its frame times.

A fragment is written about every half second, so a file that ends anywhere plays up to its
last whole fragment. Timestamps count microseconds from the session's ``start_at`` and run on
from segment to segment: a segment can be placed on the timeline by itself, and a frame that
was dropped stays a hole of the right length.

Once a second both files are flushed to the card, so that a power cut costs seconds, not the
half minute that the kernel keeps dirty pages for. Sidecar first: it must never lack a row
for a frame that the video has.
"""

import errno
import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av

from ctlr.camera.fragments import is_closed
from ctlr.camera.segments import unfinished_frames_name, unfinished_name
from ctlr.camera.sources import Frame
from ctlr.layout.frame_times import FRAMES_HEADER, FrameRow, format_row

FRAGMENT_US = 500_000
FLUSH_EVERY_US = 1_000_000
TIME_BASE = Fraction(1, 1_000_000)

_MP4_OPTIONS = {
    # frag_discont keeps the first fragment's timestamp instead of moving it to zero.
    "movflags": "frag_keyframe+empty_moov+default_base_moof+frag_discont",
    "frag_duration": str(FRAGMENT_US),
    "use_editlist": "0",
    "avoid_negative_ts": "disabled",
    "flush_packets": "1",
    "video_track_timescale": str(TIME_BASE.denominator),
}


class SegmentFile:
    """Writes the segment ``number`` under its hidden names in ``folder``. ``rotation`` is by how
    much a player turns the picture, in degrees clockwise; ``frame_us`` the usual duration.

    Every method raises ``OSError`` or ``av.FFmpegError`` when the card is full or broken.
    """

    def __init__(
        self,
        folder: Path,
        number: int,
        template: av.VideoStream,
        frame_us: int,
        rotation: int = 0,
    ) -> None:
        self.number = number
        self.frames = 0
        self._frame_us = frame_us
        self._flush_due_us: int | None = None
        self._video = folder / unfinished_name(number)
        self._container = av.open(str(self._video), "w", format="mp4", options=_MP4_OPTIONS)
        self._stream = self._container.add_stream_from_template(template, opaque=True)
        self._stream.time_base = TIME_BASE
        if rotation:
            self._stream.set_display_rotation(-rotation)  # libav turns the other way
        self._container.start_encoding()
        rows = folder / unfinished_frames_name(number)
        # Line by line, so that a node that is killed has written a row for every frame.
        self._rows = rows.open("w", buffering=1, encoding="ascii")
        self._rows.write(FRAMES_HEADER)
        self._video_fd = os.open(self._video, os.O_RDONLY)

    def add(self, frame: Frame, pts_us: int) -> None:
        """Append one frame."""
        self._rows.write(format_row(FrameRow(frame.number, pts_us, frame.captured_at_us)))
        packet = frame.packet
        packet.stream = self._stream
        packet.time_base = TIME_BASE
        packet.pts = packet.dts = pts_us
        packet.duration = self._frame_us
        self._container.mux_one(packet)
        self.frames += 1
        self._flush_if_due(pts_us)

    def close(self) -> None:
        """Write what is left. The files keep their hidden names and are not flushed yet."""
        try:
            self._container.close()
        finally:
            os.close(self._video_fd)
            self._rows.close()
        if not is_closed(self._video):
            raise OSError(errno.ENOSPC, "The end of the segment did not reach the card")

    def abandon(self) -> None:
        """Let go of the files after an error; what reached the card can be recovered."""
        with suppress(OSError, av.FFmpegError):  # the first error is already on its way
            self.close()

    def _flush_if_due(self, pts_us: int) -> None:
        if self._flush_due_us is None:
            self._flush_due_us = pts_us + FLUSH_EVERY_US
        if pts_us >= self._flush_due_us:
            os.fdatasync(self._rows.fileno())
            os.fdatasync(self._video_fd)
            self._flush_due_us = pts_us + FLUSH_EVERY_US
