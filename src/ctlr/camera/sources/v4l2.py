"""A USB camera, or any other that Linux shows as ``/dev/video*``, through libav's ``v4l2``.

H.264 from the camera is recorded as it is. MJPEG or raw pictures are encoded here. The kernel
stamps each picture on the monotonic clock when it begins to arrive; a driver that stamps
otherwise (they exist) is not believed, and the time of reading counts.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from functools import partial

import av
from av.container import InputContainer

from ctlr.camera.sources import CaptureClock, PictureSettings, Seen, Source, SourceError, Take
from ctlr.camera.sources.encoder import check_encoder
from ctlr.camera.sources.opened import OpenedCamera, view_of

DEFAULT_DEVICE = "/dev/video0"
OLDEST_US = 2_000_000
"""A picture cannot have waited longer than this to be read."""

_FORMATS = ("h264", "mjpeg", None)  # in this order of preference; None: whatever it has

# linux/videodev2.h and linux/v4l2-controls.h
_VIDIOC_S_CTRL = 0xC008561C
_CONTROL = struct.Struct("=Ii")
_EXPOSURE_AUTO, _EXPOSURE_MANUAL = 0x009A0901, 1
_EXPOSURE_ABSOLUTE = 0x009A0902  # in units of 100 microseconds
_AUTOGAIN, _GAIN = 0x00980912, 0x00980913  # while the first is on, the second is ignored


def check(settings: PictureSettings) -> str:
    """Opens the camera for a moment, and says what it gives."""
    check_encoder()
    container = _open(settings)
    try:
        stream = container.streams.video[0]
        return (
            f"{_device(settings)} gives {stream.codec_context.name} "
            f"{stream.width}x{stream.height} at {settings.fps:g} fps"
        )
    finally:
        container.close()


def open_source(settings: PictureSettings, take: Take, clock: CaptureClock) -> Source:
    container = _open(settings)
    try:
        _set_exposure(settings)
    except SourceError:
        container.close()
        raise
    return read_camera(container, settings, take, clock)


def open_view(settings: PictureSettings) -> Iterator[Seen]:
    container = _open(settings)
    _set_exposure(settings)
    return view_of(container, f"The camera {_device(settings)}")


def read_camera(
    container: InputContainer, settings: PictureSettings, take: Take, clock: CaptureClock
) -> Source:
    """The source over a camera that is open already."""
    copied = container.streams.video[0].codec_context.name == "h264"
    name = f"The camera {_device(settings)}"
    capture_time = partial(captured_at_us, clock)
    return OpenedCamera(name, container, settings, take, clock, capture_time, copied=copied)


def captured_at_us(clock: CaptureClock, kernel_us: int) -> int:
    """Unix time of a picture that the kernel stamped on its monotonic clock."""
    at_us = clock.at_monotonic_us(kernel_us)
    now_us = clock.now_us()
    return at_us if now_us - OLDEST_US < at_us <= now_us else now_us


def _device(settings: PictureSettings) -> str:
    return settings.device or DEFAULT_DEVICE


def _open(settings: PictureSettings) -> InputContainer:
    device = _device(settings)
    if not os.path.exists(device):
        raise SourceError(f"There is no camera at {device}; is it plugged in? See camera.device.")
    reasons = []
    for input_format in _FORMATS:
        options = {
            "video_size": f"{settings.width}x{settings.height}",
            "framerate": f"{settings.fps:g}",
        }
        if input_format:
            options["input_format"] = input_format
        try:
            return av.open(device, format="v4l2", options=options)
        except (av.FFmpegError, OSError) as error:
            reasons.append(f"{input_format or 'raw'}: {error}")
    raise SourceError(
        f"{device} gives no pictures of {settings.width}x{settings.height} at "
        f"{settings.fps:g} fps ({'; '.join(reasons)})"
    )


def _set_exposure(settings: PictureSettings) -> None:
    wanted: list[tuple[int, int]] = []
    if settings.exposure_us:
        steps = max(1, round(settings.exposure_us / 100))
        wanted += [(_EXPOSURE_AUTO, _EXPOSURE_MANUAL), (_EXPOSURE_ABSOLUTE, steps)]
    if settings.gain:
        wanted += [(_AUTOGAIN, 0), (_GAIN, round(settings.gain))]
    if not wanted:
        return
    device = os.open(_device(settings), os.O_RDWR)
    try:
        for control, value in wanted:
            with suppress(OSError) if control == _AUTOGAIN else nullcontext():  # few have it
                fcntl.ioctl(device, _VIDIOC_S_CTRL, _CONTROL.pack(control, value))
    except OSError as error:
        raise SourceError(
            f"{_device(settings)} refuses camera.exposure_us or camera.gain: {error}"
        ) from error
    finally:
        os.close(device)
