import pytest

from ctlr.postprocess.tables.clock import ClockColumn, choose_clock, unix_unit
from ctlr.postprocess.tables.header import Header, read_header
from ctlr.postprocess.tables.rows import Rows

AT_S = 1_776_313_714


def read(text: str) -> tuple[Header, Rows]:
    header = read_header(text)
    assert isinstance(header, Header)
    body = "\n".join(text.split("\n")[header.data_line :])
    return header, Rows(body, header.delimiter, header.width)


def chosen(text: str) -> ClockColumn | None:
    return choose_clock(*read(text))


@pytest.mark.parametrize(
    ("unit", "value", "more"),
    [("s", f"{AT_S}.5", 0), ("s", str(AT_S), -500), ("ms", f"{AT_S}500", 0),
     ("us", f"{AT_S}500000", 0), ("ns", f"{AT_S}500000000", 0)],
)  # fmt: skip
@pytest.mark.parametrize("name", ["time", "Time", "TIMESTAMP", "datetime", "unix_time"])
def test_units_are_told_apart_by_size(unit: str, value: str, more: int, name: str) -> None:
    text = f"x,{name}\n1,{value}\n2,{value}\n"
    clock = chosen(text)
    assert clock is not None
    assert (clock.name, clock.unit, clock.elapsed) == (name.lower(), unit, False)
    _, rows = read(text)
    assert clock.times_ms(rows).tolist() == [AT_S * 1000 + 500 + more] * 2


def test_dates_are_a_clock() -> None:
    clock = chosen("datetime,x\n2026-04-14T10:28:34.000Z,1\n")
    assert clock == ClockColumn("datetime", 0, "iso")
    local = chosen("date,x\n2026-04-14 10:28:34,1\n")
    assert local == ClockColumn("date", 0, "iso", zoned=False)


@pytest.mark.parametrize(
    ("header", "row", "name"),
    [
        ("datetime,time,seconds_elapsed", f"2026-04-14T10:28:34Z,{AT_S},0.5", "time"),
        ("seconds_elapsed,datetime", "0.5,2026-04-14T10:28:34Z", "datetime"),
        ("time,datetime", "0.5,2026-04-14T10:28:34Z", "datetime"),
        ("time,datetime", ",2026-04-14T10:28:34Z", "datetime"),
        ("time,seconds_elapsed", "17,0.5", "seconds_elapsed"),
        ("elapsed,x", "0.5,1", "elapsed"),
        ("time,x", "0.5,1", "time"),
    ],
)
def test_the_best_clock_is_chosen(header: str, row: str, name: str) -> None:
    clock = chosen(f"{header}\n{row}\n{row}\n")
    assert clock is not None
    assert clock.name == name
    assert clock.elapsed == (row.split(",")[header.split(",").index(name)] == "0.5")


@pytest.mark.parametrize(
    "text",
    ["x,y\n1,2\n", "time,x\n", "time,x\nsoon,1\nlater,2\n", "time,x\n,1\n,2\n1776313714,3\n"],
)
def test_no_clock(text: str) -> None:
    assert chosen(text) is None


@pytest.mark.parametrize("value", [0, -1, 1e5, 9.4e8, 1e30, float("inf"), float("nan")])
def test_other_numbers_are_no_instants(value: float) -> None:
    assert unix_unit(value) is None
