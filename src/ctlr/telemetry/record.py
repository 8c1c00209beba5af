"""What a record on MQTT looks like, and what a phone may put into one. Pure.

``{"ts":"2026-04-14T10:40:00.123Z","node","level","component","message", ...}`` goes to topic
``logging/{node}``. A client's text never becomes a topic, a second line on a terminal or a
megabyte in the log: its ``node`` counts only if it is a legal name, control characters are shown
instead of obeyed, and an entry has at most ``MAX_ENTRY_BYTES``. A record of our own has at most
``MAX_RECORD_BYTES``: what a traceback or a foreign answer has more is cut, and said to be.
"""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ctlr.kernel.clock import iso_from_ms
from ctlr.kernel.errors import Refusal
from ctlr.kernel.ids import is_node_name
from ctlr.kernel.texts import show_controls, show_surrogates

Record = dict[str, Any]

MAX_ENTRY_BYTES = 8 << 10
MAX_RECORD_BYTES = 32 << 10
LEVELS = ("DEBUG", "INFO", "WARN", "ERROR", "METRICS")

_MAX_DEPTH = 8
_TEXT_WHEN_CUT = (8192, 1024, 128)  # letters of a field; the last fits whatever they are
_KEPT_WHEN_CUT = ("ts", "node", "level", "component", "message", "exception", "id")
_OTHER_LEVEL_NAMES = {
    "WARNING": "WARN",
    **dict.fromkeys(("ERR", "CRITICAL", "CRIT", "FATAL", "ALERT", "EMERG", "PANIC"), "ERROR"),
    **dict.fromkeys(("TRACE", "VERBOSE", "SILLY", "FINE"), "DEBUG"),
}
_PINO_LEVELS = ((50, "ERROR"), (40, "WARN"), (30, "INFO"), (10, "DEBUG"))
_SYSLOG_LEVELS = ((7, "DEBUG"), (5, "INFO"), (4, "WARN"), (0, "ERROR"))
_CLIENT_SOURCES = frozenset({"phone", "watch"})


def make_record(
    now_ms: int, node: str, component: str, level: str, message: str, **fields: Any
) -> Record:
    """A record of our own; ``fields`` come after the five that each record has."""
    return {
        "ts": iso_from_ms(now_ms),
        "node": node,
        "level": level,
        "component": component,
        "message": message,
    } | fields


def topic_of(record: Mapping[str, Any]) -> str:
    """The topic for a record whose ``node`` has been checked."""
    return f"logging/{record['node']}"


def encode_record(record: Mapping[str, Any]) -> bytes:
    """JSON on one line. What JSON cannot say is given as text; what is too long is cut, and
    ``cut_bytes`` says how long it was."""
    line = _encode(record)
    size = len(line)
    for letters in _TEXT_WHEN_CUT:
        if len(line) <= MAX_RECORD_BYTES:
            break
        line = _encode(_cut(record, letters) | {"cut_bytes": size})
    return line


def _cut(record: Mapping[str, Any], letters: int) -> Record:
    """What says most: the beginning of each text, and the end of a traceback."""
    texts = {key: str(record[key]) for key in _KEPT_WHEN_CUT if key in record}
    return {
        key: text[-letters:] if key == "exception" else text[:letters]
        for key, text in texts.items()
    }


def _encode(record: Mapping[str, Any]) -> bytes:
    try:
        text = _to_json(record)
    except (ValueError, TypeError, RecursionError):  # not a number, an odd key, a ring
        text = _to_json({str(key): str(value) for key, value in record.items()})
    return show_surrogates(text, as_json=True).encode("utf-8")


_to_json = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str
).encode


def client_record(entry: object, now_ms: int) -> Record:
    """A phone's log entry with everything missing filled in.

    ``ts`` stays the phone's where it is a time; ``received_at`` (Unix milliseconds) is ours, and
    so is the ``id`` that the record will get: one of the phone's own becomes ``client_id``.
    Raises ``Refusal`` ``invalid_log`` for anything but a JSON object of bearable size.
    """
    if not isinstance(entry, Mapping):
        raise _refusal("it is not a JSON object")
    fields = _clean(entry, _MAX_DEPTH)
    if len(_encode(fields)) > MAX_ENTRY_BYTES:
        raise _refusal(f"it is larger than {MAX_ENTRY_BYTES} bytes")
    if "id" in fields:
        fields["client_id"] = fields.pop("id")
    record = make_record(
        now_ms,
        _client_node(fields.pop("node", None)),
        _text(fields.pop("component", None), "app"),
        parse_level(fields.pop("level", None)),
        _text(fields.pop("message", None), ""),
    )
    sent_ts = fields.pop("ts", None)
    sent_ms = parse_time_ms(sent_ts)
    if sent_ms is not None:
        record["ts"] = iso_from_ms(sent_ms)
    elif sent_ts is not None:
        record["client_ts"] = sent_ts
    record |= fields
    record["received_at"] = now_ms
    return record


def parse_level(value: object) -> str:
    """A level's name in any of its usual forms; INFO for anything else.

    Numbers are those of pino and bunyan (10 trace to 60 fatal), below 8 those of syslog (0 emergency
    to 7 debug).
    """
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:3])
    if isinstance(value, int | float) and not isinstance(value, bool):
        levels = _SYSLOG_LEVELS if 0 <= value < 8 else _PINO_LEVELS
        return next((name for least, name in levels if value >= least), "INFO")
    name = value.strip().upper() if isinstance(value, str) else "INFO"
    name = _OTHER_LEVEL_NAMES.get(name, name)
    return name if name in LEVELS else "INFO"


def parse_time_ms(value: object) -> int | None:
    """Unix milliseconds of an ISO 8601 time with its zone; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            return None
        return math.floor(at.astimezone(UTC).timestamp() * 1000 + 0.5)
    except (ValueError, OverflowError):
        return None


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return show_controls(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (Mapping, list)):
        if depth == 0:
            raise _refusal(f"it is nested more than {_MAX_DEPTH} deep")
        if isinstance(value, list):
            return [_clean(item, depth - 1) for item in value]
        return {show_controls(str(key)): _clean(item, depth - 1) for key, item in value.items()}
    return value


def _client_node(value: Any) -> str:
    if isinstance(value, str) and (value in _CLIENT_SOURCES or is_node_name(value)):
        return value
    return "phone"


def _text(value: Any, default: str) -> str:
    if value is None:
        return default
    return value if isinstance(value, str) else _to_json(value)


def _refusal(fault: str) -> Refusal:
    return Refusal(
        "invalid_log",
        f"The log entry was not taken: {fault}. Send one small JSON object; recording is not "
        "affected.",
    )
