"""One database file: read by cantools, and where that refuses it, without what is at fault.

One bad message costs itself, not the file. A DBC file that is refused is read message by message
(``ctlr.postprocess.can.dbc``); of the other formats that have a message in one place (KCD, SYM)
those are left out that are at fault, found by halving. Files say their encoding seldom: what is
UTF-8 is read as that, anything else as Windows-1252.
"""

import codecs
import logging
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree as ET

import cantools
from cantools.database.can import Database
from cantools.database.can import Message as DatabaseMessage
from cantools.database.can import Signal as DatabaseSignal

from ctlr.postprocess.can.dbc import LARGEST_STANDARD, find_fault, read_dbc, without_pages_of_nobody
from ctlr.postprocess.can.j1939 import find_groups
from ctlr.postprocess.can.signals import Message, Signal

_FORMATS = {".dbc": "dbc", ".kcd": "kcd", ".sym": "sym", ".arxml": "arxml", ".cdd": "cdd"}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_XML_ENCODING = re.compile(rb"^\s*<\?xml[^>]*encoding=[\"']([A-Za-z0-9._-]+)[\"']")
_KCD = "{http://kayak.2codeornot2code.org/1.0}"
_SYM_MESSAGE = re.compile(r"^\[.*?(?=^[\[{]|\Z)", re.MULTILINE | re.DOTALL)
_SYM_BUS = re.compile(r"^\{(?:SEND|RECEIVE|SENDRECEIVE)\}", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class DatabaseFile:
    """The messages of a file, what had to be left out of it, and why nothing could be used."""

    messages: tuple[Message, ...] = ()
    problems: tuple[str, ...] = ()
    refused: str | None = None


def read_database(path: Path) -> DatabaseFile:
    """Never raises: what cannot be read is said."""
    try:
        text = decode_text(path.read_bytes())
    except OSError as error:
        return DatabaseFile(refused=error.strerror or f"{error}")
    kind = _FORMATS.get(path.suffix.lower())
    try:
        found, problems = _without_faulty_signals(_load(text, kind))
        if kind in ("dbc", None):
            found, forgotten = without_pages_of_nobody(text, found)
            problems += [f"{problem}." for problem in forgotten]
    except Exception as error:  # whatever a parser makes of any file
        found, problems = _load_partly(text, kind)
        if not found:
            return DatabaseFile(refused=_say(error))
        said = f"as a whole it is refused ({_say(error)}); it was read message by message."
        problems = [said, *problems]
    if not found:
        return DatabaseFile(refused="there is no message in it")
    groups = find_groups(text)
    return DatabaseFile(tuple(map(groups.mark, found)), tuple(problems))


def decode_text(content: bytes) -> str:
    """A file's text, whatever it is encoded in."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    declared = _XML_ENCODING.match(content)
    for encoding in ("utf-8", declared[1].decode() if declared else "cp1252", "cp1252"):
        try:
            return content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return content.decode("latin-1")


def _load(text: str, kind: str | None) -> list[Message]:
    logging.getLogger("cantools").setLevel(logging.ERROR)  # of messages alike, we tell ourselves
    loaded = cantools.database.load_string(text, kind, strict=False)
    if not isinstance(loaded, Database):
        raise TypeError("it describes no CAN bus")
    return [_message(message) for message in loaded.messages]


def _without_faulty_signals(messages: list[Message]) -> tuple[list[Message], list[str]]:
    """The library takes some signals that nobody can decode."""
    whole, problems = [], []
    for message in messages:
        faults = {signal: find_fault(signal) for signal in message.signals}
        problems += [
            f"the signal {signal.name} of {message.name} {fault}."
            for signal, fault in faults.items()
            if fault
        ]
        good = tuple(signal for signal in message.signals if not faults[signal])
        whole.append(replace(message, signals=good))
    return whole, problems


def _load_partly(text: str, kind: str | None) -> tuple[list[Message], list[str]]:
    """What of a refused file can be used, and what had to be left out."""
    try:
        if kind in ("dbc", None):
            found, problems = read_dbc(text)
            if found or kind:
                return found, [f"{problem}." for problem in problems]
        if kind == "kcd":
            return _without_faulty(*_split_kcd(text), kind)
        if kind == "sym":
            return _without_faulty(*_split_sym(text), kind)
    except Exception:  # not even that can be read: the first error is the one to tell
        return [], []
    return [], []


def _without_faulty(
    names: Sequence[str], build: Callable[[Sequence[int]], str], kind: str
) -> tuple[list[Message], list[str]]:
    """The messages of a file of which ``build`` makes one with some only, without those at fault;
    of those halves that are refused, each half is tried."""
    problems: list[str] = []
    found: list[Message] = []
    waiting = [range(len(names))]
    while waiting:
        some = waiting.pop()
        try:
            found += _load(build(some), kind)
        except Exception as error:  # as above
            if len(some) == 1:
                problems.append(f"the message {names[some[0]]} is left out: {_say(error)}.")
            elif some:
                middle = len(some) // 2
                waiting += [some[middle:], some[:middle]]
    return found, problems


def _split_kcd(text: str) -> tuple[list[str], Callable[[Sequence[int]], str]]:
    root = ET.fromstring(text)  # noqa: S314 - the library has parsed it before
    places = [(bus, message) for bus in root.iter(f"{_KCD}Bus") for message in bus]
    places = [(bus, one) for bus, one in places if one.tag == f"{_KCD}Message"]
    for _, message in places:
        with suppress(ValueError):  # one of those at fault
            if int(message.get("id", "0"), 0) > LARGEST_STANDARD:
                message.set("format", "extended")

    def build(some: Sequence[int]) -> str:
        for bus, message in places:
            if message in list(bus):
                bus.remove(message)
        for number in some:
            bus, message = places[number]
            bus.append(message)
        return ET.tostring(root, encoding="unicode")

    return [message.get("name", "without a name") for _, message in places], build


def _split_sym(text: str) -> tuple[list[str], Callable[[Sequence[int]], str]]:
    """Blocks of one name stand together: they are the pages of one message."""
    begin = _SYM_BUS.search(text)
    head, rest = (text[: begin.start()], text[begin.start() :]) if begin else (text, "")
    blocks: dict[str, str] = {}
    for block in _SYM_MESSAGE.findall(rest):
        name = block.partition("]")[0][1:].strip('"')
        blocks[name] = blocks.get(name, "") + block

    def build(some: Sequence[int]) -> str:
        chosen = list(blocks.values())
        return "".join([head, "{SENDRECEIVE}\n", *(chosen[number] for number in some)])

    return list(blocks), build


def _message(message: DatabaseMessage) -> Message:
    return Message(
        name=message.name,
        frame_id=message.frame_id,
        extended=message.is_extended_frame,
        length=message.length,
        signals=tuple(_signal(signal) for signal in message.signals),
    )


def _signal(signal: DatabaseSignal) -> Signal:
    return Signal(
        name=signal.name,
        start=signal.start,
        length=signal.length,
        big_endian=signal.byte_order == "big_endian",
        signed=signal.is_signed,
        is_float=signal.is_float,
        scale=float(signal.scale),
        offset=float(signal.offset),
        unit=signal.unit or "",
        page_of=signal.multiplexer_signal,
        pages=frozenset(signal.multiplexer_ids or ()),
    )


def _say(error: Exception) -> str:
    return " ".join(f"{error}".split())[:200].rstrip(".") or type(error).__name__
