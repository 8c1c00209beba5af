"""Times of day in the reader's own zone."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from ctlr.page.paint import with_times, zone_of
from ctlr.page.view.words import at


def test_an_instant_in_a_text_becomes_a_time_of_day() -> None:
    text = f"Records until {at(1_776_313_714_000)}, then it ends."
    assert with_times(text, UTC) == "Records until 04:28, then it ends."
    assert with_times(text, ZoneInfo("Australia/Melbourne")).startswith("Records until 14:28")


@pytest.mark.parametrize(
    ("cookie", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("Europe%2FBerlin", "Europe/Berlin"),
        ("", "UTC"),
        ("Nowhere/Land", "UTC"),
        ("../../etc/passwd", "UTC"),
        ("Europe", "UTC"),
        ("\u00e9", "UTC"),
    ],
)
def test_the_zone_of_a_cookie(cookie: str, name: str) -> None:
    assert str(zone_of({"tz": cookie})) == name
