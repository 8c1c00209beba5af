"""A camera that libav reads as a stream: the pictures' way from packets to frames.

Two kinds of camera share it. What they differ in is given: how a packet's timestamp becomes a
capture time, and whether its packets are recorded as they are (``copied``) or decoded and
encoded. A camera that is copied places its own keyframes, so cuts wait for them; and its
pictures have to be in the order of their capture, for the segments know no other. What it took
before the end may still be on its way then, behind a network that has become slower: it is waited
for, until a picture comes that was taken after the end.
"""

from collections.abc import Callable, Iterator
from typing import cast

import av
from av.container import InputContainer
from av.stream import Stream

from ctlr.camera.sources import CaptureClock, Frame, PictureSettings, Seen, SourceError, Take
from ctlr.camera.sources.encoder import CopiedStream, Encoder
from ctlr.camera.sources.numbering import FrameNumbers

MICROSECOND = 1_000_000
JPEG = "mjpeg"
ON_ITS_WAY_US = 700_000
"""So long after the end a picture may come that was taken before it; a stop waits for it."""


def view_of(container: InputContainer, name: str) -> Iterator[Seen]:
    """Pictures of a camera that is open: its own JPEGs, each raw picture, or keyframes only, as a
    picture between costs the decoding of all before it. Closes it at the end.

    Raises ``SourceError``.
    """
    stream = container.streams.video[0]
    stream.codec_context.skip_frame = "NONKEY"
    try:
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if stream.codec_context.name == JPEG:
                yield Seen(jpeg=bytes(packet))
            elif packet.is_keyframe:
                yield from (Seen(picture) for picture in stream.decode(packet))
    except av.FFmpegError as error:
        raise SourceError(f"{name} does not go on: {error}") from error
    finally:
        container.close()


class OpenedCamera:
    """A ``Source``. ``captured_at_us`` places a packet's timestamp (µs of the stream).

    ``name`` is what errors call the camera.
    """

    def __init__(
        self,
        name: str,
        container: InputContainer,
        settings: PictureSettings,
        take: Take,
        clock: CaptureClock,
        captured_at_us: Callable[[int], int],
        *,
        copied: bool,
    ) -> None:
        self._name = name
        self._container = container
        self._stream = container.streams.video[0]
        self._settings = settings
        self._take = take
        self._clock = clock
        self._captured_at_us = captured_at_us
        self._numbers = FrameNumbers(take, settings.fps)
        self._encoder = None if copied else Encoder(settings)
        self._copied = CopiedStream(self._stream) if copied else None
        self._last_us: int | None = None
        self._last_sent_us: int | None = None
        self._ended_us: int | None = None

    @property
    def template(self) -> av.VideoStream:
        carrier = self._encoder or self._copied
        assert carrier is not None
        return carrier.template

    @property
    def dropped(self) -> int:
        return self._numbers.dropped

    def frames(self, wants_keyframe: Callable[[int], bool]) -> Iterator[Frame]:
        try:
            for packet in self._container.demux(self._stream):
                if self._is_over():
                    return
                if packet.pts is not None and packet.size:
                    yield from self._frames_of(packet, wants_keyframe)
        except av.FFmpegError as error:
            raise SourceError(f"{self._name} does not go on: {error}") from error
        raise SourceError(f"{self._name} has ended its stream")

    def close(self) -> None:
        self._container.close()

    def _is_over(self) -> bool:
        """Whether it was told to end, and nothing from before that is on its way."""
        if self._clock.wait_until(0):
            return False
        now_us = self._clock.now_us()
        self._ended_us = self._ended_us or now_us
        has_all = self._last_us is None or self._last_us >= self._ended_us
        return self._copied is None or has_all or now_us - self._ended_us > ON_ITS_WAY_US

    def _frames_of(
        self, packet: "av.Packet[av.VideoStream]", wants_keyframe: Callable[[int], bool]
    ) -> Iterator[Frame]:
        assert packet.pts is not None
        assert packet.time_base is not None
        sent_us = round(packet.pts * packet.time_base * MICROSECOND)
        self._refuse_reordered(sent_us)
        captured_us = self._captured_at_us(sent_us)
        if self._last_us is not None and captured_us <= self._last_us:
            return  # its clock is still being learnt, before the start
        self._last_us = captured_us
        number = self._numbers.next(captured_us)
        if self._encoder is None:
            copied = cast("av.Packet[Stream]", packet)
            yield Frame(number, captured_us, packet.is_keyframe, copied)
            return
        jpeg = packet if self._stream.codec_context.name == JPEG else None
        for picture in self._stream.decode(packet):
            keyframe = wants_keyframe(captured_us)
            encoded = self._encode(self._encoder, picture, captured_us, keyframe=keyframe)
            yield Frame(number, captured_us, encoded.is_keyframe, encoded, jpeg)

    def _encode(
        self, encoder: Encoder, picture: av.VideoFrame, captured_us: int, *, keyframe: bool
    ) -> "av.Packet[Stream]":
        settings = self._settings
        picture = picture.reformat(settings.width, settings.height, "yuv420p")
        return encoder.encode(picture, captured_us - self._take.start_at_us, keyframe=keyframe)

    def _refuse_reordered(self, sent_us: int) -> None:
        last, self._last_sent_us = self._last_sent_us, sent_us
        if last is not None and sent_us < last:
            raise SourceError(
                f"{self._name} sends pictures out of order (B-frames). Set its H.264 profile to "
                "baseline, or switch B-frames off"
            )
