"""What strangers say can be shown and stored, whatever they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.kernel.texts import MOST_LETTERS, make_harmless, show_controls
from ctlr.nodes.messages import NodeStatus, SyncReport


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no space left", "no space left"),
        ("half a pair \ud800", "half a pair \\ud800"),
        ("two\nlines", "two\\nlines"),
        ("\x1b[2J", "\\x1b[2J"),
        ("turned \u202e round", "turned \\u202e round"),
        ("größer als µ", "größer als µ"),
    ],
)
def test_texts_as_they_are_shown(text: str, shown: str) -> None:
    assert make_harmless(text) == shown


@given(st.text(st.characters()))
def test_any_text_is_short_and_can_be_encoded(text: str) -> None:
    shown = make_harmless(text * 50)
    assert len(shown) <= MOST_LETTERS
    assert shown == show_controls(shown)
    assert shown.encode().decode() == shown


def test_what_a_camera_says_is_harmless_from_the_beginning() -> None:
    status = NodeStatus(state="error", error="\ud800")
    report = SyncReport(camera="cam-01", status="error", error="a\nb")
    assert (status.error, report.error) == ("\\ud800", "a\\nb")
