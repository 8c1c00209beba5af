"""Tables as files, good and bad, from their first byte to their entry in the manifest."""

import codecs
import csv
import io
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctlr.postprocess.manifest.tables import TableEntry
from ctlr.postprocess.tables.header import Header
from ctlr.postprocess.tables.headings import read_heading
from ctlr.postprocess.tables.placing import SessionSpan, place
from ctlr.postprocess.tables.quantities import Quantity, find_quantity
from ctlr.postprocess.tables.row_times import MOST_HOLES
from ctlr.postprocess.tables.table import TableFacts, is_table, read_table
from ctlr.postprocess.tables.table_report import table_entry
from ctlr.postprocess.tables.text import LIMITS, Limits

START_MS = 1_776_313_714_000
SPAN = SessionSpan(START_MS, START_MS + 10_000)


def read(path: Path, name: str = "accelerometer.csv", limits: Limits = LIMITS) -> TableFacts:
    def find(header: Header) -> Quantity | None:
        return find_quantity(header, name)

    return read_table(path, find, limits)


def entry(
    path: Path, data: bytes | str, span: SessionSpan = SPAN, limits: Limits = LIMITS
) -> TableEntry:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return table_entry(path.name, place(read(path, limits=limits), span), span, "")


def codes(found: TableEntry) -> list[str]:
    return [problem.code for problem in found.problems]


def table(
    header: str = "time,seconds_elapsed,z,y,x",
    rows: int = 1001,
    scale: int = 1_000_000,
    end: str = "\n",
    delimiter: str = ",",
) -> str:
    """Ten seconds of a sensor at 100 Hz."""
    lines = [
        delimiter.join((str((START_MS + n * 10) * scale), f"{n / 100:.6f}", "0.1", "0.2", "-9.8"))
        for n in range(rows)
    ]
    return end.join([header.replace(",", delimiter), *lines, ""])


def is_whole(found: TableEntry) -> bool:
    times = (found.first_at, found.last_at, found.rate_hz)
    return found.rows == 1001 and times == (START_MS, START_MS + 10_000, 100)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "accelerometer.csv"


GOOD = {
    "as Sensor Logger writes it": table().encode(),
    "with a byte-order mark": codecs.BOM_UTF8 + table().encode(),
    "in UTF-16": table().encode("utf-16"),
    "in UTF-16, the other way round": codecs.BOM_UTF16_BE + table().encode("utf-16-be"),
    "from Windows": table(end="\r\n").encode(),
    "from an old Mac": table(end="\r").encode(),
    "mixed line ends": table().replace("0.2,-9.8\n", "0.2,-9.8\r\n", 300).encode(),
    "parted by semicolons": table(delimiter=";").encode(),
    "with decimal commas": table(delimiter=";").replace(".", ",").encode(),
    "parted by tabs": table(delimiter="\t").encode(),
    "upper case": table(header="TIME,SECONDS_ELAPSED,Z,Y,X").encode(),
    "microseconds": table(scale=1000).encode(),
    "milliseconds": table(header="ts_ms,s,z,y,x", scale=1).encode(),
    "blank lines": table().replace("\n", "\n\n").encode(),
    "no end of line at the end": table().rstrip("\n").encode(),
    "a delimiter too many": table().replace("-9.8\n", "-9.8,\n").encode(),
    "quoted": "".join(f'"{line}"\n'.replace(",", '","') for line in table().splitlines()).encode(),
    "a quoted line break": table().replace("0.2", '"a\nb, ""c"""', 50).encode(),
    "not UTF-8": table(header="time,größe,z,y,x").encode("latin-1"),
}


@pytest.mark.parametrize("how", GOOD)
def test_a_table_in_any_dialect(file: Path, how: str) -> None:
    found = entry(file, GOOD[how])
    assert is_whole(found), found
    assert codes(found) == []


@pytest.mark.parametrize("how", GOOD)
def test_blocks_may_end_anywhere(file: Path, how: str) -> None:
    assert is_whole(entry(file, GOOD[how], limits=Limits(block_bytes=499)))


def test_seconds_with_a_fraction(file: Path) -> None:
    rows = "".join(f"{START_MS // 1000 + n / 100:.2f},1\n" for n in range(1001))
    found = entry(file, "time,x\n" + rows)
    assert is_whole(found)
    assert (found.clock, found.unit) == ("time", "s")


BAD = {
    "empty": (b"", ["empty"]),
    "only a mark": (codecs.BOM_UTF8, ["empty"]),
    "header only": (b"time,seconds_elapsed,z,y,x\n", ["no_rows"]),
    "header only, cut off": (b"time,seconds_elapsed,z,y,x", ["no_rows"]),
    "a picture": (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 500, ["not_csv"]),
    "zeros": (bytes(100_000), ["not_csv"]),
    "one endless line": (b"a" * 300_000, ["not_csv"]),
    "a counter without header": (b"10,0.1,5\n20,0.1,4\n30,0.2,5\n", ["no_header", "no_time"]),
    "no time column": (b"z,y,x\n1,2,3\n4,5,6\n", ["no_time"]),
    "no time in it": (b"time,x\nsoon,1\nlater,2\n", ["no_time"]),
    "JSON": (b'{"rows": [{"time": 1776313714000}]}\n', ["not_csv"]),
    "JSON in rows": (b'[{"time":"1776313714000000000","x":"1"},\n{}]\n', ["not_csv"]),
    "minutes": (b"Time (min),x\n0.0,1\n0.1,2\n", ["no_time"]),
    "decimal commas between commas": (
        table().replace(".", ",").encode(),
        ["uneven_rows", "no_time"],
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_files_have_an_entry_that_says_why(file: Path, what: str) -> None:
    data, wanted = BAD[what]
    found = entry(file, data)
    assert codes(found) == wanted
    assert (found.first_at, found.last_at, found.rate_hz, found.clock) == (None, None, None, None)
    assert all(problem.text.endswith(".") for problem in found.problems)


def test_times_that_go_back(file: Path) -> None:
    lines = table().splitlines()
    lines[500:] = lines[300:]
    found = entry(file, "\n".join(lines) + "\n")
    assert codes(found) == ["times_go_back"]
    assert found.problems[0].count == 1
    assert "by up to 2.0 s" in found.problems[0].text
    assert found.last_at == START_MS + 10_000


def test_a_file_that_was_cut_off(file: Path) -> None:
    text = table()
    found = entry(file, text[: text.rindex(",0.1")])
    assert codes(found) == ["uneven_rows"]
    assert (found.rows, found.last_at) == (1001, START_MS + 10_000)
    found = entry(file, text[: text.rindex("0,10.0")])  # in the middle of its last time
    assert codes(found) == ["uneven_rows", "bad_times"]
    assert (found.rows, found.last_at) == (1001, START_MS + 9990)


SMALL = Limits(block_bytes=4096, row_chars=8192)


@pytest.mark.parametrize("limits", [LIMITS, SMALL], ids=["at once", "in blocks"])
def test_a_quote_that_is_never_closed(file: Path, limits: Limits) -> None:
    text = table().replace("0.2,-9.8\n", '"0.2,-9.8\n', 1)
    found = entry(file, text, limits=limits)
    assert is_whole(found)
    assert "stray_quotes" in codes(found)


def test_a_row_without_end_is_passed_over(file: Path) -> None:
    text = table()
    middle = text.index("\n", len(text) // 2) + 1
    found = entry(file, text[:middle] + "," * 100_000 + "\n" + text[middle:], limits=SMALL)
    assert (found.first_at, found.last_at) == (START_MS, START_MS + 10_000)
    assert found.problems[0].code == "uneven_rows"


def test_a_file_longer_than_is_read(file: Path) -> None:
    found = entry(file, table(rows=40_000), limits=Limits(file_bytes=1 << 20))
    assert 20_000 < found.rows < 30_000
    assert found.last_at is not None
    assert codes(found)[0] == "not_read_whole"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    facts = read(tmp_path / "away.csv")
    assert facts.no_table is not None
    assert facts.no_table.code == "unreadable"
    assert "No such file" in facts.no_table.text
    assert read(tmp_path).no_table is not None


def test_what_is_measured(file: Path) -> None:
    file.write_text(table())
    measured = read(file, "Gyroscope.csv").measured
    assert measured is not None
    assert measured.span_s == pytest.approx(10, abs=0.02)
    assert measured.values == pytest.approx((0.1**2 + 0.2**2 + 9.8**2) ** 0.5)
    assert read(file, "accelerometer.csv").measured is None
    file.write_text("time,speed,latitude\n1776313714,5,1\n1776313715,-1,1\n1776313716,6.5,1\n")
    measured = read(file, "Location.csv").measured
    assert measured is not None
    assert measured.values.tolist() == [5, 6.5]


@pytest.mark.parametrize(
    ("name", "columns", "kind"),
    [
        ("gyroscope.csv", "time,x,y,z", "rotation"),
        ("GyroscopeUncalibrated.csv", "time,z,y,x", "rotation"),
        ("WristMotion.csv", "time,rotationRateX,rotationRateY,rotationRateZ,gravityX", "rotation"),
        ("headphonemotion.csv", "time,rotationRateX,rotationRateY,rotationRateZ", None),
        ("accelerometer.csv", "time,x,y,z", None),
        ("gyroscope.csv", "time,x,y", None),
        ("gps.csv", "time,latitude,longitude,speed", "speed"),
        ("fan.csv", "time,speed", None),
    ],
)
def test_which_tables_measure_motion(name: str, columns: str, kind: str | None) -> None:
    found = find_quantity(Header(",", tuple(map(read_heading, columns.split(",")))), name)
    assert (found.kind if found else None) == kind


def test_tables_are_known_by_their_names() -> None:
    assert [is_table(name) for name in ("a.csv", "A.CSV", "a.tsv", "a.json", "csv", "a.csv.gz")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


NUMBERISH = st.text(st.sampled_from('0123456789.,;:-+eETZ\t "\r\n\0'), max_size=12)
CSVISH = st.lists(st.lists(NUMBERISH, max_size=4).map(",".join), max_size=30).map("\n".join)
HEADS = st.sampled_from(
    ["", "time,x\n", "time;x\n", "seconds_elapsed,x,y,z\n", "datetime\tspeed\tlatitude\n"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(head=HEADS, body=st.binary(max_size=400) | CSVISH.map(str.encode), block=st.integers(1, 99))
def test_any_bytes_have_an_entry(tmp_path: Path, head: str, body: bytes, block: int) -> None:
    path = tmp_path / "gyroscope.csv"
    path.write_bytes(head.encode() + body)
    facts = read(path, path.name, Limits(block_bytes=block, row_chars=100))
    for span in (SPAN, SessionSpan()):
        found = table_entry(path.name, place(facts, span), span, "")
        again = TableEntry.model_validate_json(found.model_dump_json())
        assert again == found
        assert 0 <= found.rows <= len(head) + len(body)
        assert len(found.gaps) <= MOST_HOLES
        assert (found.first_at is None) == (found.last_at is None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(START_MS - 10**7, START_MS + 10**7),
            st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Z"]), max_size=6),
        ),
        min_size=2,
        max_size=50,
    ),
    st.sampled_from(",;\t"),
)
def test_rows_and_times_are_those_that_were_written(
    tmp_path: Path, rows: list[tuple[int, str]], delimiter: str
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([("note", "time"), *((n, t) for t, n in rows)])
    found = entry(tmp_path / "x.csv", text.getvalue(), SessionSpan())
    times = [time for time, _ in rows]
    assert (found.rows, found.first_at, found.last_at) == (len(rows), min(times), max(times))
    back = sum(after < before for before, after in pairwise(times))
    assert [p.count for p in found.problems if p.code == "times_go_back"] == [back][: back > 0]
