"""What the heading of a column says: its name, whether it is a time, and in which unit. Pure.

A unit that is written is believed: in brackets (``Time (s)``), behind the name (``timestamp_ns``,
``timeMillis``, ``time/s``) or in words (``Time since start in ms``). Names are compared without
case, surrounding spaces and what stands in brackets, so ``"Time (s)"`` is ``time``.
"""

import re
from dataclasses import dataclass
from typing import Literal

CountingUnit = Literal["s", "ms", "us", "ns"]

UNIT_WORDS: dict[str, CountingUnit] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(
        ("ms", "msec", "msecs", "milli", "millis", "millisecond", "milliseconds"), "ms"
    ),
    **dict.fromkeys(("us", "µs", "μs", "usec", "usecs", "micro", "micros"), "us"),
    **dict.fromkeys(("microsecond", "microseconds"), "us"),
    **dict.fromkeys(("ns", "nsec", "nsecs", "nano", "nanos", "nanosecond", "nanoseconds"), "ns"),
}
_LONGER_UNITS = frozenset(
    ("min", "mins", "minute", "minutes", "hour", "hours", "hr", "day", "days")
)
"""Units of time that are not read."""
_TIME_WORDS = frozenset(
    (
        "time",
        "times",
        "timestamp",
        "timestamps",
        "ts",
        "datetime",
        "date",
        "epoch",
        "unix",
        "utc",
        "elapsed",
        "yyyy",
        "millis",
        "micros",
        "nanos",
        "seconds",
        "milliseconds",
        "clock",
        "microseconds",
        "nanoseconds",
        "zeit",
        "zeitstempel",
        "uhrzeit",
        "datum",
        "temps",
        "heure",
        "tiempo",
        "fecha",
        "hora",
        "tempo",
        "tijd",
        "czas",
        "tid",
        "aika",
        "время",
        "дата",
        "时间",
        "时间戳",
        "時間",
        "日期",
        "시간",
    )
)
_NO_TIMES = frozenset(("accuracy", "error", "uncertainty", "zone", "offset", "lap", "exposure"))
"""A heading with one of these tells of a time, or of something else, but not when a row was."""

_BRACKETED = re.compile(r"\s*[(\[][^()\[\]]*[)\]]")
_AT_THE_END = re.compile(r"\s*[(\[].*[)\]]$")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Heading:
    """``name`` as it is compared; ``unit`` of a time, None where none is written;
    ``longer_unit`` is one that is written and not read, such as minutes. ``text`` as it is
    written."""

    name: str
    is_time: bool = False
    unit: CountingUnit | None = None
    longer_unit: str | None = None
    text: str = ""


def read_heading(raw: str, unit: str = "") -> Heading:
    """``unit`` is what a row of units below the headings says of it."""
    bare = raw.strip().lstrip("#%/").strip()
    said = _words(f"{bare} {unit}")
    named = _words(_BRACKETED.sub("", bare))
    units = [word for word in said if word in UNIT_WORDS]
    longer = [word for word in said if word in _LONGER_UNITS]
    is_t = (
        named[:1] == ["t"] and set(named[1:]) <= UNIT_WORDS.keys() and bool(units or named == said)
    )
    is_time = is_t or (not _TIME_WORDS.isdisjoint(named) and _NO_TIMES.isdisjoint(named))
    return Heading(
        name=normalise(bare),
        is_time=is_time,
        unit=UNIT_WORDS[units[-1]] if is_time and units else None,
        longer_unit=longer[-1] if is_time and longer and not units else None,
        text=bare,
    )


def normalise(name: str) -> str:
    """A column's name as it is compared."""
    bare = _AT_THE_END.sub("", name.lstrip("#").strip().casefold())
    return re.sub(r"[\s-]+", "_", bare)


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(_CAMEL.sub(" ", text))]
