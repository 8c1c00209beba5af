import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.postprocess.tables.numbers import Floats
from ctlr.postprocess.tables.rows import Rows


def parsed(*texts: str, delimiter: str = ";") -> Floats:
    data = "".join(f"{text}{delimiter}x\n" for text in texts)
    return Rows(data, delimiter, 2).numbers(0)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("7", 7),
        ("-7", -7),
        ("+7.5", 7.5),
        ("-.5", -0.5),
        ("5.", 5),
        ("12345678", 12345678),
        ("1776313714123456789", 1776313714123456789),
        ("1776313714.123456", 1776313714.123456),
        ("0,25", 0.25),
        ("-1776313714,5", -1776313714.5),
        ("0.00000000000000012345", 1.2345e-16),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("1.7763137E9", 1776313700),
        ("-2e-3", -0.002),
        ('"3.5"', 3.5),
        ('  "3,5" ', 3.5),
        ("\t4 ", 4),
    ],
)
def test_numbers(text: str, value: float) -> None:
    assert parsed(text)[0] == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    "text",
    ["", " ", "-", ".", "+-1", "1-2", "1.2.3", "1,2,3", "1_000", "0x10", "nan", "inf", "1e999",
     "abc", "12:30", "2026-04-14", "\u0661", "--1", "1 2"],
)  # fmt: skip
def test_what_is_no_number(text: str) -> None:
    assert math.isnan(parsed("5", text, "6")[1])
    assert parsed("5", text, "6")[[0, 2]].tolist() == [5, 6]


def test_quoted_decimal_commas_between_commas() -> None:
    assert parsed('"1,5"', '"-2,25"', "3", delimiter=",").tolist() == [1.5, -2.25, 3]


def test_no_rows_at_all() -> None:
    assert parsed().tolist() == []
    assert Rows("", ",", 1).numbers(0).tolist() == []


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_what_python_prints_is_read_back(values: list[float]) -> None:
    found = parsed(*map(repr, values))
    assert found == pytest.approx(values, rel=4e-16, abs=struct.unpack("<d", b"\1" + bytes(7))[0])


@given(st.lists(st.integers(-(2**63), 2**63), min_size=1, max_size=30))
def test_whole_numbers_are_exact(values: list[int]) -> None:
    assert parsed(*map(str, values)).tolist() == [float(value) for value in values]
