"""Decoding in columns, held against cantools frame by frame."""

import math
from pathlib import Path

import cantools
import numpy as np
import pytest
from cantools.database.can import Database
from cantools.database.can import Message as DatabaseMessage
from hypothesis import given, settings
from hypothesis import strategies as st

from ctlr.postprocess.can.database import fingerprint, load
from ctlr.postprocess.can.signals import Signal, decode
from ctlr.simulator.can import DATABASE

KINDS = """VERSION ""
NS_ :
BS_:
BU_: A
BO_ 1 Intel: 8 A
 SG_ a : 0|12@1+ (1,0) [0|0] "" A
 SG_ b : 12|1@1- (1,0) [0|0] "" A
 SG_ c : 13|33@1- (0.5,-7) [0|0] "x" A
 SG_ d : 46|18@1+ (1,0) [0|0] "" A
BO_ 2 Motorola: 8 A
 SG_ a : 7|12@0+ (1,0) [0|0] "" A
 SG_ b : 11|1@0- (1,0) [0|0] "" A
 SG_ c : 10|33@0- (0.25,3) [0|0] "" A
 SG_ d : 41|18@0+ (1,0) [0|0] "" A
BO_ 3 Whole: 8 A
 SG_ a : 0|64@1- (1,0) [0|0] "" A
BO_ 4 Reversed: 8 A
 SG_ a : 7|64@0+ (1,0) [0|0] "" A
BO_ 5 Floats: 12 A
 SG_ single : 0|32@1- (1,0) [0|0] "" A
 SG_ double : 39|64@0- (2,1) [0|0] "" A
BO_ 6 Long: 64 A
 SG_ early : 3|8@1+ (1,0) [0|0] "" A
 SG_ late : 500|12@1- (1,0) [0|0] "" A
 SG_ last : 487|10@0+ (1,0) [0|0] "" A
BO_ 8 VeryLong: 64 A
 SG_ text : 4|100@1+ (1,0) [0|0] "" A
 SG_ minus : 135|72@0- (2,-3) [0|0] "" A
 SG_ part : 208|80@1- (0.5,1) [0|0] "" A
 SG_ clock : 288|48@1+ (100,7) [0|0] "" A
BO_ 7 Pages: 4 A
 SG_ page M : 0|4@1+ (1,0) [0|0] "" A
 SG_ one m1 : 8|8@1+ (1,0) [0|0] "" A
 SG_ two m2 : 8|16@1- (0.1,0) [0|0] "" A
 SG_ always : 24|8@1+ (1,0) [0|0] "" A
SIG_VALTYPE_ 5 single : 1;
SIG_VALTYPE_ 5 double : 2;
"""


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("dbc") / "kinds.dbc"
    file.write_text(KINDS)
    return file


def check(database: DatabaseMessage, path: Path, frames: list[bytes]) -> None:
    message = load([path]).messages[database.frame_id, database.is_extended_frame]
    data = np.frombuffer(b"".join(frames), np.uint8).reshape(len(frames), -1)
    found = decode(message, data)
    for number, frame in enumerate(frames):
        said = database.decode(frame, decode_choices=False)
        assert isinstance(said, dict)
        for signal, values in zip(message.signals, found, strict=True):
            value, expected = values[number], said.get(signal.name)
            if expected is None:
                assert value is None or math.isnan(value), signal.name
                continue
            assert isinstance(expected, int | float)
            same = value == expected or (math.isnan(value) and math.isnan(expected))
            assert same, (signal.name, value, expected)


@pytest.mark.parametrize(
    "name", ["Intel", "Motorola", "Whole", "Reversed", "Floats", "Long", "VeryLong", "Pages"]
)
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_every_bit_counts_as_cantools_has_it(kinds: Path, name: str, data: st.DataObject) -> None:
    loaded = cantools.database.load_file(kinds, strict=False)
    assert isinstance(loaded, Database)
    message = loaded.get_message_by_name(name)
    size = message.length
    frames = data.draw(st.lists(st.binary(min_size=size, max_size=size), min_size=1, max_size=5))
    if name == "Pages":
        frames = [bytes([1 + number % 2]) + frame[1:] for number, frame in enumerate(frames)]
    check(message, kinds, frames)


def test_a_frame_that_is_too_short_for_a_signal_has_the_others(kinds: Path) -> None:
    message = load([kinds]).messages[1, False]
    found = decode(message, np.array([[0xFF, 0x0F]], np.uint8))
    assert [column[0] for column in found[:2]] == [4095, 0]
    assert all(math.isnan(column[0]) for column in found[2:])


def test_how_many_bytes_a_signal_needs() -> None:
    def signal(start: int, length: int, *, big_endian: bool) -> int:
        return Signal("s", start, length, big_endian, False, False, 1, 0).bytes_needed

    assert [signal(0, length, big_endian=False) for length in (1, 8, 9)] == [1, 1, 2]
    assert [signal(7, length, big_endian=True) for length in (1, 8, 9)] == [1, 1, 2]
    assert signal(0, 2, big_endian=True) == 2


def test_the_pretend_vehicles_database() -> None:
    database = load([DATABASE])
    assert database.problems == ()
    odometer = database.of(0x18FEE017, True)
    assert odometer is not None
    assert [signal.name for signal in odometer.signals] == ["Distance", "Range"]
    assert database.of(0x18FEE017, False) is odometer  # written with few digits
    assert database.of(0x1F5, True) is database.of(0x1F5, False)
    assert database.of(0x7FF, False) is None


@pytest.mark.parametrize(
    "content", [b"", b"BO_ nonsense", b"\x00\xff" * 1000, b'VERSION "', b"[]", b"SG_" * 10_000]
)
def test_a_database_that_cannot_be_read_spoils_no_other(tmp_path: Path, content: bytes) -> None:
    bad = tmp_path / "bad.dbc"
    bad.write_bytes(content)
    database = load([tmp_path / "absent.dbc", bad, DATABASE])
    assert len(database.messages) == 7
    assert any("absent.dbc" in problem for problem in database.problems)
    if content:  # an empty file is an empty database
        assert any("bad.dbc" in problem for problem in database.problems)


def test_the_first_database_that_knows_a_frame_wins(tmp_path: Path, kinds: Path) -> None:
    other = tmp_path / "other.dbc"
    other.write_text(KINDS.replace("BO_ 1 Intel", "BO_ 1 Other"))
    database = load([kinds, other])
    assert database.messages[1, False].name == "Intel"
    assert "Other of other.dbc is Intel already." in database.problems


def test_a_fingerprint_follows_the_content(tmp_path: Path) -> None:
    file = tmp_path / "a.dbc"
    seen = {fingerprint([]), fingerprint([file])}
    for content in (b"1", b"2"):
        file.write_bytes(content)
        seen.add(fingerprint([file]))
    assert len(seen) == 4
    assert fingerprint([]) == ""
