"""A finished session as it lies in its folder."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from ctlr.layout.session import MANIFEST_NAME
from ctlr.postprocess.alignment.check import is_on_watch
from ctlr.postprocess.folder.read_back import read_back
from ctlr.postprocess.manifest import document
from ctlr.postprocess.manifest.can import CanSource
from ctlr.postprocess.manifest.progress import Progress
from ctlr.postprocess.manifest.shapes import FailedSource, FilesSource, Manifest, VideoSource
from ctlr.postprocess.manifest.summarize import summarize
from ctlr.postprocess.manifest.tables import TableEntry
from ctlr.postprocess.tables.placing import SessionSpan
from ctlr.reader.cameras import Camera
from ctlr.reader.clocks import SourceClock, read_samples
from ctlr.reader.happenings import Gap, Mark, find_gaps, find_marks
from ctlr.reader.tables import Table


class NotASessionError(ValueError):
    """A folder holds no finished session that can be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What reading a session back has shown: ``faults`` are files that are not as they were
    written, ``unknown`` such as are not of the session."""

    faults: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.faults


def load(folder: str | os.PathLike[str]) -> "Session":
    """A session by its folder, or its manifest. Raises ``NotASessionError``."""
    path = Path(folder)
    path = path.parent if path.name == MANIFEST_NAME else path
    try:
        data = (path / MANIFEST_NAME).read_bytes()
    except OSError as error:
        why = "it has no manifest.json, so no session in it is finished"
        raise NotASessionError(f"{path} is no session: {why} ({error.strerror})") from error
    try:
        return Session(path, document.read(data))
    except ValueError as error:
        raise NotASessionError(
            f"{path} has a manifest.json that cannot be read: {error}"
        ) from error


class Session:
    """``manifest`` is all that the folder says of itself, ``summary`` the same in words.
    Instants are ``t_s``: seconds since ``started_at`` on the controller's clock."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest

    def __repr__(self) -> str:
        return f"<Session {self.manifest.uuid}: {', '.join(self.manifest.sources)}>"

    @property
    def summary(self) -> str:
        """What it is, what is missing, and how well its cameras were in step."""
        said = self.manifest.summary or summarize(self.manifest)
        return f"{said.recorded}\n{said.whole}\n{said.step}\n{said.proof}"

    @property
    def started_at(self) -> datetime | None:
        return None if self.manifest.started_at is None else self.to_datetime(0.0)

    @property
    def duration_s(self) -> float | None:
        started, stopped = self.manifest.started_at, self.manifest.stopped_at
        return None if started is None or stopped is None else (stopped - started) / 1000

    @property
    def missing(self) -> dict[str, str]:
        """What was expected and has nothing to show, and why."""
        sources = self.manifest.sources.items()
        return {name: s.error for name, s in sources if isinstance(s, FailedSource)}

    def to_datetime(self, t_s: float) -> datetime:
        """An instant of the session as a date."""
        return datetime.fromtimestamp(self._started_ms / 1000 + t_s, UTC)

    def to_t_s(self, instant: datetime | float) -> float:
        """A date, or Unix seconds, on the controller's clock as an instant of the session."""
        unix_s = instant.timestamp() if isinstance(instant, datetime) else instant
        return unix_s - self._started_ms / 1000

    @cached_property
    def clocks(self) -> Mapping[str, SourceClock]:
        """By source: cameras, ``phone``, ``watch``, ``can`` (``can/{bus}`` of several)."""
        samples = read_samples(self.folder, self.manifest.clock)
        return {source: SourceClock(self._started_ms, known) for source, known in samples.items()}

    @cached_property
    def cameras(self) -> Mapping[str, Camera]:
        return {
            name: Camera(name, self.folder, source, self.clock(name))
            for name, source in self._videos.items()
        }

    @cached_property
    def tables(self) -> Mapping[str, Table]:
        """Of phone, watch and CAN bus, by their paths: ``phone/Accelerometer.csv``."""
        found: dict[str, Table] = {}
        for kind, source in self.manifest.sources.items():
            if isinstance(source, FilesSource):
                for told in source.tables:
                    path = f"{kind}/{told.file}"
                    found[path] = self._table(path, told, self._clock_of(kind, told))
            elif isinstance(source, CanSource):
                files = {source.file: source.frames}
                messages = source.signals.messages if source.signals else ()
                files |= {message.file: message.frames for message in messages}
                for path, rows in files.items():
                    told = TableEntry(file=path, rows=rows, clock="ts_ms", unit="ms")
                    found[path] = self._table(path, told, self._clocks_of_buses(path))
        return found

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """Of all sources, in the order of time."""
        return find_gaps(self._videos, self.cameras, self.tables)

    @cached_property
    def marks(self) -> tuple[Mark, ...]:
        return find_marks(self.manifest.marks, self._started_ms)

    def clock(self, source: str) -> SourceClock:
        """A source's clock; one of which nothing is known where it was never measured."""
        return self.clocks.get(source) or SourceClock(self._started_ms)

    def verify(self, report: Callable[[Progress], None] = lambda _: None) -> Verified:
        """Read every file back and compare it with its hash. ``report`` is told how far it is."""
        found = read_back(self.folder, self.manifest, report)
        return Verified(tuple(fault.text for fault in found.faults), found.unknown)

    @property
    def _started_ms(self) -> int:
        return self.manifest.started_at or 0

    @cached_property
    def _videos(self) -> dict[str, VideoSource]:
        sources = self.manifest.sources.items()
        return {name: source for name, source in sources if isinstance(source, VideoSource)}

    def _table(self, path: str, told: TableEntry, clocks: Mapping[str, SourceClock]) -> Table:
        span = SessionSpan(self.manifest.started_at, self.manifest.stopped_at)
        return Table(path, self.folder, told, span, clocks)

    def _clock_of(self, kind: str, told: TableEntry) -> dict[str, SourceClock]:
        """Times that were counted from the session's start are of no clock."""
        if any(problem.code == "start_assumed" for problem in told.problems):
            return {"": SourceClock(self._started_ms)}
        source = "watch" if is_on_watch(kind, told.file) else kind
        return {source: self.clock(source)}

    def _clocks_of_buses(self, path: str) -> dict[str, SourceClock]:
        buses = {name: clock for name, clock in self.clocks.items() if name.startswith("can/")}
        if not buses:
            return {"can": self.clock("can")}
        if path.startswith("can/"):
            return {name.removeprefix("can/"): clock for name, clock in buses.items()}
        return {"": SourceClock(self._started_ms)}  # its rows do not say which bus they are of
