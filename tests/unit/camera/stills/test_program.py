"""Stills of every kind of picture that a camera gives, made as the program makes them."""

import io
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import pytest

from ctlr.camera.sources import PictureSettings, Seen, SourceError, load_view
from ctlr.camera.sources.encoder import Encoder
from ctlr.camera.sources.opened import view_of
from ctlr.camera.sources.test import MovingPicture
from ctlr.camera.stills.program import View, decode, to_jpeg
from ctlr.camera.test_picture import Stamp, luma_of, read_stamp

SETTINGS = PictureSettings(width=1280, height=720, fps=30, bitrate_kbps=6000)


def read_jpeg(jpeg: bytes) -> av.VideoFrame:
    with av.open(io.BytesIO(jpeg), "r", format="jpeg_pipe") as container:
        return next(container.decode(video=0))


def mjpeg_of(width: int, height: int, number: int = 7, *, tables: bool = True) -> bytes:
    """A camera's own JPEG, whose blocks hold a number; without Huffman tables as UVC cameras send it."""
    picture = MovingPicture(width, height).draw(number, Stamp(1, number))
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"qmin": "2", "qmax": "2", "huffman": "default"}
    frame = picture.reformat(format="yuvj420p")
    frame.pts = 0
    (packet,) = [*encoder.encode(frame), *encoder.encode(None)]
    jpeg = bytes(packet)
    if tables:
        return jpeg
    at = jpeg.index(b"\xff\xc4")
    return jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") :]


def test_a_keyframe_becomes_a_small_still() -> None:
    encoder = Encoder(SETTINGS)
    picture = MovingPicture(1280, 720).draw(3, Stamp(5, 3))
    packet = encoder.encode(picture, 0, keyframe=True)
    extradata = encoder.template.codec_context.extradata or b""
    head = {"codec": "h264", "extradata": len(extradata)}
    jpeg = to_jpeg(decode(head, extradata + bytes(packet)), 0)
    still = read_jpeg(jpeg)
    assert (still.width, still.height) == (640, 360)
    assert len(jpeg) < 60_000
    small = luma_of(picture.reformat(640, 360, "yuv420p")).astype(float)
    shown = (small - 16) * 255 / 219  # a JPEG has black at 0 and white at 255
    assert abs(luma_of(still) - shown).mean() < 4


def test_a_picture_that_needs_others_is_an_error_and_no_grey_still() -> None:
    encoder = Encoder(SETTINGS)
    picture = MovingPicture(1280, 720)
    encoder.encode(picture.draw(0, Stamp(1, 0)), 0, keyframe=True)
    later = encoder.encode(picture.draw(1, Stamp(2, 1)), 33_000, keyframe=False)
    with pytest.raises((ValueError, av.FFmpegError)):
        decode({"codec": "h264", "extradata": 0}, bytes(later))


def test_a_cameras_own_jpeg_is_passed_on_as_it_is() -> None:
    own = mjpeg_of(640, 360)
    assert to_jpeg(decode({"codec": "mjpeg", "extradata": 0}, own), 0) == own


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_one_without_tables_or_to_be_turned_is_made_again(rotation: int) -> None:
    bare = mjpeg_of(512, 128, tables=False)
    assert b"\xff\xc4" not in bare
    jpeg = to_jpeg(Seen(jpeg=bare), rotation)
    assert b"\xff\xc4" in jpeg
    still = read_jpeg(jpeg)
    turned = rotation in (90, 270)
    assert (still.width, still.height) == ((128, 512) if turned else (512, 128))
    if rotation == 0:
        stamp = read_stamp(luma_of(still.reformat(format="yuv420p")))
        assert stamp is not None
        assert stamp.number == 7


def test_a_large_one_is_made_smaller() -> None:
    own = mjpeg_of(1920, 1080)
    large = Seen(jpeg=own + b"\0" * 200_000)
    assert read_jpeg(to_jpeg(large, 0)).width == 640


@pytest.mark.parametrize("codec", ["mjpeg", "libx264", "rawvideo"])
def test_what_a_camera_streams_is_seen(codec: str, tmp_path: Path) -> None:
    path = tmp_path / "film.nut"
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    with av.open(str(path), "w", format="nut") as container:
        stream = container.add_stream(codec, rate=10, options={"g": "5", "bf": "0"} if codec == "libx264" else {})  # fmt: skip
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 64, pixel_format
        picture = MovingPicture(320, 64)
        for number in range(20):
            frame = picture.draw(number, Stamp(number, number)).reformat(format=pixel_format)
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    seen = list(view_of(av.open(str(path)), "The film"))
    assert len(seen) == (4 if codec == "libx264" else 20)  # keyframes only: each by itself
    jpegs = [to_jpeg(one, 0) for one in seen[:2]]
    assert all(read_jpeg(jpeg).width == 320 for jpeg in jpegs)
    assert jpegs[0] != jpegs[1]


def test_the_newest_is_shown_and_a_camera_that_ends_is_an_error() -> None:
    def ending() -> Iterator[Seen]:
        raise SourceError("unplugged")
        yield

    view = View(islice(load_view("test").open_view(SETTINGS), 1000))
    first, at_ms = view.newest()
    assert first.frame is not None
    assert at_ms > 0
    with pytest.raises(SourceError, match="unplugged"):
        View(ending()).newest()
    ended = View(iter(()))
    with pytest.raises(SourceError, match="has ended its stream"):
        ended.newest()
