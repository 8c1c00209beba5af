import pytest

from ctlr.postprocess.tables.header import Header, NoTable, read_header
from ctlr.postprocess.tables.headings import normalise


@pytest.mark.parametrize(
    ("head", "delimiter", "columns"),
    [
        ("time,seconds_elapsed,z,y,x\n1,2,3,4,5\n", ",", "time seconds_elapsed z y x"),
        ("Time;X;Y", ";", "time x y"),
        ("time;value\n1,5;2,5\n1,6;2,6\n", ";", "time value"),
        ("time\tx\r\n", "\t", "time x"),
        ("\r\n\r\ntime,x\r\n", ",", "time x"),
        ('"Time (s)","a,b","line\nbreak"\n', ",", "time a,b line_break"),
        ("# Time [ns], X-Axis \n", ",", "time x_axis"),
        ("time\n1\n2\n", ",", "time"),
        ("time,x,\n1,2,\n", ",", "time x "),
        ("zeit,größe\n", ",", "zeit grösse"),
    ],
)
def test_headers(head: str, delimiter: str, columns: str) -> None:
    header = read_header(head)
    assert isinstance(header, Header)
    assert header.delimiter == delimiter
    assert " ".join(header.columns) == columns


@pytest.mark.parametrize(
    ("head", "code"),
    [
        ("", "empty"),
        ("\n\r\n  \n", "empty"),
        ("\x89PNG\n\x1a\n\0\0\0IHDR", "not_csv"),
        ("".join(map(chr, range(1, 32))) * 10, "not_csv"),
        ("a," * 10_000 + "\n", "not_csv"),
    ],
)
def test_what_is_no_table(head: str, code: str) -> None:
    found = read_header(head)
    assert isinstance(found, NoTable)
    assert found.code == code


def test_names_are_compared_without_case_and_unit() -> None:
    same = ["Time", " TIME ", "time (s)", "#Time [ms]"]
    assert {normalise(name) for name in same} == {"time"}
    assert normalise("Seconds Elapsed") == normalise("seconds-elapsed") == "seconds_elapsed"
