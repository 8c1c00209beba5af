"""Names that reach a path: session ids and node names, checked before they touch one.

A session id is an RFC 4122 UUID in its canonical 8-4-4-4-12 form, stored in lower case.
A node name is a DNS label, so it is legal as a host name, a topic level and a file name on
every file system we write to.
"""

import re
import uuid

from ctlr.kernel.errors import Refusal

RESERVED_NODE_NAMES = frozenset({"phone", "watch", "can", "logs"})

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


def is_node_name(text: str) -> bool:
    """Whether ``text`` is a legal node name that is not reserved for a data source."""
    return _NODE_NAME.fullmatch(text) is not None and text not in RESERVED_NODE_NAMES
