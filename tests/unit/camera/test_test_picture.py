import binascii
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.camera.virtual_time import VirtualClock

from ctlr.camera.sources import PictureSettings, Take
from ctlr.camera.sources.test import open_source
from ctlr.camera.test_picture import (
    Stamp,
    block_size,
    draw_stamp,
    fits,
    read_stamp,
    read_video_stamps,
)

FPS = 30


def test_the_crc_is_ccitt_false() -> None:
    assert binascii.crc_hqx(b"123456789", 0xFFFF) == 0x29B1  # the published check value


@pytest.mark.parametrize(
    ("width", "block"), [(256, 4), (640, 8), (800, 10), (1280, 16), (1920, 24), (3840, 48)]
)
def test_block_sizes(width: int, block: int) -> None:
    assert block_size(width) == block
    assert fits(width, 2 * block)


def test_the_layout_of_the_blocks() -> None:
    luma = np.full((64, 640), 99, np.uint8)
    draw_stamp(luma, Stamp(captured_at_us=1, number=1 << 31))
    assert (luma[:8, : 63 * 8] == 16).all()
    assert (luma[:8, 63 * 8 : 64 * 8] == 235).all()
    assert (luma[8:16, :8] == 235).all()
    assert (luma[8:16, 8 : 32 * 8] == 16).all()
    assert (luma[16:] == 99).all()
    assert (luma[8:16, 48 * 8 :] == 99).all()


@given(
    captured=st.integers(0, 2**64 - 1),
    number=st.integers(0, 2**32 - 1),
    width=st.integers(256, 4096).map(lambda width: width // 2 * 2),
)
def test_what_is_drawn_is_read(captured: int, number: int, width: int) -> None:
    luma = np.zeros((2 * block_size(width), width), np.uint8)
    draw_stamp(luma, Stamp(captured, number))
    assert read_stamp(luma) == Stamp(captured, number)


@given(st.integers(0, 111))
def test_a_flipped_bit_is_never_believed(bit: int) -> None:
    luma = np.zeros((8, 256), np.uint8)
    draw_stamp(luma, Stamp(1_776_313_714_000_000, 42))
    row, column = divmod(bit, 64)
    block = luma[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
    block[:] = 251 - block
    assert read_stamp(luma) is None


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_plain_picture_has_no_stamp(value: int) -> None:
    assert read_stamp(np.full((720, 1280), value, np.uint8)) is None


def test_a_picture_too_small_has_no_stamp() -> None:
    assert read_stamp(np.zeros((8, 128), np.uint8)) is None


@pytest.mark.parametrize(
    ("width", "height", "kbps"),
    [
        (256, 64, 50),
        (320, 240, 300),
        (640, 480, 1000),
        (640, 480, 100),
        (1280, 720, 6000),
        (1280, 720, 500),
    ],
)
def test_the_blocks_survive_the_encoder(width: int, height: int, kbps: int, tmp_path: Path) -> None:
    clock = VirtualClock(now_us=1_776_313_714_000_000)
    take = Take(start_at_us=1_776_313_714_000_000, keep_from_us=1_776_313_714_000_000)
    source = open_source(PictureSettings(width, height, FPS, kbps), take, clock)
    path = tmp_path / "stamps.mp4"
    expected = []
    with av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(source.template, opaque=True)
        for frame in source.frames(lambda _: False):
            frame.packet.stream = stream
            container.mux_one(frame.packet)
            expected.append(Stamp(frame.captured_at_us, frame.number & 0xFFFFFFFF))
            if len(expected) == 20:
                break
    assert [stamp for _, stamp in read_video_stamps(path)] == expected
