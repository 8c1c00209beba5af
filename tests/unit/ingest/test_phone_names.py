import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.ingest.phone_names import MAX_NAME_BYTES, find_clash, parse_upload_name
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
    b"c:x",
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
    b"CON",
    b"con.csv",
    b"watch/NUL.txt",
    b"Com1.csv",
    b"LPT9",
    "COM¹.csv".encode(),
    b"aux .csv",
    b"trailing.",
    b"trailing ",
    b"watch /x",
    b'quo"te',
    b"st*r",
    b"a:b",
    b"a<b",
    b"a>b",
    b"a?b",
    b"a|b",
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
