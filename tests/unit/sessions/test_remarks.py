"""What people say of a session."""

import pytest

from ctlr.kernel.errors import Refusal
from ctlr.sessions.remarks import parse_label, parse_remarks


def test_remarks_are_kept_as_they_were_meant() -> None:
    said = {"label": "  lap 1, [dry] ü ", "notes": "fog\n\tleft lens", "verdict": "bad"}
    kept = {"label": "lap 1, [dry] ü", "notes": "fog\n\tleft lens", "verdict": "bad"}
    assert parse_remarks(said) == kept
    assert parse_remarks({"label": " ", "verdict": None}) == {"label": None, "verdict": None}
    assert parse_remarks({}) == {}
    assert parse_label("u\u0308") == "ü"
    assert parse_label("x" * 80) == "x" * 80


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("label", "x" * 81),
        ("label", "two\nlines"),
        ("label", "a\x1b[2J"),
        ("notes", "x" * 4001),
        ("notes", "a\x00"),
        ("verdict", "great"),
    ],
)
def test_what_cannot_be_kept(name: str, text: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_remarks({name: text})
    assert refused.value.code == "invalid_request"
    assert "nothing was changed" in refused.value.detail
