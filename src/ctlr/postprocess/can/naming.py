"""What tables and their columns are called, whatever a database calls messages and signals. Pure.

Names in databases other than DBC are free text, and several signals of one message may share a
name, one on each page. A heading is unique in its table and needs no quotes; a file's name is one
that every file system takes, and unique among the messages of all databases.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from ctlr.postprocess.can.signals import Message
from ctlr.postprocess.manifest.portable import portable_paths

FOLDER = "can"
TIME_COLUMNS = ("ts_ms", "arrived_ms", "bus")
ID_COLUMN = "id"

_NO_HEADING = re.compile(r'[\x00-\x1f\x7f-\x9f",;\u2028\u2029\ud800-\udfff]')
_NO_STEM = re.compile(r"[/\\,\x7f-\x9f\u2028\u2029\ud800-\udfff]")


_WIDTH = {False: "", True: "08"}
_MOST_BYTES = 150
"""Of a file's name, so that with what is added to it no file system refuses it."""


def id_text(frame_id: int, *, extended: bool) -> str:
    return f"{frame_id:08X}" if extended else f"{frame_id:03X}"


def headings(message: Message) -> list[str]:
    """A heading for each of a message's signals, in their order."""
    wanted = [_NO_HEADING.sub("_", signal.name).strip() or "signal" for signal in message.signals]
    shared = Counter(wanted)
    paged = [
        f"{name}_m{min(signal.pages)}" if shared[name] > 1 and signal.pages else name
        for name, signal in zip(wanted, message.signals, strict=True)
    ]
    return _unique(paged, (*TIME_COLUMNS, ID_COLUMN))


def units(message: Message) -> dict[str, str]:
    """The unit of each signal by its heading."""
    found = (signal.unit for signal in message.signals)
    return dict(zip(headings(message), found, strict=True))


def labels(messages: Sequence[Message]) -> dict[Message, str]:
    """A name for each message, with its identifier where others share its own."""
    shared = Counter(message.name for message in messages)
    wanted = [
        one.name if shared[one.name] == 1 else f"{one.name}_{one.frame_id:{_WIDTH[one.extended]}X}"
        for one in messages
    ]
    return dict(zip(messages, _unique(wanted, ()), strict=True))


def file_names(messages: Sequence[Message]) -> dict[Message, str]:
    """Where the table of each message stands in the session's folder."""
    stems = _unique((_stem(label) for label in labels(messages).values()), ())
    wanted = [f"{FOLDER}/{stem}.csv" for stem in stems]
    portable = portable_paths(wanted)
    return {message: portable[path] for message, path in zip(messages, wanted, strict=True)}


def _stem(label: str) -> str:
    clean = _NO_STEM.sub("_", label).strip().encode()[:_MOST_BYTES].decode(errors="ignore")
    return f"_{clean}" if not clean or clean.startswith(".") else clean


def _unique(wanted: Iterable[str], taken: Iterable[str]) -> list[str]:
    """Each as it is, or with the first number from 2 on that makes it another."""
    used, chosen = set(taken), []
    for name in wanted:
        candidate, number = name, 2
        while candidate in used:
            candidate, number = f"{name}_{number}", number + 1
        used.add(candidate)
        chosen.append(candidate)
    return chosen
