"""What frames mean, from the databases that are configured, read by cantools.

A database that is not there or that cannot be read is listed as a problem, and the others still
count. Of two databases that know one frame, the first says what it means.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cantools
from cantools.database.can import Database
from cantools.database.can import Message as DatabaseMessage
from cantools.database.can import Signal as DatabaseSignal

from ctlr.kernel.hashing import new_hash
from ctlr.postprocess.can.signals import Message, Signal

DECODER_VERSION = 1
"""Raised when the same frames and databases come out otherwise, so that sessions may be redone."""


@dataclass(frozen=True, slots=True)
class CanDatabase:
    """All messages by identifier and whether it is an extended one, and what ails a database.

    ``inputs`` differs whenever the messages may.
    """

    messages: dict[tuple[int, bool], Message]
    problems: tuple[str, ...]
    inputs: str

    def of(self, frame_id: int, extended: bool) -> Message | None:
        """A frame's meaning. A bridge may write a standard identifier with many digits, or an
        extended one with few, so the other kind counts too where nothing else is known."""
        return self.messages.get((frame_id, extended)) or self.messages.get(
            (frame_id, not extended)
        )


def fingerprint(paths: Iterable[Path]) -> str:
    """Differs when a database has another content, or others are configured; empty for none."""
    digest, any_path = new_hash(b"%d" % DECODER_VERSION), False
    for path in paths:
        any_path = True
        try:
            content = path.read_bytes()
        except OSError as error:
            content = b"no content, error %d" % (error.errno or 0)
        digest.update(new_hash(content).digest())
    return digest.hexdigest() if any_path else ""


def load(paths: Sequence[Path]) -> CanDatabase:
    """Read the databases. Never raises: what cannot be read is among the problems."""
    messages: dict[tuple[int, bool], Message] = {}
    problems = []
    for path in paths:
        try:
            found = _read(path)
        except Exception as error:  # whatever a parser makes of any file
            problems.append(f"{path.name} cannot be read as a CAN database: {_say(error)}.")
            continue
        for message in found:
            known = messages.setdefault((message.frame_id, message.extended), message)
            if known is not message:
                problems.append(f"{message.name} of {path.name} is {known.name} already.")
    return CanDatabase(messages, tuple(problems), fingerprint(paths))


def _read(path: Path) -> list[Message]:
    loaded = cantools.database.load_file(path, strict=False)
    if not isinstance(loaded, Database):
        raise TypeError("it describes no CAN bus")
    return [_message(message) for message in loaded.messages]


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
