"""Numbers in Prometheus' text format, and what gathers them. Pure.

The format is version 0.0.4 of Prometheus' exposition formats: per family a line of help, a line of
type, and a line per sample; labels in braces with backslash, quote and line feed escaped; a
histogram as cumulative buckets, sum and count. Written here, because it is a page of code and costs
less than half of what the usual library does (docs/decisions/0009).
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Kind = Literal["gauge", "counter", "histogram"]
Labels = tuple[tuple[str, str], ...]

_LABEL_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})


@dataclass(frozen=True)
class Sample:
    """``suffix`` is ``_bucket``, ``_sum`` or ``_count`` in a histogram."""

    value: float
    labels: Labels = ()
    suffix: str = ""


@dataclass(frozen=True)
class Family:
    """One metric. A counter's name ends with ``_total``; units are seconds, bytes and ratios."""

    name: str
    kind: Kind
    text: str
    samples: Sequence[Sample]


def gauge(name: str, text: str, value: float | None) -> Family:
    """A single number; None: not known, no sample."""
    return Family(name, "gauge", text, [] if value is None else [Sample(value)])


def counter(name: str, text: str, value: float) -> Family:
    return Family(name, "counter", text, [Sample(value)])


def by_label(
    name: str, kind: Kind, text: str, label: str, values: Mapping[str, float | None]
) -> Family:
    """A number for each value of one label; those that are None are left out."""
    samples = [Sample(value, ((label, of),)) for of, value in values.items() if value is not None]
    return Family(name, kind, text, samples)


class Histogram:
    """Counts how long things took, for each combination of labels that occurs; who observes sees
    to it that those are few."""

    def __init__(self, name: str, text: str, bounds: Sequence[float]) -> None:
        self._name = name
        self._text = text
        self._bounds = tuple(bounds)
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, value: float, **labels: str) -> None:
        key = tuple(labels.items())
        counts = self._counts.setdefault(key, [0] * (len(self._bounds) + 1))
        counts[bisect_left(self._bounds, value)] += 1
        self._sums[key] = self._sums.get(key, 0.0) + value

    def family(self) -> Family:
        samples: list[Sample] = []
        for labels, counts in self._counts.items():
            total = 0
            for bound, count in zip((*self._bounds, math.inf), counts, strict=True):
                total += count
                samples.append(Sample(total, (*labels, ("le", _number(bound))), "_bucket"))
            samples.append(Sample(self._sums[labels], labels, "_sum"))
            samples.append(Sample(total, labels, "_count"))
        return Family(self._name, "histogram", self._text, samples)


class Counter:
    """Counts for each combination of labels that occurs."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        self._counts: dict[Labels, int] = {}

    def count(self, **labels: str) -> None:
        key = tuple(labels.items())
        self._counts[key] = self._counts.get(key, 0) + 1

    def family(self) -> Family:
        samples = [Sample(count, labels) for labels, count in self._counts.items()]
        return Family(self._name, "counter", self._text, samples)


def render(families: Iterable[Family]) -> str:
    """The whole text, with a line feed at its end."""
    lines: list[str] = []
    for family in families:
        lines.append(f"# HELP {family.name} {family.text.translate(_HELP_ESCAPES)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines += [_line(family.name, sample) for sample in family.samples]
    return "\n".join(lines) + "\n"


def _line(name: str, sample: Sample) -> str:
    pairs = ",".join(f'{key}="{value.translate(_LABEL_ESCAPES)}"' for key, value in sample.labels)
    labels = f"{{{pairs}}}" if pairs else ""
    return f"{name}{sample.suffix}{labels} {_number(sample.value)}"


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    return repr(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)
