"""What can be told of a frame without decoding it."""

import random
import struct

import pytest

from ctlr.mp4.boxes import Damaged, make_box
from ctlr.mp4.descriptions import Description
from ctlr.mp4.forms import Form, form_of

H264 = Form(4, 0x8000, 0x1F00)
AVCC = make_box(b"avcC", b"\1\x64\0\x1f\xff\xe0\0")
HVCC = make_box(b"hvcC", b"\1" + bytes(20) + b"\x0f\0")
VVCC = make_box(b"vvcC", bytes(4) + b"\xff\0")


def described(codec: str, *boxes: bytes, encrypted: bool = False) -> Description:
    entry = make_box(b"xxxx", bytes(78), *boxes)
    return Description(entry, entry, codec, 320, 180, encrypted)


def units(*bodies: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(body)) + body for body in bodies)


def is_frame(form: Form | None, sample: bytes) -> bool:
    assert form is not None
    return form.is_frame(lambda at, n: sample[at : at + n], 0, len(sample))


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.mark.parametrize(
    ("codec", "box", "unit"),
    [
        ("h264", AVCC, b"\x65\x88"),
        ("hevc", HVCC, b"\x26\x01"),
        ("hevc", HVCC, b"\x7c\x01"),  # Dolby Vision's
        ("vvc", VVCC, b"\x00\x41"),
    ],
)
def test_units_that_fill_their_frame(codec: str, box: bytes, unit: bytes) -> None:
    form = form_of(described(codec, box))
    frame = units(b"\x06\x05" * 9, unit + b"x" * 5000, unit + b"y" * 70)
    assert is_frame(form, frame)
    assert is_frame(form, frame + bytes(200)), "padding"
    assert not is_frame(form, frame + b"\0\0\1\0" + unit), (
        "a unit that is longer than what is there"
    )
    assert not is_frame(form, frame[:-1])
    assert not is_frame(form, units(unit + b"x" * 50, b"\x80\x01" + b"x" * 50)), "the forbidden bit"
    assert not is_frame(form, units(unit + b"x" * 50, b"\0\0" + b"x" * 50)), "no kind of unit"
    assert not any(is_frame(form, noise(5000, seed)) for seed in range(200))
    assert not is_frame(form, bytes(5000))


def test_start_codes_in_place_of_lengths_are_believed() -> None:
    assert is_frame(H264, b"\0\0\0\1\x65" + noise(500))
    assert is_frame(H264, b"\0\0\1\x65" + noise(500))


def test_what_cannot_be_read_is_believed() -> None:
    def bad_sector(_at: int, _n: int) -> bytes:
        raise Damaged("it cannot be read")

    assert H264.is_frame(bad_sector, 0, 5000)
    assert not H264.has_holes(bad_sector, 0, 5000)


def test_zeros_within_a_unit() -> None:
    frame = bytearray(units(b"\x65" + b"x" * 3000, b"\x41" + b"y" * 3000) + bytes(300))
    assert not H264.has_holes(lambda at, n: bytes(frame[at : at + n]), 0, len(frame))
    frame[1000:1512] = bytes(512)
    assert H264.has_holes(lambda at, n: bytes(frame[at : at + n]), 0, len(frame))


@pytest.mark.parametrize(
    ("codec", "good"),
    [
        ("mjpeg", b"\xff\xd8\xff\xdb"),
        ("prores", b"\0\0\1\0icpf"),
        ("mp3", b"\xff\xfb\x90\x64"),
        ("ac3", b"\x0b\x77\x12\x34"),
        ("flac", b"\xff\xf8\xc9\x18"),
        ("vp9", b"\x82\x49\x83\x42"),
    ],
)
def test_codecs_whose_frames_begin_with_a_mark(codec: str, good: bytes) -> None:
    form = form_of(described(codec))
    assert is_frame(form, good + noise(500))
    assert not is_frame(form, bytes(500))
    if codec != "vp9":
        assert not is_frame(form, b"\x12\x34\x56\x78" * 100)


def esds(kind: int, config: bytes) -> bytes:
    inside = b"\x04" + bytes([15 + len(config), kind]) + bytes(12) + b"\x05" + bytes([len(config)])
    return make_box(b"esds", bytes(4), b"\x03" + bytes([len(inside) + len(config) + 3]), bytes(3),
                    inside, config)  # fmt: skip


def test_sound() -> None:
    aac = form_of(described("aac", esds(0x40, b"\x12\x10")))
    assert is_frame(aac, b"\x21\x10" + noise(200))
    assert is_frame(aac, b"\xe0" + bytes(5)), "a frame with nothing in it"
    assert not is_frame(aac, b"\xe3" + noise(200)), "no frame begins with its end"
    other = form_of(described("aac", esds(0x6B, b"")))
    assert is_frame(other, b"\xff\xfb" + noise(200)), "MP3 in the entry of AAC"
    assert not is_frame(other, noise(200))


def test_pictures_in_the_entry_of_another_codec() -> None:
    jpeg, older = (form_of(described("mpeg4", esds(kind, b""))) for kind in (0x6C, 0x20))
    assert is_frame(jpeg, b"\xff\xd8" + noise(200))
    assert not is_frame(jpeg, b"\0\0\1\xb6" + noise(200))
    assert is_frame(older, b"\0\0\1\xb6" + noise(200))
    assert not is_frame(older, noise(200))


def test_of_what_nothing_is_known() -> None:
    assert form_of(described("lpcm")) is None
    assert form_of(described("h264", AVCC, encrypted=True)) is None
    assert form_of(described("h264", make_box(b"avcC", b"\1"))) is None, "no length in it"
