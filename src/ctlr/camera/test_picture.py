"""A frame's capture time and number, written into its pixels and read back from them.

Two rows of square blocks at the top left; block size ``b = max(4, width // 80 // 2 * 2)``,
luma 235 for a 1 and 16 for a 0, most significant bit first::

    row 0    captured_at_us   64 bits, Unix microseconds of the instant the frame stands for
    row 1    frame number     32 bits
             CRC              16 bits, CRC-16/CCITT-FALSE over those 12 bytes

So anyone who has only the video can tell when each frame was taken, whatever file names,
sidecars and clocks say. The reader samples block centres and believes a frame only if the CRC
fits.
"""

import binascii
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.uint8]

ROW_BITS = 64
STAMP_BITS = ROW_BITS + 48
ONE, ZERO = 235, 16
_THRESHOLD = (ONE + ZERO) // 2
_LAYOUT = struct.Struct(">QI")


@dataclass(frozen=True)
class Stamp:
    """What a picture says about itself."""

    captured_at_us: int
    number: int


def block_size(width: int) -> int:
    """Edge of a block in pixels for a picture of this width."""
    return max(4, width // 80 // 2 * 2)


def fits(width: int, height: int) -> bool:
    """Whether a picture of this size has room for the blocks."""
    block = block_size(width)
    return width >= ROW_BITS * block and height >= 2 * block


def draw_stamp(luma: Luma, stamp: Stamp) -> None:
    """Write the blocks into a luma plane of shape (height, width), in place.

    The number wraps at 32 bits.
    """
    block = block_size(luma.shape[1])
    body = _LAYOUT.pack(stamp.captured_at_us, stamp.number & 0xFFFFFFFF)
    data = body + struct.pack(">H", binascii.crc_hqx(body, 0xFFFF))
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    pixels = np.repeat(np.where(bits, ONE, ZERO).astype(np.uint8), block)
    edge = ROW_BITS * block
    luma[:block, :edge] = pixels[:edge]
    luma[block : 2 * block, : len(pixels) - edge] = pixels[edge:]


def read_stamp(luma: Luma) -> Stamp | None:
    """The stamp of a luma plane of shape (height, width), or None where no CRC fits."""
    height, width = luma.shape
    if not fits(width, height):
        return None
    block = block_size(width)
    centres = block // 2 + block * np.arange(ROW_BITS)
    rows = luma[[block // 2, block + block // 2]][:, centres] > _THRESHOLD
    data = np.packbits(rows.reshape(-1)[:STAMP_BITS]).tobytes()
    body, (crc,) = data[: _LAYOUT.size], struct.unpack(">H", data[_LAYOUT.size :])
    if binascii.crc_hqx(body, 0xFFFF) != crc:
        return None
    return Stamp(*_LAYOUT.unpack(body))


def read_video_stamps(path: Path) -> Iterator[tuple[int, Stamp | None]]:
    """Decode a video; yields ``(pts_us, stamp or None)`` for each frame.

    Raises ``av.FFmpegError`` (an ``OSError`` for a missing file) when it cannot be decoded.
    """
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        for frame in container.decode(stream):
            pts_us = round((frame.pts or 0) * stream.time_base * 1_000_000)
            yield pts_us, read_stamp(luma_of(frame))


def luma_of(frame: Any) -> Luma:
    """The luma plane of a planar YUV ``av.VideoFrame`` as a view of shape (height, width)."""
    return pixels_of(frame.planes[0])


def pixels_of(plane: Any) -> Luma:
    """An 8-bit ``av`` plane as a view of shape (height, width)."""
    padded = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return padded[:, : plane.width]
