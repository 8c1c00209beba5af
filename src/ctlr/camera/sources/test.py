"""The built-in camera: a moving picture that tells when each frame was taken.

It behaves like a camera that runs on a fixed rate in step with ``start_at``: a frame is due
at each slot of the grid, and is stamped with the instant at which it was really drawn, a
fraction of a millisecond later. A machine that stalls misses slots; they are counted as
dropped, never made up for with frames at times that were not theirs.

Cheap on purpose, for several of these share a machine with everything else: the picture is a
window that pans over planes painted once, only the blocks of the stamp are new in a frame,
and the whole pan is one motion vector, so that most of the picture costs the encoder nothing.
"""

import time
from collections.abc import Callable, Iterator
from itertools import count

import av
import numpy as np

from ctlr.camera.sources import CaptureClock, Frame, PictureSettings, Seen, SourceError, Take
from ctlr.camera.sources.encoder import Encoder, check_encoder
from ctlr.camera.sources.grid import FrameGrid
from ctlr.camera.test_picture import Stamp, block_size, draw_stamp, fits, luma_of, pixels_of

WARM_UP_US = 1_000_000
PAN_PX = 2  # a frame; even, so that the chroma planes pan by whole pixels
PAN_RANGE_PX = 256
NEUTRAL_CHROMA = 128
LOOKS_EVERY_S = 0.1


def check(settings: PictureSettings) -> str:
    if not fits(settings.width, settings.height):
        raise SourceError(
            f"The test picture's time code needs at least 256x8 pixels, and camera.width and "
            f"camera.height are {settings.width}x{settings.height}."
        )
    check_encoder()
    return f"test picture {settings.width}x{settings.height} at {settings.fps:g} fps"


def open_source(settings: PictureSettings, take: Take, clock: CaptureClock) -> "TestSource":
    check(settings)
    return TestSource(settings, take, clock)


def open_view(settings: PictureSettings) -> Iterator[Seen]:
    check(settings)
    picture = MovingPicture(settings.width, settings.height)
    for number in count():
        drawn = picture.draw(number, Stamp(time.time_ns() // 1000, number))
        yield Seen(av.VideoFrame.from_ndarray(drawn.to_ndarray(), "yuv420p"))
        time.sleep(LOOKS_EVERY_S)


class TestSource:
    def __init__(self, settings: PictureSettings, take: Take, clock: CaptureClock) -> None:
        self._grid = FrameGrid(take.start_at_us, settings.fps)
        self._take = take
        self._clock = clock
        self._picture = MovingPicture(settings.width, settings.height)
        self._encoder = Encoder(settings)
        self.dropped = 0

    @property
    def template(self) -> av.VideoStream:
        return self._encoder.template

    def frames(self, wants_keyframe: Callable[[int], bool]) -> Iterator[Frame]:
        warm_from_us = self._take.keep_from_us - WARM_UP_US
        slot = self._grid.next_slot(max(self._clock.now_us(), warm_from_us))
        while self._clock.wait_until(self._grid.due_us(slot)):
            taken_us = self._clock.now_us()
            reached = self._grid.slot_at(taken_us)
            self._count_dropped(slot, reached)
            yield self._take_frame(reached, taken_us, keyframe=wants_keyframe(taken_us))
            slot = reached + 1

    def close(self) -> None:
        """Nothing to release: the template is in use until the last segment is closed."""

    def _count_dropped(self, due: int, reached: int) -> None:
        first = self._grid.next_slot(self._take.keep_from_us)
        self.dropped += max(0, reached - max(due, first))

    def _take_frame(self, slot: int, taken_us: int, *, keyframe: bool) -> Frame:
        picture = self._picture.draw(slot, Stamp(taken_us, slot))
        pts_us = taken_us - self._take.start_at_us
        packet = self._encoder.encode(picture, pts_us, keyframe=keyframe)
        return Frame(slot, taken_us, packet.is_keyframe, packet)


class MovingPicture:
    """Draws the test picture into one buffer, over and over."""

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._stamp_rows = 2 * block_size(width)
        self._frame = av.VideoFrame(width, height, "yuv420p")
        x = np.arange(width + PAN_RANGE_PX)
        y = np.arange(height)[:, None]
        # Both parts repeat after the pan's range, so the pan never jumps.
        wave = 60 * np.sin(2 * np.pi * (x / PAN_RANGE_PX + y / 180))
        bars = 30 * ((x // 32 + y // 48) % 2)
        self._luma = (110 + wave + bars - 15).astype(np.uint8)
        hue = np.arange((width + PAN_RANGE_PX) // 2) * 4 * np.pi / PAN_RANGE_PX
        self._chroma = [
            np.tile((128 + 40 * wave_of(hue)).astype(np.uint8), (height // 2, 1))
            for wave_of in (np.sin, np.cos)
        ]

    def draw(self, slot: int, stamp: Stamp) -> av.VideoFrame:
        """The picture of a slot. The frame is drawn over by the next call."""
        offset = slot * PAN_PX % PAN_RANGE_PX
        luma = luma_of(self._frame)
        luma[:] = self._luma[:, offset : offset + self._width]
        for plane, painted in zip(self._frame.planes[1:], self._chroma, strict=True):
            pixels = pixels_of(plane)
            half = offset // 2
            pixels[:] = painted[:, half : half + plane.width]
            pixels[: self._stamp_rows // 2] = NEUTRAL_CHROMA
        draw_stamp(luma, stamp)
        return self._frame
