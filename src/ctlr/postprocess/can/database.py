"""What frames mean, from the databases that are configured.

A database that is not there or that cannot be read is listed as a problem, and the others still
count. Of two databases that know one frame, the first says what it means. SAE J1939 has a frame's
meaning in its parameter group, and its sender and priority in the same identifier: frames that no
message has word for word are looked up by their group.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ctlr.kernel.hashing import new_hash
from ctlr.postprocess.can.database_file import read_database
from ctlr.postprocess.can.signals import Message

DECODER_VERSION = 2
"""Raised when the same frames and databases come out otherwise, so that sessions may be redone."""

_ANY_SENDER = 0xFE
"""J1939's null address: no device sends from it, databases have it where the sender is open."""


@dataclass(frozen=True, slots=True)
class CanDatabase:
    """All messages by identifier and whether it is an extended one, and what ails a database.

    ``inputs`` differs whenever the messages may. ``unreadable`` are the databases of which
    nothing could be used, with the reason.
    """

    messages: dict[tuple[int, bool], Message]
    problems: tuple[str, ...]
    inputs: str
    unreadable: tuple[str, ...] = ()
    groups: dict[int, Message] = field(default_factory=dict)

    def of(self, frame_id: int, extended: bool) -> Message | None:
        """A frame's meaning. A bridge may write a standard identifier with many digits, or an
        extended one with few, so the other kind counts too where nothing else is known."""
        known = self.messages.get((frame_id, extended))
        if known is None and extended:
            known = self.groups.get(group_of(frame_id))
        return known or self.messages.get((frame_id, not extended))


def group_of(frame_id: int) -> int:
    """The parameter group number in an identifier of J1939: without priority and sender, and
    where the frame is for one device only, without that one's address."""
    group = frame_id >> 8 & 0x3FFFF
    to_one = group >> 8 & 0xFF < 0xF0
    return group & ~0xFF if to_one else group


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
    problems, unreadable = [], []
    for path in paths:
        found = read_database(path)
        problems += [f"{path.name}: {problem}" for problem in found.problems]
        if found.refused:
            unreadable.append(f"{path.name} cannot be read as a CAN database: {found.refused}.")
        for message in found.messages:
            known = messages.setdefault((message.frame_id, message.extended), message)
            if known is not message:
                problems.append(f"{message.name} of {path.name} is {known.name} already.")
    return CanDatabase(
        messages,
        (*unreadable, *problems),
        fingerprint(paths),
        tuple(unreadable),
        _groups(messages.values()),
    )


def _groups(messages: Iterable[Message]) -> dict[int, Message]:
    """The parameter groups that are of one message: that without a sender, or the only one."""
    by_group: dict[int, list[Message]] = {}
    for message in messages:
        if message.parameter_group:
            by_group.setdefault(group_of(message.frame_id), []).append(message)
    chosen = {}
    for group, rivals in by_group.items():
        open_ones = [one for one in rivals if one.frame_id & 0xFF == _ANY_SENDER]
        if len(open_ones or rivals) == 1:
            chosen[group] = (open_ones or rivals)[0]
    return chosen
