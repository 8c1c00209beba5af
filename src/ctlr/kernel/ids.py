"""Names that reach a path: session ids and node names, checked before they touch one.

A session id is an RFC 4122 UUID in its canonical 8-4-4-4-12 form, stored in lower case.
A node name is a DNS label, so it is legal as a host name, a topic level and a file name on
every file system we write to.
"""

import re
import uuid
from collections.abc import Sequence

from ctlr.kernel.errors import Refusal

RESERVED_NODE_NAMES = frozenset({"phone", "watch", "can", "logs"})

_ANY_UUID = "00000000-0000-0000-0000-000000000000"
_CANONICAL_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NODE_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def new_session_id() -> str:
    return str(uuid.uuid4())


def is_session_id(text: str) -> bool:
    """Whether ``text`` is a session id in its stored form (canonical and lower case)."""
    return _CANONICAL_UUID.fullmatch(text) is not None


def parse_session_id(text: str) -> str:
    """Return the stored (lower case) form of a session id.

    Raises ``Refusal`` with code ``invalid_uuid`` for anything but a canonical UUID.
    """
    lowered = text.lower()
    if not is_session_id(lowered):
        raise Refusal(
            "invalid_uuid",
            "The session id is not a UUID such as 3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f.",
        )
    return lowered


def parse_session_prefix(text: str) -> str:
    """Return the stored form of a session id or of the beginning of one.

    Raises ``Refusal`` with code ``invalid_uuid`` for what no id begins with.
    """
    lowered = text.lower()
    if lowered and is_session_id(lowered + _ANY_UUID[len(lowered) :]):
        return lowered
    raise Refusal(
        "invalid_uuid", "No session id begins like that: it is made of the digits 0-9 and a-f."
    )


def the_only_one(prefix: str, found: Sequence[str], where: str) -> str:
    """The id that is meant by a beginning, of those that begin so.

    Raises ``Refusal`` with code ``unknown_session`` or ``ambiguous_session``; ``where`` says in
    words what was looked through.
    """
    if prefix in found:
        return prefix
    if not found:
        raise Refusal("unknown_session", f"No session {where} has an id that begins with {prefix}.")
    if len(found) > 1:
        raise Refusal(
            "ambiguous_session",
            f"More than one session begins with {prefix}; give more of the id: "
            f"{', '.join(found[:5])}.",
        )
    return found[0]


def is_node_name(text: str) -> bool:
    """Whether ``text`` is a legal node name that is not reserved for a data source."""
    return _NODE_NAME.fullmatch(text) is not None and text not in RESERVED_NODE_NAMES
