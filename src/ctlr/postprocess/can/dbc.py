"""A DBC file that the library refuses, read message by message. Pure.

Vector's own tools take much that the library does not: names that begin with a digit, factors
such as ``.25``, comments and value tables of messages that are not there. Only what decoding
needs is looked at here: ``BO_``, ``SG_``, ``SIG_VALTYPE_``, ``SG_MUL_VAL_``. A statement that
cannot be understood costs its own signal or message and is named; the others count. For a file
that the library takes, both readers find the same (the tests hold them to it).
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from math import isfinite

from ctlr.postprocess.can.signals import Message, Signal

EXTENDED = 1 << 31
INDEPENDENT = 0xC0000000
"""Where Vector's editor keeps signals that are in no message."""
LARGEST_STANDARD, _LARGEST_EXTENDED = 0x7FF, 0x1FFFFFFF

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_COMMENT = re.compile(r'^[ \t]*CM_[^"\n]*"[^"]*"\s*;', re.MULTILINE)
_STATEMENT = re.compile(r"^[ \t]*(BO_|SG_)[ \t]+(\S.*?)[ \t]*$", re.MULTILINE)
_MESSAGE = re.compile(r"(\d+)\s+(.*?)\s*:\s*(\d+)\b.*")
_SIGNAL = re.compile(
    r"(?P<name>.*?)(?:\s+(?P<page>M|m\d*M?))?\s*:\s*(?P<start>\d+)\s*\|\s*(?P<length>\d+)\s*"
    rf"@\s*(?P<order>[01])\s*(?P<sign>[-+])\s*\(\s*(?P<scale>{_NUMBER})\s*,\s*(?P<offset>{_NUMBER})"
    r'\s*\)\s*(?:\[[^\]]*\])?\s*(?:"(?P<unit>[^"]*)")?.*'
)
_VALUE_TYPE = re.compile(r"^[ \t]*SIG_VALTYPE_\s+(\d+)\s+(\S+)\s*:?\s*([0-3])\s*;", re.MULTILINE)
_PAGES = re.compile(r"^[ \t]*SG_MUL_VAL_\s+(\d+)\s+(\S+)\s+(\S+)\s+([^;]*);", re.MULTILINE)
_LONG_NAME = re.compile(
    r'^[ \t]*BA_\s+"System(?:Message|Signal)LongSymbol"\s+(?:BO_|SG_)\s+(\d+)\s*(\S*)\s+'
    r'"([^"]+)"\s*;',
    re.MULTILINE,
)
PAGELESS = "is on one page of several, and nothing says which signal tells the page"
_ON_A_PAGE = re.compile(r"[^:]*\sm\d+M?\s*:")
_RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")
_MOST_PAGES = 1 << 16


def read_dbc(text: str) -> tuple[list[Message], list[str]]:
    """The messages, and what had to be left out or taken for something else."""
    reader = _Reader(text)
    for head, lines in _messages(text):
        reader.take(head, lines)
    if reader.unmarked:
        reader.problems.append(
            f"{reader.unmarked} identifiers of more than 11 bits do not say that they are "
            "extended ones; they are taken as such"
        )
    return reader.messages, reader.problems


class _Reader:
    """What is said of messages and signals elsewhere in the file, and the messages so far."""

    def __init__(self, text: str) -> None:
        self._floats = {(n, name): kind != "0" for n, name, kind in _VALUE_TYPE.findall(text)}
        self._pages: dict[str, dict[str, tuple[str, frozenset[int]]]] = {}
        for number, name, of, spans in _PAGES.findall(text):
            self._pages.setdefault(number, {})[name] = (of, _ranges(spans))
        self._long = {(n, name): long for n, name, long in _LONG_NAME.findall(text)}
        self.messages: list[Message] = []
        self.problems: list[str] = []
        self.unmarked = 0
        self.pageless: dict[str, list[str]] = {}  # signals by the name of their message

    def take(self, head: str, lines: list[str]) -> None:
        found = _MESSAGE.fullmatch(head)
        if not found:
            self.problems.append(f"the message {_short(head)} cannot be understood")
            return
        number, length = int(found[1]), int(found[3])
        name: str = found[2]
        if number == INDEPENDENT:
            return
        frame_id, extended = number & ~EXTENDED, bool(number & EXTENDED)
        if frame_id > _LARGEST_EXTENDED:
            self.problems.append(f"the message {name} has an identifier of more than 29 bits")
            return
        if frame_id > LARGEST_STANDARD and not extended:
            extended, self.unmarked = True, self.unmarked + 1  # what else could it be
        signals = self._signals(found[1], name, lines)
        name = self._long.get((found[1], ""), name)
        self.messages.append(Message(name, frame_id, extended, length, signals))

    def _signals(self, number: str, message: str, lines: list[str]) -> tuple[Signal, ...]:
        signals = []
        for line in lines:
            read = _SIGNAL.fullmatch(line)
            signal = (
                _signal(read, self._floats.get((number, read["name"]), False)) if read else None
            )
            if signal is None:
                self.problems.append(f"the signal {_short(line)} of {message} cannot be understood")
            else:
                signals.append(signal)
        whole = []
        for signal in _on_pages(signals, self._pages.get(number, {}), lines):
            named = self._with_long_name(number, signal)
            if fault := find_fault(signal):
                self.problems.append(f"the signal {named.name} of {message} {fault}")
            else:
                whole.append(named)
            if fault == PAGELESS:
                of = self._long.get((number, ""), message)
                self.pageless.setdefault(of, []).append(named.name)
        return tuple(whole)

    def _with_long_name(self, number: str, signal: Signal) -> Signal:
        """Names of more than 32 characters stand in attributes."""
        of = signal.page_of and self._long.get((number, signal.page_of), signal.page_of)
        return replace(signal, name=self._long.get((number, signal.name), signal.name), page_of=of)


def find_fault(signal: Signal) -> str | None:
    """Why a signal can't be decoded."""
    if signal.length < 1 or signal.start < 0:
        return "has no bits"
    if not (isfinite(signal.scale) and isfinite(signal.offset)):
        return "has a factor or an offset that is no number"
    if signal.pages and signal.page_of is None:
        return PAGELESS
    if signal.is_float and signal.length not in (16, 32, 64):
        return f"is a floating-point number of {signal.length} bits, which there is not"
    return None


def without_pages_of_nobody(text: str, messages: list[Message]) -> tuple[list[Message], list[str]]:
    """What the library has read, without signals of which it has forgotten that they are on a page:
    of a message that names several signals, or none, to tell the page."""
    reader = _Reader(text)
    for head, lines in _messages(text):
        if any(_ON_A_PAGE.match(line) for line in lines):
            reader.take(head, lines)
    forgotten = {
        (m.name, name) for m in reader.messages for name in reader.pageless.get(m.name, ())
    }
    whole, problems = [], []
    for message in messages:
        left_out = [
            s for s in message.signals if (message.name, s.name) in forgotten and not s.page_of
        ]
        problems += [f"the signal {s.name} of {message.name} {PAGELESS}" for s in left_out]
        kept = tuple(signal for signal in message.signals if signal not in left_out)
        whole.append(replace(message, signals=kept))
    return whole, problems


def _messages(text: str) -> Iterator[tuple[str, list[str]]]:
    """What is said of each message: the rest of its ``BO_``, and of each ``SG_`` below it."""
    head: str | None = None
    lines: list[str] = []
    for statement in _STATEMENT.finditer(_COMMENT.sub("", text)):  # may hold such lines too
        kind, rest = statement.groups()
        if kind == "SG_":
            lines.append(rest)
            continue
        if head is not None:
            yield head, lines
        head, lines = rest, []
    if head is not None:
        yield head, lines


def _signal(read: re.Match[str], is_float: bool) -> Signal:
    page = read["page"] or ""
    return Signal(
        name=read["name"].strip(),
        start=int(read["start"]),
        length=int(read["length"]),
        big_endian=read["order"] == "0",
        signed=read["sign"] == "-",
        is_float=is_float,
        scale=float(read["scale"]),
        offset=float(read["offset"]),
        unit=read["unit"] or "",
        pages=frozenset([int(page.strip("mM"))]) if page.strip("mM") else frozenset(),
    )


def _on_pages(
    signals: list[Signal], told: dict[str, tuple[str, frozenset[int]]], lines: list[str]
) -> list[Signal]:
    """Signals with the one that says which page a frame holds, in the order of their bits."""
    read = [found for found in map(_SIGNAL.fullmatch, lines) if found and found["page"]]
    choosers = [found["name"] for found in read if found["page"] in ("M", "m")]
    choosers = choosers or [found["name"] for found in read if found["page"][-1] == "M"]
    only = choosers[0] if len(choosers) == 1 else None
    placed = []
    for signal in signals:
        if signal.pages or signal.name in told:
            of, on = told.get(signal.name, (only, signal.pages))
            placed.append(replace(signal, page_of=of, pages=on))
        else:
            placed.append(signal)
    return sorted(placed, key=lambda signal: signal.first_bit)


def _ranges(text: str) -> frozenset[int]:
    found: set[int] = set()
    for first, last in _RANGE.findall(text):
        found |= set(range(int(first), min(int(last), int(first) + _MOST_PAGES) + 1))
    return frozenset(found)


def _short(line: str) -> str:
    return line.split(":", maxsplit=1)[0].strip()[:60]
