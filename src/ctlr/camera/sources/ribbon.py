"""A camera on a Raspberry Pi's ribbon cable, through picamera2.

picamera2 comes with the system (``apt install python3-picamera2``) and is imported only when
this source is chosen. Its H.264 encoder is the hardware's where the Pi has one, else libav's
(Pi 5). The sensor's clock stamps each picture: ``SensorTimestamp`` counts nanoseconds since
boot; ``FrameWallClock``, where the version has it, is libcamera's own, smoothed idea of the
wall time of the same instant, whose distance is taken once, at the first picture.

``frame_lock`` sets ``SyncMode``: clients follow the server's frames to some tens of
microseconds. The sensor keeps running free until the server is heard, and a recording does
not wait for that.

Pictures are encoded and handed over on picamera2's own threads; the queue between holds as
many as the card may hold up, and one that does not fit counts as dropped.
"""

import io
import queue
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any, NamedTuple

import av

from ctlr.camera.sources import CaptureClock, Frame, PictureSettings, Seen, SourceError, Take
from ctlr.camera.sources.encoder import CopiedStream
from ctlr.camera.sources.numbering import FrameNumbers

FIRST_PICTURE_S = 5.0
SILENCE_S = 2.0
QUEUED = 120
LOOKS_EVERY_S = 0.1
WIDEST_SMALL, ROW_BLOCK = 640, 64
BELIEVED_US = 50_000
"""A frame's wall clock that is further from ours belongs to another time."""


class Picture(NamedTuple):
    """One encoded picture; ``sensor_us`` counts from boot."""

    data: bytes
    keyframe: bool
    sensor_us: int


def check(settings: PictureSettings) -> str:
    picamera2 = _import("picamera2")
    cameras = picamera2.Picamera2.global_camera_info()
    number = _number(settings)
    if number >= len(cameras):
        raise SourceError(
            f"There is no camera {number} on this Pi ({len(cameras)} found); look at the ribbon "
            "cable, and at camera.device."
        )
    model = cameras[number].get("Model", "camera")
    return f"{model} {settings.width}x{settings.height} at {settings.fps:g} fps"


def open_source(settings: PictureSettings, take: Take, clock: CaptureClock) -> "RibbonSource":
    check(settings)
    return RibbonSource(settings, take, clock)


def open_view(settings: PictureSettings) -> Generator[Seen, None, None]:
    """The camera's second, small stream, which its image processor scales for nothing."""
    check(settings)
    try:
        camera = _import("picamera2").Picamera2(_number(settings))
    except (RuntimeError, OSError, IndexError) as error:
        raise SourceError(f"The Pi's camera cannot be opened: {error}") from error
    try:
        main = {"size": (settings.width, settings.height), "format": "YUV420"}
        small = {"size": _small_size(settings), "format": "YUV420"}
        controls = _controls(replace(settings, frame_lock="off"), camera)
        camera.configure(
            camera.create_video_configuration(main=main, lores=small, controls=controls)
        )
        camera.start()
        while True:
            pixels = camera.capture_array("lores")
            yield Seen(av.VideoFrame.from_ndarray(pixels, "yuv420p"))
            time.sleep(LOOKS_EVERY_S)
    except (RuntimeError, OSError) as error:
        raise SourceError(f"The Pi's camera does not go on: {error}") from error
    finally:
        camera.close()


def _small_size(settings: PictureSettings) -> tuple[int, int]:
    """Rows of whole blocks of 64 pixels have nothing between them."""
    width = min(WIDEST_SMALL, settings.width // ROW_BLOCK * ROW_BLOCK)
    return width, max(2, round(settings.height * width / settings.width) // 2 * 2)


class RibbonSource:
    """Opened and streaming once it is made. Raises ``SourceError``."""

    def __init__(self, settings: PictureSettings, take: Take, clock: CaptureClock) -> None:
        self._clock = clock
        self._period_us = round(1_000_000 / settings.fps)
        self._numbers = FrameNumbers(take, settings.fps)
        self._pictures: queue.Queue[Picture] = queue.Queue(QUEUED)
        self._ahead_us: int | None = None  # of our clock, as FrameWallClock has it
        self._first: Picture | None = None
        self._camera, self._encoder = self._start(settings)
        try:
            self._first = self._take_first()
            self._copied = CopiedStream(_stream_of(self._first.data))
        except BaseException:
            self.close()
            raise

    @property
    def template(self) -> av.VideoStream:
        return self._copied.template

    @property
    def dropped(self) -> int:
        return self._numbers.dropped

    def frames(self, wants_keyframe: Callable[[int], bool]) -> Iterator[Frame]:
        picture = self._first
        while self._clock.wait_until(0):  # until told to end
            picture = picture or self._next(SILENCE_S)
            at_us = self._captured_at_us(picture.sensor_us)
            if wants_keyframe(at_us + self._period_us):
                self._encoder.force_key_frame()
            packet = av.Packet(picture.data)
            packet.is_keyframe = picture.keyframe
            yield Frame(self._numbers.next(at_us), at_us, picture.keyframe, packet)
            picture = None

    def close(self) -> None:
        self._camera.stop_recording()
        self._camera.close()

    def _start(self, settings: PictureSettings) -> tuple[Any, Any]:
        picamera2, encoders = _import("picamera2"), _import("picamera2.encoders")
        try:
            camera = picamera2.Picamera2(_number(settings))
        except (RuntimeError, OSError, IndexError) as error:
            raise SourceError(f"The Pi's camera cannot be opened: {error}") from error
        try:
            size = (settings.width, settings.height)
            main = {"size": size, "format": "YUV420"}
            controls = _controls(settings, camera)
            camera.configure(camera.create_video_configuration(main=main, controls=controls))
            camera.pre_callback = self._look_at
            encoder = encoders.H264Encoder(
                bitrate=settings.bitrate_kbps * 1000, repeat=True, iperiod=round(settings.fps)
            )
            camera.start_recording(encoder, _output(encoder, self._pictures))
        except BaseException as error:
            camera.close()
            if isinstance(error, (RuntimeError, OSError)):
                raise SourceError(f"The Pi's camera does not start: {error}") from error
            raise
        return camera, encoder

    @property
    def is_behind(self) -> bool:
        """Whether pictures have come that nobody has taken yet."""
        return not self._pictures.empty()

    def _take_first(self) -> Picture:
        """The first keyframe; it carries the encoder's parameters."""
        picture = self._next(FIRST_PICTURE_S)
        while not picture.keyframe:
            picture = self._next(FIRST_PICTURE_S)
        return picture

    def _next(self, timeout_s: float) -> Picture:
        try:
            return self._pictures.get(timeout=timeout_s)
        except queue.Empty as error:
            raise SourceError(
                f"The Pi's camera gave no picture for {timeout_s:g} s; look at its ribbon cable"
            ) from error

    def _look_at(self, request: Any) -> None:
        """On picamera2's thread, for every picture: take the first wall clock that there is."""
        if self._ahead_us is not None:
            return
        metadata = request.get_metadata()
        wall_ns = metadata.get("FrameWallClock")
        if wall_ns is None:
            self._ahead_us = 0
            return
        ours_us = self._on_our_clock(metadata["SensorTimestamp"] // 1000)
        ahead_us = wall_ns // 1000 - ours_us
        self._ahead_us = ahead_us if abs(ahead_us) <= BELIEVED_US else 0

    def _captured_at_us(self, sensor_us: int) -> int:
        return self._on_our_clock(sensor_us) + (self._ahead_us or 0)

    def _on_our_clock(self, sensor_us: int) -> int:
        asleep_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
        asleep_us = round(asleep_ns / 1_000_000) * 1000  # the two reads are not at one instant
        return self._clock.at_monotonic_us(sensor_us - asleep_us)


def _output(encoder: Any, pictures: "queue.Queue[Picture]") -> Any:
    """picamera2's sink for encoded pictures; its class is there only once it is imported."""

    class Sink(_import("picamera2.outputs").Output):  # type: ignore[misc]  # known at run time only
        def outputframe(
            self,
            frame: bytes,
            keyframe: bool = True,
            timestamp: int | None = None,
            packet: object = None,
            audio: bool = False,
        ) -> None:
            if audio or timestamp is None:
                return
            # Timestamps count from the encoder's first picture, which it remembers.
            picture = Picture(bytes(frame), keyframe, encoder.firsttimestamp + timestamp)
            try:
                pictures.put_nowait(picture)
            except queue.Full:
                pass  # a hole in the frame numbers, counted where they are made

    return Sink()


def _controls(settings: PictureSettings, camera: Any) -> dict[str, Any]:
    controls: dict[str, Any] = {"FrameRate": settings.fps}
    if settings.exposure_us or settings.gain:
        controls["AeEnable"] = False
    if settings.exposure_us:
        controls["ExposureTime"] = settings.exposure_us
    if settings.gain:
        controls["AnalogueGain"] = settings.gain
    if settings.frame_lock != "off":
        if "SyncMode" not in camera.camera_controls:
            raise SourceError(
                "This version of libcamera cannot lock frames; update it, or set "
                'camera.frame_lock = "off".'
            )
        modes = _import("libcamera").controls.rpi.SyncModeEnum
        controls["SyncMode"] = modes.Server if settings.frame_lock == "server" else modes.Client
    return controls


def _stream_of(keyframe: bytes) -> av.VideoStream:
    """A stream with the parameters that a keyframe carries (its SPS and PPS)."""
    try:
        return av.open(io.BytesIO(keyframe), format="h264").streams.video[0]
    except (av.FFmpegError, IndexError) as error:
        raise SourceError(f"The Pi's encoder gives pictures that make no sense: {error}") from error


def _number(settings: PictureSettings) -> int:
    try:
        return int(settings.device or "0")
    except ValueError as error:
        raise SourceError(
            f"camera.device is {settings.device!r}; for picamera2 it is a number, 0 for the first"
        ) from error


def _import(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise SourceError(
            f"picamera2 is not there ({error}); install it with apt install python3-picamera2, in "
            "an environment that sees the system's packages."
        ) from error
