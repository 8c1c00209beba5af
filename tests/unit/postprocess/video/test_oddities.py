"""Times that cannot be right, in a session of which nobody knows how long it was."""

import struct
from collections.abc import Callable

import pytest
from tests.unit.postprocess.mp4 import Film, fragmented, plain
from tests.unit.postprocess.rig import Rig

from ctlr.mp4.runs import MAX_DELTA

Change = Callable[[bytearray], object]


def put(kind: bytes, offset: int, form: str, value: int) -> Change:
    """Write a number behind the beginning of a box's content."""

    def change(data: bytearray) -> None:
        struct.pack_into(form, data, data.index(kind) + 4 + offset, value)

    return change


def spoil(rig: Rig, change: Change, make: Callable[[Film], bytes] = plain, number: int = 1) -> None:
    rig.record(make=make)
    path = rig.node() / f"seg_{number:04d}.mp4"
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def problems(rig: Rig) -> list[tuple[str, str]]:
    return [(p["code"], p["segment"]) for p in rig.source()["problems"] if p["harms"]]


@pytest.mark.parametrize(
    "change",
    [
        put(b"stts", 12, ">I", MAX_DELTA),
        put(b"stts", 12, ">I", (1 << 32) - 1),
        put(b"stts", 8 + 29 * 8 + 4, ">I", MAX_DELTA),
        put(b"mdhd", 12, ">I", 1),
        put(b"mdhd", 12, ">I", 1_000_000_000),
        put(b"mdhd", 12, ">I", 900),
    ],
    ids=["a frame of 2^31", "of 2^32", "the last one", "timescale 1", "10^9", "900"],
)
@pytest.mark.parametrize("number", [0, 1, 3])
def test_times_beyond_reason_are_not_complete(rig: Rig, change: Change, number: int) -> None:
    spoil(rig, change, number=number)
    outcome = rig.process()
    assert (outcome.exit_code, rig.manifest()["complete"]) == (3, False)
    assert {code for code, _ in problems(rig)} <= {"times_doubtful", "index_doubtful"}
    assert {segment for _, segment in problems(rig)} == {f"seg_{number:04d}.mp4"}
    assert rig.source()["frames"] + sum(part["frames"] for part in rig.source()["parts"]) == 120


def test_a_header_that_says_another_length_is_doubted(rig: Rig) -> None:
    """One segment alone, whose frames say 1 s."""
    spoil(rig, put(b"mdhd", 16, ">I", 4_500_000), number=0)
    for number in (1, 2, 3):
        (rig.node() / f"seg_{number:04d}.mp4").unlink()
    assert rig.process().exit_code == 3
    assert problems(rig) == [("times_doubtful", "seg_0000.mp4")]


@pytest.mark.parametrize("said", [0, (1 << 32) - 1, 90_000, 91_000, 1000])
def test_a_header_that_says_nothing_or_the_same_is_well(rig: Rig, said: int) -> None:
    """``mvhd`` counts milliseconds; browsers write the length in the picture's header so, too."""
    spoil(rig, put(b"mdhd", 16, ">I", said))
    assert rig.process().exit_code == 0
    assert rig.source()["problems"] == []


def test_times_of_more_than_64_bits_are_written_as_what_fits(rig: Rig) -> None:
    """A movie that counts billions a second, of frames that count hours."""

    def change(data: bytearray) -> None:
        put(b"mdhd", 12, ">I", 1)(data)
        put(b"mvhd", 12, ">I", 1_000_000_000)(data)
        for number in range(30):
            put(b"stts", 12 + 8 * number, ">I", MAX_DELTA)(data)

    spoil(rig, change, number=0)
    outcome = rig.process()
    assert outcome.exit_code == 3, outcome.summary
    assert ("times_doubtful", "seg_0000.mp4") in problems(rig)


def test_a_segment_of_another_rate_is_doubted_and_one_of_half_is_not(rig: Rig) -> None:
    rig.record(numbers=range(4))
    rig.record(numbers=range(4, 5), film=Film(frames=60, delta=6000))
    assert rig.process().exit_code == 0
    rig.record(numbers=range(5, 6), film=Film(frames=60, delta=60_000))
    assert rig.process().exit_code == 3
    assert problems(rig) == [("times_doubtful", "seg_0005.mp4")]


def test_slow_motion_is_another_kind(rig: Rig) -> None:
    rig.record(numbers=range(4))
    rig.record(
        numbers=range(4, 5), film=Film(frames=60, delta=90, config=b"\1\x64\0\x1f\xff-slow-")
    )
    assert rig.process().exit_code == 0
    assert [p["code"] for p in rig.source()["problems"]] == ["parameters_changed"]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\0\0\0\1\x67" + bytes(99), "a bare stream of H.264 or HEVC"),
        (b"\0\0\1\x40" + bytes(99), "a bare stream of H.264 or HEVC"),
        (b"\xff\xd8\xff\xdb" + bytes(99), "a bare stream of JPEG pictures, or one such picture"),
    ],
)
def test_what_has_no_container_is_called_so(rig: Rig, data: bytes, what: str) -> None:
    rig.record()
    (rig.node() / "seg_0001.mp4").write_bytes(data)
    assert rig.process().exit_code == 3
    assert what in rig.source()["problems"][0]["text"]


def test_a_doubtful_index_is_said(rig: Rig) -> None:
    def change(data: bytearray) -> None:
        run = data.index(b"trun") + 16
        (size,) = struct.unpack_from(">I", data, run + 4)
        struct.pack_into(">I", data, run + 4, size ^ 4)

    spoil(rig, change, make=fragmented)
    assert rig.process().exit_code == 3
    assert ("index_doubtful", "seg_0001.mp4") in problems(rig)
