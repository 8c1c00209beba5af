"""A serial adapter's lines."""

import os
import pty
import tty

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctlr.can.frame import parse_lines
from ctlr.can.slcan import SlcanSource, parse_slcan


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b"t1A0200ff", b"7,1A0,2,00FF\n"),
        (b"t1A00", b"7,1A0,0,\n"),
        (b"t1A0200ff12AB", b"7,1A0,2,00FF\n"),  # with a time stamp
        (b"T18DAF11080011223344556677", b"7,18DAF110,8,0011223344556677\n"),
        (b"r1A08", b"7,1A0,8,\n"),
        (b"R18DAF1104", b"7,18DAF110,4,\n"),
        (b"d1239" + b"ab" * 12, b"7,123,12," + b"AB" * 12 + b"\n"),
        (b"B1" + b"1" * 7 + b"F" + b"00" * 64, b"7,11111111,64," + b"00" * 64 + b"\n"),
    ],
)
def test_each_kind_of_frame(line: bytes, row: bytes) -> None:
    taken = parse_slcan(line, 7)
    assert (taken.data, taken.errors) == (row, 0)
    assert parse_lines(row[:-1]).data == row


def test_answers_are_no_frames_and_no_errors() -> None:
    taken = parse_slcan(b"\r\rz\rZ\rV1013\rN1234\rF00", 7)
    assert (taken.data, taken.errors) == (b"", 0)


@pytest.mark.parametrize("line", [b"t1A02", b"t1A09" + b"00" * 9, b"hello", b"t1", b"\xff", b"\a"])
def test_what_is_none_is_an_error(line: bytes) -> None:
    taken = parse_slcan(b"t1A0100\r" + line + b"\rt1A0101", 7)
    assert (taken.data, taken.errors) == (b"7,1A0,1,00\n7,1A0,1,01\n", 1)


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_no_line_raises_and_what_it_makes_is_a_row(text: bytes) -> None:
    taken = parse_slcan(text, 7)
    assert parse_lines(taken.data[:-1]).data == taken.data or not taken.data


def test_lines_that_come_in_pieces_and_an_adapter_that_is_unplugged() -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    source = SlcanSource(slave)
    os.write(master, b"t1A0100\rt1A0")
    assert source.read(5).data.endswith(b"1A0,1,00\n")
    os.write(master, b"1FF\r")
    assert source.read(5).data.endswith(b"1A0,1,FF\n")
    os.write(master, b"x" * 1000)
    assert source.read(5).errors == 1
    os.close(master)
    with pytest.raises(OSError, match=r"unplugged|Input/output"):
        source.read(5)
    os.close(slave)
