"""Frames that an index names and that are none."""

import random
from array import array
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.unit.postprocess.mp4 import Film, fragmented, plain

from ctlr.mp4.blank import Blank, leave_out_blank, seems_blank, zeros
from ctlr.mp4.boxes import ReadAt
from ctlr.mp4.movie import read_segment
from ctlr.mp4.tables import SegmentTables

BOTH = pytest.mark.parametrize("make", [plain, fragmented])


def opened(data: bytes | bytearray) -> tuple[SegmentTables, ReadAt]:
    def read_at(offset: int, length: int) -> bytes:
        return bytes(data[offset : offset + length])

    return read_segment(read_at, len(data)), read_at


def spoil(data: bytes, first: int, count: int, film: Film, content: bytes) -> bytearray:
    """Other content where frames are; the same for as long as that lasts."""
    spoilt = bytearray(data)
    begin = data.index(film.payload(first))
    end = data.index(film.payload(first + count - 1)) + len(film.payload(first + count - 1))
    spoilt[begin:end] = (content * (end - begin))[: end - begin]
    return spoilt


@BOTH
@pytest.mark.parametrize("content", [bytes(1), random.Random(2).randbytes(4096)])
def test_frames_within_are_counted(make: Callable[[Film], bytes], content: bytes) -> None:
    film = Film()
    data = spoil(make(film), 4, 3, film, content)
    tables, read_at = opened(data)
    assert leave_out_blank(tables, read_at) == "3 frames (from number 5 on)"
    assert (tables.reference.count, tables.cut) == (30, False)


@BOTH
def test_a_whole_segment_is_left_as_it_is(make: Callable[[Film], bytes]) -> None:
    tables, read_at = opened(make(Film()))
    assert not seems_blank(tables, read_at)
    assert leave_out_blank(tables, read_at, [(0, 1 << 20)]) == ""
    assert (tables.reference.count, tables.cut) == (30, False)


@BOTH
def test_the_end_is_cut_off(make: Callable[[Film], bytes]) -> None:
    film = Film()
    data = spoil(make(film), 25, 5, film, random.Random(3).randbytes(999))
    tables, read_at = opened(data)
    assert seems_blank(tables, read_at)
    assert leave_out_blank(tables, read_at) == ""
    assert (tables.reference.count, tables.cut) == (25, True)
    assert tables.reference.declared_ticks == 90_000


def test_nothing_but_noise_is_no_video() -> None:
    film = Film()
    tables, read_at = opened(spoil(plain(film), 0, 30, film, random.Random(4).randbytes(999)))
    with pytest.raises(Blank):
        leave_out_blank(tables, read_at)


@pytest.mark.parametrize("at", [0, 1, 511, 512, 4000, 9_400])
def test_each_sector_of_zeros_is_found_wherever_it_lies(at: int) -> None:
    block = bytearray(b"\1" * 10_000)
    block[at : at + 512] = bytes(512)
    assert zeros(block, 9_912, 7) == [(7 + at, 7 + at + 512)]


def test_zeros_of_an_earlier_block_do_not_count() -> None:
    block = bytearray(b"\1" * 1000 + bytes(1000))
    assert zeros(block, 1000, 0) == []
    assert zeros(bytearray(bytes(100) + b"\1" * 900), 1000, 0) == [], "as silence may be"
    assert zeros(bytearray(4096), 4096, 4096) == [(4096, 8192)]


def test_the_end_of_sound_is_said_and_cut_off() -> None:
    """Beside a picture that is whole: nothing else would tell. Both are read from one file here, of
    which the sound's part is noise."""
    film, other = Film(), Film(tag=b"heard")
    first, second = plain(film), plain(other)
    spoilt = spoil(first + second, 20, 10, other, random.Random(8).randbytes(999))
    tables, _ = opened(first)
    (beside,) = opened(second)[0].tracks
    beside.header = replace(beside.header, kind=b"soun")
    beside.chunk_offsets = array("Q", (at + len(first) for at in beside.chunk_offsets))
    tables.tracks.append(beside)
    said = leave_out_blank(tables, lambda at, n: bytes(spoilt[at : at + n]))
    assert said == "10 samples of its h264 track (from number 21 on)"
    assert (tables.reference.count, beside.count, tables.cut) == (30, 20, False)
