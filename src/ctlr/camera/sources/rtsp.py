"""A network camera over RTSP: recorded as it comes, never encoded again.

Its own timestamps are kept (see ``sender_clock``), its size, rate and bitrate are set in the
camera and not here. Over TCP, where nothing is lost but time. A camera that goes away ends the
recording with an error; the node then takes the session up again as soon as the camera is
back, in a new segment, which may then have other parameters, and counts the gap.
"""

from collections.abc import Iterator
from functools import partial

import av
from av.container import InputContainer

from ctlr.camera.sources import CaptureClock, PictureSettings, Seen, Source, SourceError, Take
from ctlr.camera.sources.opened import OpenedCamera, view_of
from ctlr.camera.sources.sender_clock import SenderClock

OPEN_S = 5.0
SILENCE_S = 3.0
"""Less than the time that a recording has to end when the service stops."""

_OPTIONS = {"rtsp_transport": "tcp", "analyzeduration": "1000000", "fflags": "nobuffer"}


def check(settings: PictureSettings) -> str:
    """Connects, and says what the camera sends."""
    container = _open(settings.device)
    try:
        stream = container.streams.video[0]
        return f"{settings.device} sends {stream.name} {stream.width}x{stream.height}"
    finally:
        container.close()


def open_source(settings: PictureSettings, take: Take, clock: CaptureClock) -> Source:
    container = _open(settings.device)
    times = SenderClock(take.keep_from_us)
    name = f"The camera at {settings.device}"
    capture_time = partial(_captured_at_us, times, clock)
    return OpenedCamera(name, container, settings, take, clock, capture_time, copied=True)


def open_view(settings: PictureSettings) -> Iterator[Seen]:
    return view_of(_open(settings.device), f"The camera at {settings.device}")


def _captured_at_us(times: SenderClock, clock: CaptureClock, sent_us: int) -> int:
    return times.captured_at_us(sent_us, clock.now_us())


def _open(address: str) -> InputContainer:
    if not address.startswith(("rtsp://", "rtsps://")):
        raise SourceError(
            f'camera.device is {address!r}; set it to the camera\'s address, "rtsp://host/path".'
        )
    try:
        container = av.open(address, format="rtsp", options=_OPTIONS, timeout=(OPEN_S, SILENCE_S))
    except av.FFmpegError as error:
        raise SourceError(f"The camera at {address} cannot be opened: {error}") from error
    if not container.streams.video:
        container.close()
        raise SourceError(f"The camera at {address} sends no video")
    return container
