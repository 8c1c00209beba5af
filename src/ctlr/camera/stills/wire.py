"""What the node and the program that makes stills say to each other, over pipes.

A message is the length of its head (four bytes, big-endian), the head as a JSON object, and as many
bytes of a body as the head's ``size`` says.
"""

import json
from dataclasses import dataclass
from typing import Any

LENGTH = 4
MOST_BYTES = 16 << 20


@dataclass(frozen=True)
class EncodedPicture:
    """A picture that needs no other. ``codec`` is libav's name of it, ``extradata`` what its stream
    says once for all pictures."""

    codec: str
    data: bytes
    extradata: bytes
    captured_at_ms: int


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    text = json.dumps({**head, "size": len(body)}).encode()
    return len(text).to_bytes(LENGTH, "big") + text + body


def head_length(data: bytes) -> int:
    """Raises ``ValueError`` for what is no message."""
    length = int.from_bytes(data, "big")
    if length > MOST_BYTES:
        raise ValueError(f"a head of {length} bytes")
    return length


def unpack_head(text: bytes) -> tuple[dict[str, Any], int]:
    """The head and the size of its body. Raises ``ValueError``."""
    head = json.loads(text)
    size = head.get("size") if isinstance(head, dict) else None
    if not isinstance(size, int) or not 0 <= size <= MOST_BYTES:
        raise ValueError("a head without a size")
    return head, size
