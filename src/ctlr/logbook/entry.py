"""What is kept of a message under ``logging/#``, whoever sent it and whatever is in it. Pure.

The topic names the node, because the broker's rights hold the topic and nobody holds the payload.
A payload that is no JSON object is kept as text; a topic that names no node is not kept at all.
A repeat has the same topic, the same ``id`` and the same content: an ``id`` alone may be that of a
device, the same in all that it says. A record of an installed node has none, so its time and words
stand for it; without a time nothing tells two of them apart, and both are kept.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ctlr.kernel.ids import RESERVED_NODE_NAMES, is_node_name
from ctlr.kernel.texts import show_controls
from ctlr.telemetry.record import encode_record, parse_level, parse_time_ms

MAX_PAYLOAD_BYTES = 64 << 10

_PREFIX = "logging/"
_UNIX_MS = range(10**12, 10**13)


@dataclass(frozen=True, slots=True)
class Entry:
    """``key`` is the same for a repeat, None where that is not known; ``ts_ms`` is the record's
    own time, or ``received_ms`` where it has none; ``payload`` is one JSON object."""

    key: str | None
    node: str
    level: str
    ts_ms: int
    received_ms: int
    payload: str


def node_of(topic: str) -> str | None:
    """The node that a topic names; None for a topic that is not one of ours."""
    name = topic.removeprefix(_PREFIX)
    if name == topic or not (is_node_name(name) or name in RESERVED_NODE_NAMES):
        return None
    return name


def read_message(topic: str, payload: bytes, received_ms: int) -> Entry | None:
    """What to keep of a message; None where there is nothing to keep."""
    node = node_of(topic)
    if node is None or len(payload) > MAX_PAYLOAD_BYTES:
        return None
    record = _parse(payload)
    ts_ms = _time_of(record)
    return Entry(
        key=_key(record, topic, payload),
        node=node,
        level=parse_level(record.get("level")),
        ts_ms=received_ms if ts_ms is None else ts_ms,
        received_ms=received_ms,
        payload=encode_record(record).decode("utf-8", "replace"),
    )


def _parse(payload: bytes) -> Mapping[str, Any]:
    try:
        record = json.loads(payload)
    except (ValueError, RecursionError):
        record = None
    if isinstance(record, dict):
        return record
    text = payload.decode("utf-8", "replace")
    return {"component": "unreadable", "message": show_controls(text)}


def _time_of(record: Mapping[str, Any]) -> int | None:
    """When it was said: our ``ts``, else the ``time`` of pino and bunyan."""
    said = record.get("ts", record.get("time"))
    if type(said) is int and said in _UNIX_MS:
        return said
    return parse_time_ms(said)


def _key(record: Mapping[str, Any], topic: str, payload: bytes) -> str | None:
    if any(name in record for name in ("id", "ts", "time")):
        return f"{topic}//{hashlib.blake2b(payload, digest_size=12).hexdigest()}"
    return None
