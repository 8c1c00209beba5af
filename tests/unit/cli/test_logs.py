from typing import Any

import pytest
import typer

from ctlr.cli.logs import LARGEST_PAGE, lines, parse_since

NOW_S = 1_776_313_714.5


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("90s", 1_776_313_624_500),
        ("10m", 1_776_313_114_500),
        ("2h", 1_776_306_514_500),
        ("3d", 1_776_054_514_500),
        ("2026-04-16T04:28:34+00:00", 1_776_313_714_000),
        ("2026-04-16T06:28:34.5+02:00", 1_776_313_714_500),
    ],
)
def test_since(text: str, at_ms: int) -> None:
    assert parse_since(text, NOW_S) == at_ms


@pytest.mark.parametrize("text", ["soon", "10", "-5m", "5w", "", "99999999999999h", "0001-01-01"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_since(text, NOW_S)


def test_more_than_a_page_is_gathered_backwards() -> None:
    asked: list[dict[str, Any]] = []

    def get_page(query: dict[str, Any]) -> dict[str, Any]:
        asked.append(query)
        end = query.get("before", 2501)
        first = max(1, end - query["limit"])
        return {"logs": [{"number": n} for n in range(first, end)], "newest": 2500 + len(asked)}

    found = [line["number"] for line in lines(get_page, {"level": "INFO"}, 2200, follow=False)]
    assert found == list(range(301, 2501))
    assert [query["limit"] for query in asked] == [LARGEST_PAGE, LARGEST_PAGE, 200]
    assert len(list(lines(get_page, {}, 9999, follow=False))) == 2500
