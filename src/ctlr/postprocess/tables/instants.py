"""Dates and times of day, as loggers write them, out of the fields of a column. Pure.

ISO 8601 is read by Python itself. The rest is read part by part:

- the date as year-month-day, day.month.year, ``14-Apr-2026`` or ``Tue Apr 14 10:28:34 GMT 2026``;
  with slashes or dashes, day or month may come first (``DateOrder``);
- the time of day with or without seconds, a fraction behind a point, a comma, a colon or an
  underscore, AM or PM;
- the zone as ``Z``, ``+0200``, ``UTC+02:00``, ``GMT`` or, in brackets, ``[Europe/Berlin]``.

An instant without a zone that is understood is taken for UTC.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from ctlr.postprocess.tables.numbers import Floats

DateOrder = Literal["day first", "month first"]
DAY_MS = 86_400_000.0
_MOST_CHARS = 64

_MONTHS = {
    name: number + 1
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    )
}
_YEAR_FIRST = re.compile(r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?=\D|$)")
_YEAR_LAST = re.compile(r"(?P<a>\d{1,2})(?P<sep>[-/.])(?P<b>\d{1,2})[-/.](?P<y>\d{4}|\d\d)(?=\D|$)")
_MONTH_NAMED = re.compile(
    r"(?P<d>\d{1,2})[- .]+(?P<m>[a-z]{3})[a-z]*[- .,]+(?P<y>\d{4})", re.IGNORECASE
)
_UNIX_DATE = re.compile(r"(?:[a-z]{3},? )?(?P<m>[a-z]{3}) +(?P<d>\d{1,2})(?=[ ,])", re.IGNORECASE)
_LONE_YEAR = re.compile(r"(?:^|[ ,])(?P<y>\d{4})(?=[ ,]|$)")
_TIME = re.compile(
    r"(?P<h>\d{1,2})(?P<sep>[:-])(?P<m>\d\d)(?:(?P=sep)(?P<s>\d\d)(?:[.,:_](?P<f>\d{1,9}))?)?"
    r"(?!\d)\s*(?P<half>[ap]\.?m\.?)?",
    re.IGNORECASE,
)
_CLOCK_FACE = re.compile(
    r"([^:]*\D)(\d\d):(\d\d):(\d\d)(?:[.,:_](\d{1,9}))?((?:[^\d.,:_].*)?)", re.DOTALL
)
_OFFSET = re.compile(
    r"(?:utc|gmt|z)?\s*(?P<sign>[+\-\u2212])(?P<h>\d{1,2}):?(?P<m>\d\d)?", re.IGNORECASE
)
_REGION = re.compile(r"\[(?P<name>[\w+\-/]+)\]")


@dataclass(frozen=True, slots=True)
class Instant:
    """``zoned``: it names a zone that is understood; ``dated``, ``timed``: it has a date, a time
    of day; ``ambiguous``: day and month could be the other way round."""

    ms: float
    zoned: bool = False
    dated: bool = True
    timed: bool = True
    ambiguous: bool = False


def parse_instants(texts: Sequence[str], order: DateOrder = "day first") -> Floats:
    """The instants of a column as Unix milliseconds; NaN where there is none."""
    return np.fromiter(_each_ms(texts, order), np.float64, len(texts))


def parse_times_of_day(texts: Sequence[str]) -> Floats:
    """Milliseconds since midnight; NaN where there is no time of day."""
    found = (read_instant(text) for text in texts)
    values = (one.ms if one and one.timed and not one.dated else math.nan for one in found)
    return np.fromiter(values, np.float64, len(texts))


def find_order(texts: Iterable[str]) -> tuple[DateOrder, bool]:
    """Whether day or month comes first where the year is last, and whether that is known."""
    half = False
    for text in texts:
        found = _YEAR_LAST.search(text)
        half |= "m" in text.casefold()
        if found and int(found["a"]) > 12:
            return "day first", True
        if found and int(found["b"]) > 12:
            return "month first", True
    return ("month first" if half else "day first"), False


def read_instant(text: str, order: DateOrder = "day first") -> Instant | None:
    """One field, in any of the ways that are understood; None if it is in none of them."""
    bare = text.strip(' \t"')
    if not bare or len(bare) > _MOST_CHARS or not any(mark in bare for mark in "-/.:"):
        return None
    if "T" in bare or bare[4:5] == "-":
        try:
            return _iso_instant(bare)
        except (ValueError, OverflowError):
            pass
    try:
        return _parted_instant(bare, order)
    except (ValueError, OverflowError):
        return None


def _each_ms(texts: Sequence[str], order: DateOrder) -> Iterable[float]:
    """What the last field was read by is tried first."""
    parse: Callable[[str], datetime] = datetime.fromisoformat
    is_iso = True
    for text in texts:
        if not is_iso and math.isfinite(ms := _ms_by_day(text, order)):
            yield ms
            continue
        try:
            found = parse(text)
            yield (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000
            is_iso = True
        except (ValueError, OverflowError):
            instant = read_instant(text, order)
            yield instant.ms if instant and instant.dated else math.nan
            is_iso = False


def _ms_by_day(text: str, order: DateOrder) -> float:
    """A field's instant by what is known of its hour, which is that of many rows."""
    found = _CLOCK_FACE.fullmatch(text)
    if not found:
        return math.nan
    day, hour, minute, second, fraction, zone = found.groups()
    if minute > "59" or second > "60":
        return math.nan
    past_ms: float = int(minute) * 60_000 + int(second) * 1000
    past_ms += float(f".{fraction}") * 1000 if fraction else 0.0
    return _hour_ms(day, hour, zone, order) + past_ms


@lru_cache(maxsize=1024)
def _hour_ms(day: str, hour: str, zone: str, order: DateOrder) -> float:
    """Zones change their offset on the hour."""
    found = read_instant(f"{day}{hour}:00:00{zone}", order)
    return found.ms if found and found.dated else math.nan


def _iso_instant(text: str) -> Instant:
    found = datetime.fromisoformat(text)
    at = found if found.tzinfo else found.replace(tzinfo=UTC)
    return Instant(
        at.timestamp() * 1000, found.tzinfo is not None, timed=len(text) > len("2026-04-14")
    )


def _parted_instant(text: str, order: DateOrder) -> Instant | None:
    """Raises ``ValueError`` where a part is out of its range."""
    day, rest, ambiguous = _take_date(text, order)
    time = _TIME.search(rest)
    if day is None and (time is None or time.start() > 0):
        return None
    if (rest[: time.start()] if time else rest).strip(" ,T"):
        return None
    since_midnight_ms = _time_ms(time) if time else 0.0
    zone, zoned, odd = _read_zone(rest[time.end() :]) if time else (UTC, False, False)
    if odd:
        return None
    if day is None:
        return Instant(since_midnight_ms, dated=False)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000
    local_ms = midnight + since_midnight_ms
    at = datetime.fromtimestamp(local_ms / 1000, UTC).replace(tzinfo=zone)
    offset = at.utcoffset() or timedelta()
    ms = local_ms - offset / timedelta(milliseconds=1)
    return Instant(ms, zoned, timed=time is not None, ambiguous=ambiguous)


def _take_date(text: str, order: DateOrder) -> tuple[date | None, str, bool]:
    """A field's date, the rest of it, and whether day and month could be the other way round."""
    if found := _YEAR_FIRST.match(text):
        return date(int(found["y"]), int(found["m"]), int(found["d"])), text[found.end() :], False
    if found := _YEAR_LAST.match(text):
        first, second = int(found["a"]), int(found["b"])
        either = found["sep"] != "."
        day, month = (second, first) if either and order == "month first" else (first, second)
        year = int(found["y"]) + (2000 if len(found["y"]) == 2 else 0)
        ambiguous = either and max(first, second) <= 12
        return date(year, month, day), text[found.end() :], ambiguous
    if found := _MONTH_NAMED.match(text):
        return _named_date(found["d"], found["m"], found["y"]), text[found.end() :], False
    lone_year, found = _LONE_YEAR.search(text), _UNIX_DATE.match(text)
    if found and lone_year:
        rest = (text[found.end() : lone_year.start()] + text[lone_year.end() :]).lstrip(" ,")
        return _named_date(found["d"], found["m"], lone_year["y"]), rest, False
    return None, text, False


def _named_date(day: str, month: str, year: str) -> date:
    number = _MONTHS.get(month.casefold())
    if number is None:
        raise ValueError(f"{month} is no month")
    return date(int(year), number, int(day))


def _time_ms(found: re.Match[str]) -> float:
    """Raises ``ValueError`` where it is no time of day."""
    hour, minute, second = int(found["h"]), int(found["m"]), int(found["s"] or 0)
    half = (found["half"] or "").casefold()[:1]
    if hour > (12 if half else 23) or minute > 59 or second > 60 or (half and not hour):
        raise ValueError(f"{found[0]} is no time of day")
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    fraction = float(f"0.{found['f']}") if found["f"] else 0.0
    return ((hour * 60 + minute) * 60 + second + fraction) * 1000


@lru_cache(maxsize=256)
def _read_zone(text: str) -> tuple[tzinfo, bool, bool]:
    """The zone that is written behind a time, whether one is, and whether what stands there is
    something else."""
    bare = text.strip()
    if region := _REGION.search(bare):
        bare = bare[: region.start()].strip()
        if not bare:
            return _find_region(region["name"])
    if not bare:
        return UTC, False, False
    if bare.casefold() in ("z", "utc", "gmt"):
        return UTC, True, False
    offset = _OFFSET.fullmatch(bare.split("(")[0].strip())
    if offset:
        minutes = int(offset["h"]) * 60 + int(offset["m"] or 0)
        signed = minutes if offset["sign"] == "+" else -minutes
        return timezone(timedelta(minutes=signed)), True, False
    return UTC, False, not re.fullmatch(r"[A-Za-z]{2,5}", bare)


def _find_region(name: str) -> tuple[tzinfo, bool, bool]:
    try:
        return ZoneInfo(name), True, False
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC, False, False
