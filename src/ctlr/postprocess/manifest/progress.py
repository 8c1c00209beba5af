"""What a run says while it works, and how it ended: values that a parent process reads as lines."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Progress:
    """``stage`` is examine, follow, join, copy, can, compare, publish or verify; bytes are of the whole run."""

    uuid: str
    stage: str
    source: str | None = None
    bytes_done: int = 0
    bytes_total: int = 0

    def to_line(self) -> str:
        return json.dumps({"progress": asdict(self)})


Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class RunResult:
    """``exit_code``: 0 done, 1 failed, 3 finished but incomplete. ``lasting`` says of a failure that it
    will be the same until another drive is there."""

    uuid: str
    exit_code: int
    summary: str
    manifest: Path | None = None
    revision: int | None = None
    processed_at: str | None = None
    changed: bool = False
    lasting: bool = False

    def to_line(self) -> str:
        values = asdict(self)
        values["manifest"] = str(self.manifest) if self.manifest else None
        return json.dumps({"outcome": values})
