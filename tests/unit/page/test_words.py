"""Numbers as people say them."""

import pytest

from ctlr.page.view import words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-3, "0 s"),
        (0.4, "0 s"),
        (89, "89 s"),
        (90, "2 min"),
        (59 * 60, "59 min"),
        (125 * 60, "2 h 05 min"),
        (47 * 3600, "47 h 00 min"),
        (80 * 3600, "3 days"),
    ],
)
def test_how_long(seconds: float, said: str) -> None:
    assert words.lasting(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(-1, "0 s"), (9.6, "10 s"), (130, "2 min 10 s"), (3600, "60 min")]
)
def test_how_long_still(seconds: float, said: str) -> None:
    assert words.countdown(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0:00"), (724.9, "12:04"), (3723, "1:02:03"), (-5, "0:00")]
)
def test_a_stopwatch(seconds: float, said: str) -> None:
    assert words.stopwatch(seconds) == said


def test_a_clock_with_its_bound() -> None:
    assert words.clock(None, None) == "not measured yet"
    assert words.clock(-3.14, 0.52) == "\u22123.1 \u00b1 0.5 ms"
    assert words.clock(-0.04, 0.52) == "0.0 \u00b1 0.5 ms"
    assert words.clock(7_200_000, 3) == "+7,200.0 s"


@pytest.mark.parametrize(
    ("items", "said"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_a_list(items: list[str], said: str) -> None:
    assert words.listed(items) == said


def test_counts_and_sentences() -> None:
    assert words.count(1, "file") == "1 file"
    assert words.count(12_000, "frame") == "12,000 frames"
    assert words.sentence("it is full") == "It is full."
    assert words.sentence("It is full.") == "It is full."
    assert words.sentence("  ") == ""
    assert words.sentence("cam-02 is away") == "cam-02 is away."
