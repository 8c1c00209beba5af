"""What the process that deletes raw data says to the controller: one JSON object a line. Pure."""

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Deleted:
    """A session whose raw data has gone, and how much it was."""

    uuid: str
    bytes: int

    def to_line(self) -> str:
        return json.dumps({"deleted": asdict(self)})


@dataclass(frozen=True)
class Emptied:
    """A session that was in the bin: how large its copy was, and how much raw data went with it."""

    uuid: str
    copy_bytes: int
    raw_bytes: int

    @property
    def bytes(self) -> int:
        return self.copy_bytes + self.raw_bytes

    def to_line(self) -> str:
        return json.dumps({"emptied": asdict(self)})


def parse_line(line: bytes) -> Deleted | Emptied | dict[str, Any] | None:
    """What a line says: a deletion, what was in the bin, or a log record; None where it is neither, such as what a
    library printed."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    match message:
        case {"deleted": {"uuid": str(uuid), "bytes": int(size)}}:
            return Deleted(uuid, size)
        case {"emptied": {"uuid": str(uuid), "copy_bytes": int(copy), "raw_bytes": int(raw)}}:
            return Emptied(uuid, copy, raw)
        case {"record": dict(record)}:
            return record
    return None
