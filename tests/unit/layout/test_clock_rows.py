"""``clock.csv``: what is written is read, and a file that is cut off loses its last row only."""

from ctlr.layout.clock_rows import ClockRow, format_clock_rows, parse_clock_rows

ROWS = [
    ClockRow("can/car", 1_776_313_714_000, -3.0, 21.0, "arrival"),
    ClockRow("melb-01-cam-01", 1_776_313_714_000, 2000.125, 0.4, "exchange"),
    ClockRow("phone", 1_776_313_714_900, -12.5, 3.0, "phone"),
]


def test_rows_come_back() -> None:
    text = format_clock_rows(ROWS)
    assert text.splitlines()[2] == "melb-01-cam-01,1776313714000,2000.125,0.400,exchange"
    assert parse_clock_rows(text) == ROWS


def test_columns_may_be_added_behind() -> None:
    text = format_clock_rows(ROWS).replace("\n", ",more\n")
    assert parse_clock_rows(text) == ROWS


def test_what_is_no_row_is_passed_over() -> None:
    text = format_clock_rows(ROWS)
    assert parse_clock_rows(text[: text.index("phone") + 8]) == ROWS[:2]
    assert parse_clock_rows(text + "phone,now,1,1,phone\nphone,1,nan,1,phone\n") == ROWS
    assert parse_clock_rows("") == parse_clock_rows("a,b\n1,2\n") == []
