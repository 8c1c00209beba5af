"""A rig's two disks as plain folders, with one session on them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.unit.postprocess.mp4 import Film, plain

from ctlr.config import Settings
from ctlr.mp4.movie import read_segment
from ctlr.mp4.tables import SegmentTables
from ctlr.postprocess.manifest.progress import Progress, RunResult
from ctlr.postprocess.run.session import process
from ctlr.sessions.model import Session, SessionNode, SessionState

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
START_MS = 1_776_313_714_000


class Rig:
    """Folders below ``root``, and shorthand for what tests do with them."""

    def __init__(self, root: Path, session_folder: str = "{uuid}") -> None:
        self.logging = root / "logging"
        self.sync = root / "sync"
        self.logging.mkdir()
        self.sync.mkdir()
        self.settings = Settings.model_validate(
            {
                "storage": {
                    "logging": self.logging,
                    "sync": self.sync,
                    "require_mounts": False,
                    "session_folder": session_folder,
                },
                "database": {"path": root / "state" / "ctlr.db"},
            }
        )

    @property
    def folder(self) -> Path:
        return self.sync / UUID

    def node(self, name: str = "cam-a") -> Path:
        folder = self.logging / name / UUID
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def record(
        self,
        name: str = "cam-a",
        numbers: range = range(4),
        make: Callable[[Film], bytes] = plain,
        film: Film | None = None,
    ) -> None:
        """Put segments of 1 s on the logging disk, each with frames of its own."""
        for number in numbers:
            given = film or Film()
            values = {f: getattr(given, f) for f in given.__dataclass_fields__}
            values["tag"] = b"%s-%d" % (name.encode(), number)
            (self.node(name) / f"seg_{number:04d}.mp4").write_bytes(make(Film(**values)))

    def capture(self, name: str = "cam-a", numbers: range = range(4), late_us: int = 0) -> None:
        """Put frame times beside segments of 30 frames a second."""
        for number in numbers:
            first_us = START_MS * 1000 + number * 10**6 + late_us
            rows = "".join(f"{n},{n * 33333},{first_us + n * 33333}\n" for n in range(30))
            path = self.node(name) / f"seg_{number:04d}.frames.csv"
            path.write_text("frame,pts_us,captured_at_us\n" + rows)

    def upload(self, path: str, text: str = "time,x\n1,2\n") -> None:
        target = self.logging / "phone" / UUID / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def process(self, facts: Session | None = None, **more: Any) -> RunResult:
        self.progress: list[Progress] = []
        return process(self.settings, UUID, facts, self.progress.append, **more)

    def manifest(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "manifest.json").read_text()))

    def source(self, name: str = "cam-a") -> dict[str, Any]:
        return dict(self.manifest()["sources"][name])

    def movie(self, file: str = "cam-a.mp4") -> "Movie":
        return Movie(self.folder / file)

    def listing(self) -> list[str]:
        """Every path on the sync disk, hidden ones too."""
        return sorted(p.relative_to(self.sync).as_posix() for p in self.sync.rglob("*"))


class Movie:
    """A result read back: its frames, and when each is shown (seconds)."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        self.tables: SegmentTables = read_segment(
            lambda offset, length: data[offset : offset + length], len(data)
        )
        self.frames = frames_of(data, self.tables)


def frames_of(data: bytes, tables: SegmentTables) -> list[bytes]:
    track, found, at = tables.reference, [], 0
    sizes = track.sizes.numbers()
    for offset, count in zip(track.chunk_offsets, track.chunk_counts, strict=True):
        position = offset
        for size in sizes[at : at + count]:
            found.append(data[position : position + size])
            position += size
        at += count
    return found


def session(*nodes: SessionNode, **changes: Any) -> Session:
    """The record of a session; its cameras confirmed the stop at once where they don't say when."""
    values = {
        "uuid": UUID,
        "state": SessionState.PROCESSING,
        "start_at_ms": START_MS,
        "stopped_at_ms": START_MS + 4000,
        **changes,
    }
    confirmed = (
        replace(node, stopped_at_ms=node.stopped_at_ms or values["stopped_at_ms"]) for node in nodes
    )
    return Session(**{"nodes": tuple(confirmed), **values})
