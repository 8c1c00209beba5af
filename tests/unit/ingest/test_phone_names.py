import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.ingest.phone_names import (
    MAX_NAME_BYTES,
    find_clash,
    is_litter,
    other_name,
    parse_upload_name,
)
from ctlr.kernel.errors import Refusal

LEGAL = [
    "Accelerometer.csv",
    "watch/heart_rate.csv",
    "Location 2026.csv",
    "Ünïcode größe.csv",
    "加速度.csv",
    "a",
    "Watch/Heart Rate (1).csv",
    "no-extension",
    "a.b.c.csv",
    "console.csv",
    "com10.csv",
    "joined\u200cword.csv",
    "x" * MAX_NAME_BYTES,
]

ILLEGAL = [
    b"",
    b".",
    b"..",
    b"/",
    b"/etc/cron.d/x",
    b"../../etc/passwd",
    b"watch/../../x",
    b"watch/..",
    b"watch//x",
    b"watch/",
    b"/x",
    b"a/b/c.csv",
    b"..\\x",
    b"C:\\x.csv",
    b"\\\\host\\share",
    b".hidden",
    b"watch/.hidden",
    b".watch/x",
    b"_tmp_x.csv",
    b"nul\x00byte.csv",
    b"new\nline.csv",
    b"esc\x1b[2J.csv",
    b"del\x7f.csv",
    "right\u202eleft.csv".encode(),
    "line\u2028sep.csv".encode(),
    b"\xff\xfe.csv",
    b"\xc0\xae\xc0\xae/x",
    b"x" * 300,
    b"x" * (MAX_NAME_BYTES + 1),
    "ü".encode() * (MAX_NAME_BYTES // 2 + 1),
]


@pytest.mark.parametrize("name", LEGAL)
def test_names_that_phones_send_are_taken_as_they_are(name: str) -> None:
    assert parse_upload_name(name.encode()) == name


@pytest.mark.parametrize("raw", ILLEGAL)
def test_names_that_escape_hide_or_cannot_exist_are_refused(raw: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        parse_upload_name(raw)
    assert refusal.value.code == "invalid_filename"
    assert refusal.value.detail.isprintable()
    assert len(refusal.value.detail) < 600


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        *[("2026-04-14 10:30:00.csv", "2026-04-14 10_30_00.csv"), ("c:x", "c_x")],
        *[('quo"te', "quo_te"), ("st*r?", "st_r_"), ("a<b>c|d", "a_b_c_d")],
        *[("CON", "_CON"), ("con.csv", "_con.csv"), ("watch/NUL.txt", "watch/_NUL.txt")],
        *[("Com1.csv", "_Com1.csv"), ("LPT9", "_LPT9"), ("COM¹.csv", "_COM¹.csv")],
        *[("aux .csv", "_aux .csv"), ("trailing.", "trailing"), ("trailing ", "trailing")],
        *[("watch /x", "watch/x"), ("a: ", "a_")],
    ],
)
def test_names_that_the_portable_drive_cannot_have_are_spelt_otherwise(raw: str, name: str) -> None:
    assert parse_upload_name(raw.encode()) == name
    assert parse_upload_name(name.encode()) == name


@pytest.mark.parametrize(
    "name",
    [
        *(".DS_Store", "watch/.DS_Store", "__MACOSX/._a.csv", "__MACOSX/watch/._a.csv"),
        *("._a.csv", "Thumbs.db", "a/b/desktop.ini"),
    ],
)
def test_what_a_system_adds_is_litter(name: str) -> None:
    assert is_litter(name.encode())


@pytest.mark.parametrize("name", ["a.csv", "DS_Store", ".hidden", "MACOSX/a.csv", "", "\xff"])
def test_what_is_no_litter(name: str) -> None:
    assert not is_litter(name.encode("latin-1"))


@pytest.mark.parametrize(
    ("name", "others", "replaced", "chosen"),
    [
        ("a.csv", [], [], "a.csv"),
        ("a.csv", ["a.csv"], [], "a-2.csv"),
        ("a.csv", ["A.csv", "a-2.csv"], [], "a-3.csv"),
        ("a.csv", [], ["a.csv"], "a.csv"),
        ("a.csv", [], ["A.csv"], "a-2.csv"),
        ("a.csv", [], ["A.csv", "a-2.csv"], "a-2.csv"),  # the same upload once more
        ("watch/a", ["watch/a"], [], "watch/a-2"),
        ("watch/y.csv", ["Watch/x.csv"], [], "Watch/y.csv"),
        ("watch/y.csv", ["WATCH"], [], "watch-2/y.csv"),
        ("watch", ["watch/x.csv"], [], "watch-2"),
        ("x" * MAX_NAME_BYTES, ["x" * MAX_NAME_BYTES], [], "x" * (MAX_NAME_BYTES - 2) + "-2"),
    ],
)
def test_another_name(name: str, others: list[str], replaced: list[str], chosen: str) -> None:
    assert other_name(name, others, replaced) == chosen


def test_both_unicode_forms_of_a_name_are_one_name() -> None:
    assert parse_upload_name("gro\u0308\u00dfe.csv".encode()) == "gr\u00f6\u00dfe.csv"


@given(st.one_of(st.binary(max_size=40), st.text(max_size=40).map(lambda t: t.encode("utf-8"))))
def test_whatever_is_accepted_stays_inside_and_is_stable(raw: bytes) -> None:
    try:
        name = parse_upload_name(raw)
    except Refusal:
        return
    parts = name.split("/")
    assert 1 <= len(parts) <= 2
    assert all(part not in ("", ".", "..") and not part.startswith(".") for part in parts)
    assert not set(name) & set('\0\n\r\\:*?"<>|')
    assert all(len(part.encode()) <= MAX_NAME_BYTES for part in parts)
    assert parse_upload_name(name.encode()) == name


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Accel.csv", "accel.csv"),
        ("watch/a.csv", "Watch/b.csv"),
        ("watch/a.csv", "watch/A.csv"),
        ("watch", "watch/a.csv"),
        ("Watch/a.csv", "watch"),
    ],
)
def test_names_that_cannot_stand_side_by_side(name: str, other: str) -> None:
    assert find_clash(name, ["gps.csv", other]) == other
    assert find_clash(other, [name]) == name


def test_names_that_can() -> None:
    others = ["accel.csv", "watch/accel.csv", "watch/gyro.csv", "headset/accel.csv"]
    for name in others:
        assert find_clash(name, others) is None
