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


def parse_line(line: bytes) -> Deleted | dict[str, Any] | None:
    """What a line says: a deletion, or a log record; None where it is neither, such as what a
    library printed."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    match message:
        case {"deleted": {"uuid": str(uuid), "bytes": int(size)}}:
            return Deleted(uuid, size)
        case {"record": dict(record)}:
            return record
    return None
