"""Reading segments: whole, cut anywhere, and hostile."""

import struct
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.postprocess.mp4 import FTYP, Film, fragmented, plain, u32

from ctlr.mp4.boxes import MAX_TOP_BOXES, Damaged, make_box, make_full_box
from ctlr.mp4.movie import read_segment
from ctlr.mp4.runs import unpack
from ctlr.mp4.tables import SegmentTables, shown_ticks

Make = Callable[[Film], bytes]


def read(data: bytes) -> SegmentTables:
    return read_segment(lambda offset, length: data[offset : offset + length], len(data))


def samples(data: bytes, tables: SegmentTables) -> list[bytes]:
    """The frames that the tables point at, in order."""
    track, found, at = tables.reference, [], 0
    sizes = track.sizes.numbers()
    for chunk, count in zip(track.chunk_offsets, track.chunk_counts, strict=True):
        offset = chunk
        for size in sizes[at : at + count]:
            found.append(data[offset : offset + size])
            offset += size
        at += count
    return found


BOTH = pytest.mark.parametrize("make", [plain, fragmented])


@BOTH
def test_every_frame_is_found_with_its_time(make: Make) -> None:
    film = Film(frames=25, deltas=tuple(3000 + n % 5 for n in range(25)))
    data = make(film)
    tables = read(data)
    assert samples(data, tables) == [film.payload(n) for n in range(25)]
    assert shown_ticks(tables.reference) == [sum(film.deltas[:n]) for n in range(25)]
    assert unpack(tables.reference.sync or b"").tolist() == [1, 16]
    assert (tables.reference.header.width, tables.reference.header.codec) == (640, "h264")
    assert not tables.cut


def test_b_frames_keep_their_shifts_and_their_first_shown_time() -> None:
    film = Film(frames=6, shifts=(6000, 15000, 6000, 0, 3000, 6000), edits=((200, 6000, 1 << 16),))
    for make in (plain, fragmented):
        track = read(make(film)).reference
        assert min(shown_ticks(track)) == 6000
        assert track.start_ticks == -6000
        assert track.obstacle is None


def test_fragment_times_correct_the_last_duration_before_them() -> None:
    data = bytearray(fragmented(Film(frames=20), per_fragment=10))
    second = data.index(b"tfdt", data.index(b"tfdt") + 4)
    data[second + 8 : second + 16] = struct.pack(">Q", 10 * 3000 + 500)
    times = shown_ticks(read(bytes(data)).reference)
    assert times[9:11] == [27000, 30500]


def test_a_running_start_is_read() -> None:
    assert read(fragmented(Film(start=123_456))).reference.start_ticks == 123_456
    waiting = read(plain(Film(edits=((2000, -1, 1 << 16), (1000, 0, 1 << 16))))).reference
    assert (waiting.start_ticks, waiting.start_exact) == (180_000, False)


@BOTH
@pytest.mark.parametrize("tenth", range(1, 10))
def test_cut_at_every_tenth(make: Make, tenth: int) -> None:
    film = Film(frames=60)
    data = make(film)[: len(make(film)) * tenth // 10]
    try:
        tables = read(data)
    except Damaged:
        assert make is plain or tenth <= 2
        return
    found = samples(data, tables)
    assert tables.cut
    assert found == [film.payload(n) for n in range(len(found))]
    assert len(found) >= 60 * tenth // 10 - 12


@pytest.mark.parametrize("tenth", range(4, 10))
def test_a_cut_file_with_its_index_first_gives_its_whole_frames(tenth: int) -> None:
    film = Film(frames=200)
    whole = plain(film, moov_first=True)
    data = whole[: len(whole) * tenth // 10]
    tables = read(data)
    found = samples(data, tables)
    assert found == [film.payload(n) for n in range(len(found))]
    assert tables.cut
    assert tables.reference.declared_ticks == 200 * 3000


def test_parameters_that_matter_differ_and_bit_rates_do_not() -> None:
    def signature(film: Film) -> bytes:
        return read(plain(film)).reference.header.signature

    first = Film()
    assert signature(first) == signature(replace(first, tag=b"longer-tag"))  # other btrt
    for other in (
        {"width": 320},
        {"config": b"other-sps"},
        {"fourcc": b"hvc1"},
    ):
        assert signature(first) != signature(replace(first, **other))


def test_another_film_behind_the_first_is_named_and_fragments_that_begin_again_are_read() -> None:
    first, second = Film(frames=30), Film(frames=20, tag=b"other")
    tables = read(plain(first) + plain(second))
    assert tables.reference.count == 30
    assert [(lost.text, lost.samples) for lost in tables.lost] == [
        ("another film lies behind the first one in the file", True)
    ]
    both = read(fragmented(first) + fragmented(replace(second, start=30 * 3000)))
    assert (both.reference.count, both.lost) == (50, [])


def test_what_cannot_be_spliced_says_why() -> None:
    assert "encrypted" in (read(plain(Film(fourcc=b"encv"))).reference.obstacle or "")


def _claim(kind: bytes, at: int, value: int) -> bytes:
    data = bytearray(plain(Film()))
    start = data.index(kind) + 4 + at
    data[start : start + 4] = u32(value)
    return bytes(data)


HOSTILE = {
    "text": b"not a video at all, just some words in a file\n" * 20,
    "zeros": bytes(4096),
    "size 0 then nothing": FTYP + u32(0) + b"free",
    "size 1 without room": FTYP + u32(1) + b"mdat",
    "size 2^63": FTYP + u32(1) + b"moov" + struct.pack(">Q", 1 << 63),
    "size 3": FTYP + u32(3) + b"moov" + bytes(64),
    "moov of 2 GB": FTYP + u32(0x7FFFFFFF) + b"moov" + bytes(64),
    "nested moov": make_box(b"moov", *[make_box(b"moov", make_box(b"moov"))] * 50),
    "2^32 entries in stts": _claim(b"stts", 4, 0xFFFFFFFF),
    "2^32 entries in stsc": _claim(b"stsc", 4, 0xFFFFFFFF),
    "2^32 entries in stsz": _claim(b"stsz", 8, 0xFFFFFFFF),
    "2^32 entries in stco": _claim(b"stco", 4, 0xFFFFFFFF),
    "2^32 samples of one size": _claim(b"stsz", 4, 1).replace(u32(1, 30), u32(1, 0xFFFFFFFF)),
    "chunk beyond the file": _claim(b"stco", 8, 0xFFFFFF00),
    "chunk before the media": _claim(b"stco", 8, 0),
    "timescale 0": _claim(b"mdhd", 12, 0),
    "4096 boxes too many": make_box(b"moov", make_box(b"free") * 5000),
    "trun of 2^32": fragmented(Film()).replace(
        b"trun" + u32(0x01000F01, 10), b"trun" + u32(0x01000F01, 0xFFFFFFFF)
    ),
    "fragment of no track": fragmented(Film()).replace(
        b"tfhd" + u32(0x20000, 1), b"tfhd" + u32(0x20000, 9)
    ),
    "empty movie": FTYP + make_box(b"moov", make_full_box(b"mvhd", 0, bytes(96))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_cheaply(name: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(Damaged):
            read(HOSTILE[name])
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()


def test_endless_tiny_boxes_end() -> None:
    box = make_box(b"free")

    def read_at(_offset: int, length: int) -> bytes:
        return box * (length // 8)

    with pytest.raises(Damaged, match="more than"):
        read_segment(read_at, (MAX_TOP_BOXES + 10) * 8)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_damage_is_survived(data: st.DataObject) -> None:
    """Bytes changed, removed and repeated: an honest answer, never another exception."""
    whole = bytearray(data.draw(st.sampled_from([plain(Film()), fragmented(Film())])))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(whole) - 1))
        length = data.draw(st.integers(1, 16))
        whole[at : at + length] = data.draw(st.binary(max_size=16))
        if not whole:
            whole = bytearray(b"x")
    try:
        tables = read(bytes(whole))
    except Damaged:
        return
    for track in tables.tracks:
        assert track.count == track.sizes.count == sum(track.chunk_counts)
        assert track.duration_ticks >= 0
    sizes = tables.reference.sizes.numbers().tolist()
    assert [len(sample) for sample in samples(bytes(whole), tables)] == sizes


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400))
def test_noise_is_survived(noise: bytes) -> None:
    for data in (noise, FTYP + make_box(b"moov", noise), plain(Film())[:40] + noise):
        try:
            read(data)
        except Damaged:
            continue
