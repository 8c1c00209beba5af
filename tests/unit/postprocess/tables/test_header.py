import pytest

from ctlr.postprocess.tables.header import HEAD_BYTES, Header, NoTable, normalise, read_header


@pytest.mark.parametrize(
    ("head", "delimiter", "columns"),
    [
        (b"time,seconds_elapsed,z,y,x\n1,2,3,4,5\n", ",", "time seconds_elapsed z y x"),
        (b"Time;X;Y", ";", "time x y"),
        (b"time;value\n1,5;2,5\n1,6;2,6\n", ";", "time value"),
        (b"time\tx\r\n", "\t", "time x"),
        (b"\r\n\r\ntime,x\r\n", ",", "time x"),
        (b'"Time (s)","a,b","line\nbreak"\n', ",", "time a,b line_break"),
        (b"# Time [ns], X-Axis \n", ",", "time x_axis"),
        (b"time\n1\n2\n", ",", "time"),
        (b"time,x,\n1,2,\n", ",", "time x "),
        ("zeit,größe\n".encode("latin-1"), ",", "zeit gr\ufffd\ufffde"),
    ],
)
def test_headers(head: bytes, delimiter: str, columns: str) -> None:
    header = read_header(head)
    assert isinstance(header, Header)
    assert header.delimiter == ord(delimiter)
    assert " ".join(header.columns) == columns


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"", "empty"),
        (b"\n\r\n  \n", "empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not_csv"),
        (bytes(range(1, 32)) * 10, "not_csv"),
        (b"x" * HEAD_BYTES, "not_csv"),
        (b"a," * 10_000 + b"\n", "not_csv"),
        (b"1776313714000,0.5,-1e3\n1776313714010,0.6,0\n", "no_header"),
        (b"1,5;2,5\n", "no_header"),
    ],
)
def test_what_is_no_table(head: bytes, code: str) -> None:
    found = read_header(head)
    assert isinstance(found, NoTable)
    assert found.code == code


def test_names_are_compared_without_case_and_unit() -> None:
    same = ["Time", " TIME ", "time (s)", "#Time [ms]"]
    assert {normalise(name) for name in same} == {"time"}
    assert normalise("Seconds Elapsed") == normalise("seconds-elapsed") == "seconds_elapsed"
