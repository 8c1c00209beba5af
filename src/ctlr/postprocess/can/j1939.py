"""Which messages of a database are parameter groups of SAE J1939. Pure.

A DBC file says it in attributes: ``VFrameFormat`` of a message (or its default), ``ProtocolType``
of the whole bus. A file that says nothing of the kind may have the null address for a sender,
which none on a bus has: then the sender is left open.
"""

import re
from dataclasses import dataclass, replace

from ctlr.postprocess.can.signals import Message

_FORMATS = re.compile(r'^[ \t]*BA_DEF_\s+BO_\s+"VFrameFormat"\s+ENUM\s+([^;]*);', re.MULTILINE)
_DEFAULT = re.compile(r'^[ \t]*BA_DEF_DEF_\s+"VFrameFormat"\s+"?([^";]*)"?\s*;', re.MULTILINE)
_OF_MESSAGE = re.compile(
    r'^[ \t]*BA_\s+"VFrameFormat"\s+BO_\s+(\d+)\s+"?([^";]*?)"?\s*;', re.MULTILINE
)
_OF_BUS = re.compile(r'^[ \t]*BA_(?:DEF_DEF_)?\s+"ProtocolType"\s+"([^"]*)"', re.MULTILINE)
_GROUP = "J1939PG"
_USUAL_PLACE = "3"
"""Of ``J1939PG`` among the formats, where a file does not list them."""
_ID_BITS = 0x1FFFFFFF
_ANY_SENDER = 0xFE


@dataclass(frozen=True, slots=True)
class Groups:
    """What a file says: of single messages by identifier, and of all others; None for nothing."""

    told: dict[int, bool]
    others: bool | None

    def mark(self, message: Message) -> Message:
        """A message with whether it is a parameter group."""
        if not message.extended:
            return message
        told = self.told.get(message.frame_id, self.others)
        by_sender = message.frame_id & 0xFF == _ANY_SENDER
        return replace(message, parameter_group=by_sender if told is None else told)


def find_groups(text: str) -> Groups:
    formats = _FORMATS.search(text)
    names = re.findall(r'"([^"]*)"', formats[1]) if formats else []
    group = {_GROUP, str(names.index(_GROUP)) if _GROUP in names else _USUAL_PLACE}
    told = {int(number) & _ID_BITS: said in group for number, said in _OF_MESSAGE.findall(text)}
    default, bus = _DEFAULT.search(text), _OF_BUS.findall(text)
    others: bool | None = None
    if default and default[1]:
        others = default[1] in group
    if bus and not others:
        others = "J1939" in (said.upper() for said in bus) or others
    return Groups(told, others)
