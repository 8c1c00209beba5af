import zipfile
from pathlib import Path

import pytest

from ctlr.postprocess.tables.archives import (
    MOST_MEMBERS,
    ArchiveError,
    list_members,
    read_member,
    split_member,
    why_unread,
)
from ctlr.postprocess.tables.text import Limits

TABLE = "Time (s),x\n" + "".join(f"{n / 100:.9E},1\n" for n in range(1000))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "export.zip"


def write(path: Path, *names: str, text: str = TABLE) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, text)


def test_tables_are_found_and_nothing_else(path: Path) -> None:
    write(
        path,
        "Raw/Accelerometer.csv",
        "meta/time.csv",
        "a.jpg",
        "__MACOSX/._a.csv",
        ".b.csv",
        "x\n.csv",
    )
    assert list_members(path) == ("Raw/Accelerometer.csv", "meta/time.csv")


def test_a_member_is_read_like_a_file(path: Path) -> None:
    write(path, "Accelerometer.csv")
    facts = read_member(path, "Accelerometer.csv", lambda _: None, Limits(block_bytes=1000))
    assert facts.rows == 1000
    assert facts.times.rate_hz == pytest.approx(100)
    assert facts.clock is not None
    assert facts.clock.unit == "s"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.csv", ("a.csv", None)),
        ("a.zip", ("a.zip", None)),
        ("phone/A.ZIP/b/c.csv", ("phone/A.ZIP", "b/c.csv")),
    ],
)
def test_where_a_table_lies(name: str, parts: tuple[str, str | None]) -> None:
    assert split_member(name) == parts


def test_an_archive_that_cannot_be_read(path: Path) -> None:
    write(path, "a.csv")
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[60:70] = bytes(10)
    for data in (b"", whole[:-30], bytes(damaged)):
        path.write_bytes(data)
        found = read_member(path, "a.csv", lambda _: None)
        assert found.no_table is not None
        assert found.no_table.code == "unreadable"
        assert found.no_table.text.startswith("The archive cannot be read")
    path.unlink()
    with pytest.raises(ArchiveError, match="No such file"):
        list_members(path)


def test_an_archive_changed_below_the_reader(path: Path) -> None:
    write(path, "a.csv")
    found = read_member(path, "b.csv", lambda _: None)
    assert found.no_table is not None
    assert found.no_table.text == "It is not in the archive any more."


def test_no_archive_is_read_without_bounds(path: Path) -> None:
    write(path, *(f"{n}.csv" for n in range(MOST_MEMBERS + 1)), text="")
    with pytest.raises(ArchiveError, match="more in it than is looked at"):
        list_members(path)
    write(path, "a.csv")
    with pytest.raises(ArchiveError, match="more in it than is looked at"):
        list_members(path, Limits(file_bytes=100))


def test_what_nobody_looks_into(tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(' [{"sensor":"Gyroscope","time":"1","x":"2"}]')
    found = why_unread("rows.json", rows)
    assert found is not None
    assert found.text == (
        "It was not looked into: tables are read as CSV, alone or in a zip, and not as json."
    )
    rows.write_text('{"time":1,"x":2}\n{"time":2,"x":3}\n')
    assert why_unread("rows.json", rows) == found
    rows.write_text('{"time":1,\n "device":"a phone"}')
    assert why_unread("rows.json", rows) is None
    rows.write_text('["a", "b"]')
    assert why_unread("rows.json", rows) is None
    assert why_unread("away.json", tmp_path / "away.json") is None
    assert why_unread("a.jpg", rows) is None
