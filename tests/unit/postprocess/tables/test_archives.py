import zipfile
from pathlib import Path

import pytest

from ctlr.postprocess.tables.archives import (
    MOST_MEMBERS,
    ArchiveError,
    Listing,
    list_members,
    read_anchors,
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
    assert list_members(path) == Listing(("Raw/Accelerometer.csv",))


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


def test_two_members_of_one_name_are_named(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", TABLE)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.csv", "Time (s),x\n1,2\n")
    listing = list_members(path)
    assert (listing.tables, listing.unread and listing.unread.text) == (
        ("a.csv",),
        "1 of its tables have a name that another has too; of each name the last one was read.",
    )
    assert read_member(path, "a.csv", lambda _: None).rows == 1


def test_an_archive_that_claims_too_much(path: Path) -> None:
    write(path, "a.csv", text="time,x\n" + "1,2\n" * (6 << 20))
    with pytest.raises(ArchiveError, match=r"24 MiB of tables in 2. KiB, which no table does"):
        list_members(path)
    write(path, "a.csv", "b.csv", text="time,x\n" + "1,2\n" * (1 << 20))
    assert list_members(path).unread is None, "a little shrinks as much as it likes"


def test_archives_within_are_named(path: Path) -> None:
    write(path, "a.csv", "inner.zip", "b/Sheet.XLSX", "c.gz", "d.rar", "__MACOSX/._e.zip")
    listing = list_members(path)
    assert (listing.tables, listing.unread and listing.unread.text) == (
        ("a.csv",),
        "b/Sheet.XLSX, c.gz, d.rar and 1 more in it were not looked into: send them as they are.",
    )
    write(path, "inner.zip")
    with pytest.raises(ArchiveError, match=r"^inner\.zip in it were not looked into"):
        list_members(path)


def test_json_nested_too_deeply_is_named_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_text('[{"time":' + "[" * 100_000)
    found = why_unread("deep.json", path)
    assert found is not None
    assert found.code == "not_looked_into"


EVENTS = """"event","experiment time","system time","system time text"
"START",0.000000000E0,1.776162514250E9,"2026-04-14 10:28:34.250 UTC"
"PAUSE",5.000000000E0,1.776162519250E9,"2026-04-14 10:28:39.250 UTC"
"""


def test_when_an_experiment_of_phyphox_was(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Accelerometer.csv", TABLE)
        archive.writestr("meta/device.csv", "property,value\n")
        archive.writestr("meta/time.csv", EVENTS)
    assert list(read_anchors(path)) == [(0, 1_776_162_514_250)]
    assert list_members(path).tables == ("Accelerometer.csv",)
    write(path, "a.csv", "meta/time.csv")
    assert read_anchors(path) == (), "another table of that name"
    path.write_bytes(b"PK")
    assert read_anchors(path) == ()


def test_what_nobody_looks_into(tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(' [{"sensor":"Gyroscope","time":"1","x":"2"}]')
    found = why_unread("rows.json", rows)
    assert found is not None
    assert found.text == (
        "It was not looked into: tables are read as CSV or GPX, alone or in a zip, and not as json."
    )
    rows.write_text('{"time":1,"x":2}\n{"time":2,"x":3}\n')
    assert why_unread("rows.json", rows) == found
    rows.write_text('{"time":1,\n "device":"a phone"}')
    assert why_unread("rows.json", rows) is None
    rows.write_text('["a", "b"]')
    assert why_unread("rows.json", rows) is None
    assert why_unread("away.json", tmp_path / "away.json") is None
    assert why_unread("a.jpg", rows) is None
