"""Makes stills: ``python -m ctlr.camera.stills.program SOURCE SETTINGS``, a child of the node.

It has the lowest priority and answers one question after the other: a picture that was recorded is
decoded, or the camera is opened and its newest picture taken. A thread keeps reading the camera then,
since what lies in its buffers is old. It ends with its standard input.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import av
import numpy as np

from ctlr.camera.sources import PictureSettings, Seen, SourceError, load_view
from ctlr.camera.stills.wire import LENGTH, head_length, pack, unpack_head
from ctlr.kernel.priority import give_way

WIDEST = 640
QUALITY = "5"
FIRST_PICTURE_S = 8.0
LARGEST_OWN_JPEG = 200_000
_HUFFMAN_TABLES = b"\xff\xc4"  # UVC cameras leave them out, and no browser shows a JPEG without


def main() -> None:
    give_way()
    source, settings = sys.argv[1], PictureSettings(**json.loads(sys.argv[2]))
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # libraries print; what they print is no answer
    view: View | None = None
    for head, body in read_messages(sys.stdin.buffer):
        try:
            if head["ask"] == "look":
                view = view or View(load_view(source).open_view(settings))
                seen, at_ms = view.newest()
            else:
                seen, at_ms = decode(head, body), head["captured_at_ms"]
            answer = pack({"captured_at_ms": at_ms}, to_jpeg(seen, settings.rotation))
        except (SourceError, av.FFmpegError, ValueError) as error:
            answer = pack({"error": str(error)})
        output.write(answer)
        output.flush()


def read_messages(stream: BinaryIO) -> Iterator[tuple[dict[str, Any], bytes]]:
    while len(length := stream.read(LENGTH)) == LENGTH:
        head, size = unpack_head(stream.read(head_length(length)))
        yield head, stream.read(size)


class View:
    """A camera that is open; a thread keeps its newest picture."""

    def __init__(self, pictures: Iterator[Seen]) -> None:
        self._newest: tuple[Seen, int] | None = None
        self._error: Exception | None = None
        self._told = threading.Condition()
        threading.Thread(target=self._read, args=(pictures,), daemon=True).start()

    def newest(self) -> tuple[Seen, int]:
        """With the time at which it was read, Unix ms. Raises ``SourceError``."""
        with self._told:
            self._told.wait_for(lambda: self._newest or self._error, FIRST_PICTURE_S)
            if self._error is not None:
                raise SourceError(str(self._error)) from self._error
            if self._newest is None:
                raise SourceError("the camera gives no picture")
            return self._newest

    def _read(self, pictures: Iterator[Seen]) -> None:
        try:
            for seen in pictures:
                with self._told:
                    self._newest = seen, time.time_ns() // 1_000_000
                    self._told.notify()
            self._fail(SourceError("the camera has ended its stream"))
        except Exception as error:  # told to whoever asks
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        with self._told:
            self._error = error
            self._told.notify()


def decode(head: dict[str, Any], body: bytes) -> Seen:
    """The picture of a message. Raises ``av.FFmpegError``, ``ValueError``."""
    split = head["extradata"]
    if head["codec"] == "mjpeg":
        return Seen(jpeg=body[split:])
    return Seen(frame=_decode(head["codec"], body[split:], body[:split]))


def _decode(codec: str, data: bytes, extradata: bytes = b"") -> av.VideoFrame:
    context = av.CodecContext.create(codec, "r")
    assert isinstance(context, av.VideoCodecContext)
    context.thread_count = 1
    if extradata:
        context.extradata = extradata
    frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    if not frames:
        raise ValueError("the picture cannot be decoded by itself")
    return frames[0]


def to_jpeg(seen: Seen, rotation: int) -> bytes:
    """A JPEG of at most ``WIDEST`` pixels, turned as a player would turn it; the camera's own where
    that will do."""
    own = seen.jpeg
    if own is not None and not rotation and _is_presentable(own):
        return own
    frame = _decode("mjpeg", own) if own is not None else seen.frame
    assert frame is not None
    width = min(WIDEST, frame.width) // 2 * 2
    height = max(2, round(frame.height * width / frame.width) // 2 * 2)
    if rotation:
        turned = np.rot90(frame.reformat(width, height, "rgb24").to_ndarray(), -rotation // 90)
        pixels = np.ascontiguousarray(turned, np.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
        width, height = frame.width, frame.height
    small = frame.reformat(width, height, "yuvj420p")
    small.pts, small.time_base = 0, Fraction(1, 25)
    return _encode(small)


def _is_presentable(jpeg: bytes) -> bool:
    return len(jpeg) <= LARGEST_OWN_JPEG and _HUFFMAN_TABLES in jpeg[:4096]


def _encode(picture: av.VideoFrame) -> bytes:
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"qmin": QUALITY, "qmax": QUALITY}
    encoder.thread_count = 1
    return bytes([*encoder.encode(picture), *encoder.encode(None)][0])


if __name__ == "__main__":
    main()
