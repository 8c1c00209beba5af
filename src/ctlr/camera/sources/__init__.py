"""Where pictures come from: one small interface, one module per kind of camera.

A source is opened as soon as a recording is accepted, so that it streams before ``start_at``;
opening a camera after the wait makes it seconds late. It yields frames that are already
encoded, each with the instant of its capture; keeping, cutting and writing them is not its
business. A source that can place keyframes asks ``wants_keyframe`` for every frame.

Capture times come from the monotonic clock, tied to wall time once when the recording is
accepted (``CaptureClock``): a wall clock that steps in the middle of a recording moves no
frame. Modules of sources are imported when they are chosen, so a node that never records
holds neither encoder nor camera library in memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ctlr.config import CameraSettings

if TYPE_CHECKING:
    import av
    from av.stream import Stream

SOURCES = {
    "test": "ctlr.camera.sources.test",
    "v4l2": "ctlr.camera.sources.v4l2",
    "rtsp": "ctlr.camera.sources.rtsp",
    "picamera2": "ctlr.camera.sources.ribbon",
}


class SourceError(Exception):
    """The camera cannot deliver pictures; the message says why and what to do."""


@dataclass(frozen=True)
class PictureSettings:
    """What to record. Width and height in pixels, rate in frames per second, rotation in
    degrees clockwise, ``device`` in the source's own words. Exposure in microseconds and gain
    as a factor are the camera's own choice where they are 0."""

    width: int
    height: int
    fps: float
    bitrate_kbps: int
    rotation: int = 0
    device: str = ""
    frame_lock: Literal["off", "server", "client"] = "off"
    exposure_us: int = 0
    gain: float = 0

    @classmethod
    def of(cls, settings: CameraSettings) -> "PictureSettings":
        names = [known.name for known in fields(cls)]
        return cls(**{name: getattr(settings, name) for name in names})


@dataclass(frozen=True)
class Frame:
    """One encoded picture.

    ``number`` counts from 0 at ``start_at`` and skips frames that were not taken;
    ``captured_at_us`` is Unix time in microseconds. ``jpeg`` is the camera's own, where it gives
    one.
    """

    number: int
    captured_at_us: int
    keyframe: bool
    packet: "av.Packet[Stream]"
    jpeg: "av.Packet[av.VideoStream] | None" = None


@dataclass(frozen=True)
class Seen:
    """A picture for somebody who looks: libav's, or the camera's own JPEG."""

    frame: "av.VideoFrame | None" = None
    jpeg: bytes | None = None


class CaptureClock(Protocol):
    """Wall time that never steps, for one recording."""

    def now_us(self) -> int:
        """Unix microseconds, as the clock stood when the recording was accepted."""
        ...

    def at_monotonic_us(self, monotonic_us: int) -> int:
        """Unix microseconds of an instant on the monotonic clock."""
        ...

    def wait_until(self, at_us: int) -> bool:
        """Wait for an instant; False as soon as the recording is asked to end."""
        ...


class Source(Protocol):
    """An opened camera, used by the capture thread until ``close``."""

    @property
    def template(self) -> "av.VideoStream":
        """A stream with the encoder's parameters, from which a segment's is made."""
        ...

    @property
    def dropped(self) -> int:
        """Frames since ``start_at`` that should have been taken and were not."""
        ...

    def frames(self, wants_keyframe: Callable[[int], bool]) -> Iterator[Frame]:
        """Frames in the order of capture, until the clock's wait says that it is over.

        Raises ``SourceError`` when the camera fails.
        """
        ...

    def close(self) -> None:
        """Let go of the camera. ``template`` stays usable."""
        ...


@dataclass(frozen=True)
class Take:
    """When a recording wants frames: ``start_at_us`` is frame 0, kept from ``keep_from_us``."""

    start_at_us: int
    keep_from_us: int


class SourceKind(Protocol):
    """What a source's module offers."""

    def open_source(self, settings: PictureSettings, take: Take, clock: CaptureClock) -> Source:
        """Raises ``SourceError``."""
        ...

    def check(self, settings: PictureSettings) -> str:
        """Say in a few words what would be recorded. Raises ``SourceError``."""
        ...


class ViewKind(Protocol):
    """What a source's module offers besides, for the program that makes stills."""

    def open_view(self, settings: PictureSettings) -> Iterator[Seen]:
        """Pictures as they come, as cheaply as this camera gives them, with nothing recorded.
        Raises ``SourceError``."""
        ...


def load_source(name: str) -> SourceKind:
    """The module of a kind of source. Raises ``SourceError`` for a name that is not known."""
    module: SourceKind = _load(name)
    return module


def load_view(name: str) -> ViewKind:
    """As ``load_source``."""
    module: ViewKind = _load(name)
    return module


def _load(name: str) -> Any:
    if name not in SOURCES:
        raise SourceError(
            f"There is no camera source {name!r}; set camera.source to one of: "
            f"{', '.join(sorted(SOURCES))}."
        )
    try:
        return import_module(SOURCES[name])
    except ImportError as error:
        raise SourceError(f"The camera source {name!r} cannot be loaded: {error}.") from error
