import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.postprocess.tables.instants import DateOrder, parse_instants, read_instant
from ctlr.postprocess.tables.numbers import Floats

AT_MS = 1_776_162_514_000  # 2026-04-14T10:28:34Z


def parsed(*texts: str) -> Floats:
    return parse_instants(texts)


@pytest.mark.parametrize(
    ("text", "offset_ms"),
    [
        ("2026-04-14T10:28:34Z", 0),
        ("2026-04-14 10:28:34", 0),
        ('"2026-04-14T10:28:34.5Z"', 500),
        ("2026-04-14T10:28:34,123456789Z", 123.456789),
        ("2026-04-14T20:28:34.25+10:00", 250),
        ("2026-04-14T10:28:34-0130", 5_400_000),
        ("2026-04-14", -(10 * 3600 + 28 * 60 + 34) * 1000),
    ],
)
def test_dates(text: str, offset_ms: float) -> None:
    assert parsed(text)[0] == pytest.approx(AT_MS + offset_ms, abs=0.001)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-13-14T10:28:34Z", "2026-04-00T10:28:34Z", "2026-00-14T10:28:34Z",
     "2026-04-14T24:28:34Z", "2026-04-14T10:61:34Z", "2026-02-29T10:28:34Z", "31.04.2026 10:28",
     "2026-04-14T10:28:34+abc", "2026-04-14T10:28:34.5.6", "9999-99-99T99:99:99Z", "0" * 40],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    assert math.isnan(parsed(text)[0])


ZONES = st.integers(-14 * 4, 14 * 4).map(
    lambda quarters: timezone(timedelta(minutes=15 * quarters))
)
WHEN = st.datetimes(datetime(1980, 1, 1), datetime(2190, 1, 1), timezones=ZONES)  # noqa: DTZ001


@given(
    st.lists(WHEN, min_size=1, max_size=10), st.sampled_from(["seconds", "milliseconds", "auto"])
)
def test_what_python_prints_is_read_back(values: list[datetime], digits: str) -> None:
    found = parsed(*(value.isoformat(timespec=digits) for value in values))
    again = [datetime.fromisoformat(value.isoformat(timespec=digits)) for value in values]
    assert found == pytest.approx([value.timestamp() * 1000 for value in again], abs=0.002)
    in_utc = [value.astimezone(UTC).isoformat().replace("+00:00", "Z") for value in values]
    assert parsed(*in_utc) == pytest.approx([v.timestamp() * 1000 for v in values], abs=0.002)


ODD_FORMS = (
    "%d.%m.%Y %H:%M:%S,%f", "%Y-%m-%d %H:%M:%S.%f UTC", "%d-%b-%Y %H:%M:%S.%f GMT",
    "%m/%d/%Y %I:%M:%S.%f %p", "%a %b %d %H:%M:%S GMT %Y", "%Y-%m-%dT%H:%M:%S.%f[Etc/UTC]",
)  # fmt: skip


@given(st.lists(WHEN, min_size=1, max_size=10), st.sampled_from(ODD_FORMS))
def test_a_column_is_read_like_each_of_its_fields(values: list[datetime], form: str) -> None:
    texts = [value.astimezone(UTC).strftime(form) for value in values]
    order: DateOrder = "month first" if form.startswith("%m") else "day first"
    wanted = [value.astimezone(UTC) for value in values]
    if "%f" not in form:
        wanted = [value.replace(microsecond=0) for value in wanted]
    found = parse_instants(texts, order)
    assert found == pytest.approx([value.timestamp() * 1000 for value in wanted], abs=0.002)
    alone = [instant for text in texts if (instant := read_instant(text, order))]
    assert found == pytest.approx([instant.ms for instant in alone], abs=0.002)


def test_summer_time_begins_within_a_column() -> None:
    """In Berlin on 29 March 2026, 02:00 is 03:00."""
    texts = ["2026-03-29T01:59:59[Europe/Berlin]", "2026-03-29T03:00:00[Europe/Berlin]"] * 2
    found = parse_instants(texts)
    assert (found[1::2] - found[::2]).tolist() == [1000, 1000]
