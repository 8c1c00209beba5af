"""What fragments' indexes name, against what their media boxes hold."""

import random
import struct

import pytest
from tests.unit.mp4.test_movie import read
from tests.unit.postprocess.mp4 import Film, fragmented, plain

FILM = Film(frames=40)


def runs_of(data: bytes | bytearray) -> list[int]:
    found, at = [], data.find(b"trun")
    while at >= 0:
        found.append(at)
        at = data.find(b"trun", at + 4)
    return found


def test_what_adds_up_is_not_doubted() -> None:
    data = fragmented(FILM)
    assert read(data).doubt == ""
    for cut in (len(data) - 7, len(data) // 2, len(data) * 3 // 4):
        assert read(data[:cut]).doubt == "", "what is cut off is named as that"


@pytest.mark.parametrize("bit", [0, 1, 3, 5, 7, 12])
def test_a_flipped_bit_in_a_size_is_found(bit: int) -> None:
    """A size is the second of a row's four numbers."""
    data = bytearray(fragmented(FILM))
    row = runs_of(data)[1] + 4 + 4 + 4 + 4 + 3 * 16
    (size,) = struct.unpack_from(">I", data, row + 4)
    assert size == FILM.sizes[13]
    struct.pack_into(">I", data, row + 4, size ^ 1 << bit)
    assert "its index names" in read(bytes(data)).doubt


def test_a_fragment_that_nobody_finds_is_missed() -> None:
    data = bytearray(fragmented(FILM))
    second = data.index(b"moof", data.index(b"moof") + 4)
    data[second + 3] ^= 1
    tables = read(bytes(data))
    assert tables.reference.count == 30
    assert "names 0 bytes" in tables.doubt


def test_one_frame_fewer_is_missed() -> None:
    data = bytearray(fragmented(FILM))
    data[runs_of(data)[2] + 11] -= 1
    assert "its index names" in read(bytes(data)).doubt


def with_more_media(more: bytes) -> bytes:
    """A plain file whose index names the first frames only, with the index behind the media."""
    data = plain(FILM)
    media = data.index(b"mdat") - 4
    (size,) = struct.unpack_from(">I", data, media)
    head = data[:media] + struct.pack(">I", size + len(more)) + data[media + 4 : media + size]
    return head + more + data[media + size :]


def test_an_index_of_the_first_seconds_only_is_doubted() -> None:
    tables = read(with_more_media(random.Random(1).randbytes(2 << 20)))
    assert tables.reference.count == FILM.frames
    assert "2 MiB more lie behind them" in tables.doubt


@pytest.mark.parametrize("more", [b"", bytes(3 << 20), b"x" * 4096])
def test_room_behind_the_media_is_none(more: bytes) -> None:
    assert read(with_more_media(more)).doubt == ""
