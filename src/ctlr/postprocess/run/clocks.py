"""The clocks of a session in its folder: ``clock.csv``, the manifest's ``clock``, and the frames' times.

Cameras and phone were measured while it was recorded; the record has their samples. Watch and CAN
bus tell by what they delivered (``clocks.other_clocks``). A run without the record goes by the
``clock.csv`` that an earlier one has written.

Frame times of an earlier run are written again where their camera's clock is known otherwise now,
and only if they are, byte by byte, what that run has written.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ctlr.kernel.atomic import write_atomic
from ctlr.kernel.hashing import hash_bytes, hash_file
from ctlr.layout.can_files import parse_run
from ctlr.layout.clock_rows import CLOCK_FILE, ClockRow, format_clock_rows, parse_clock_rows
from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.clocks.other_clocks import can_clocks, watch_clock
from ctlr.postprocess.clocks.session_times import (
    NotFrameTimesError,
    time_fingerprint,
    write_session_times,
)
from ctlr.postprocess.manifest.alignment import TruthEntry
from ctlr.postprocess.manifest.can import CanSource
from ctlr.postprocess.manifest.shapes import FileEntry, FilesSource, Source, VideoSource
from ctlr.sessions.model import ClockSample, Session

FindFile = Callable[[str], Path]
Clocks = Mapping[str, Sequence[ClockSample]]
WriteTimes = Callable[[Path, Path, ClockTrack | None, int], None]
"""As ``write_session_times``, or one that was begun ahead."""


@dataclass(frozen=True, slots=True)
class SessionSpan:
    """When the session was, Unix milliseconds."""

    started_ms: int | None
    stopped_ms: int | None


def read_clocks(path: Path) -> dict[str, tuple[ClockSample, ...]]:
    """What an earlier run knew; nothing where it left no such file."""
    try:
        rows = parse_clock_rows(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    sources = dict.fromkeys(row.source for row in rows)
    return {
        source: tuple(ClockSample(*row[1:]) for row in rows if row.source == source)
        for source in sources
    }


def all_clocks(
    facts: Session | None,
    sources: Mapping[str, Source],
    truth: Iterable[TruthEntry],
    span: SessionSpan,
    find: FindFile,
) -> Clocks:
    """The samples of every source whose clock is known."""
    if facts is None:
        return read_clocks(find(CLOCK_FILE))
    clocks: dict[str, Sequence[ClockSample]] = {
        s: known for s, known in facts.clocks.items() if known
    }
    if span.started_ms is None or span.stopped_ms is None:
        return clocks
    middle_ms = (span.started_ms + span.stopped_ms) // 2
    watch = watch_clock(truth, clocks.get("phone", ()), _assumed(sources), middle_ms)
    bus = sources.get("can")
    stepped = bool(facts.clock_steps)  # its arrivals are on the clock as it was
    if isinstance(bus, CanSource) and bus.arrival_file and not stepped:
        clocks |= _of_buses(find(bus.arrival_file), span.started_ms, span.stopped_ms)
    return {**clocks, "watch": watch} if watch else clocks


def _of_buses(arrivals: Path, started_ms: int, stopped_ms: int) -> Clocks:
    try:
        with open(arrivals, "rb") as file:
            runs = (run for line in file if (run := parse_run(line)))
            return can_clocks(runs, started_ms, stopped_ms)
    except OSError:
        return {}  # the read-back says what ails the file


def _assumed(sources: Mapping[str, Source]) -> set[str]:
    """The tables whose times were counted from the session's start."""
    return {
        f"{kind}/{table.file}"
        for kind in ("phone", "watch")
        if isinstance(source := sources.get(kind), FilesSource)
        for table in source.tables
        if any(problem.code == "start_assumed" for problem in table.problems)
    }


def write_clock_file(folder: Path, clocks: Clocks) -> FileEntry:
    """Write ``clock.csv`` into a folder; returns its entry for the manifest. Raises ``OSError``."""
    rows = (
        ClockRow(source, one.at_ms, one.offset_ms, one.uncertainty_ms, one.method)
        for source, samples in sorted(clocks.items())
        for one in samples
    )
    data = format_clock_rows(rows).encode()
    write_atomic(folder / CLOCK_FILE, data)
    digest = hash_bytes(data)
    return FileEntry(path=CLOCK_FILE, bytes=len(data), xxh128=digest, inputs=digest)


@dataclass(frozen=True, slots=True)
class FrameClocks:
    """Gives frame times their last column. ``out`` is where new files go, ``folder`` where the
    session stands or will stand."""

    clocks: Clocks
    started_ms: int
    out: Path
    folder: Path
    write: WriteTimes = write_session_times

    def time(
        self, sources: Mapping[str, Source], files: Iterable[FileEntry]
    ) -> tuple[FileEntry, ...]:
        """All files, with the frame times as they are now. Raises ``OSError``."""
        known = {entry.path: entry for entry in files}
        for node, source in sources.items():
            if isinstance(source, VideoSource):
                for video in source.videos:
                    if video.frames_file and (entry := known.get(video.frames_file)):
                        known[entry.path] = self._time(node, source, entry)
        return tuple(known[path] for path in sorted(known))

    def _time(self, node: str, source: VideoSource, entry: FileEntry) -> FileEntry:
        samples, made = self.clocks.get(node), self.out / entry.path
        clock = ClockTrack(samples) if samples else None
        inputs = f"{source.inputs} {time_fingerprint(clock, self.started_ms)}"
        kept = not made.exists()
        if kept and (clock is None or entry.inputs == inputs or not self._is_sound(entry)):
            return entry
        try:
            self.write(self.folder / entry.path if kept else made, made, clock, self.started_ms)
        except NotFrameTimesError:
            return entry  # the certificate says why they were not compared
        size, digest = hash_file(made)
        return FileEntry(path=entry.path, bytes=size, xxh128=digest, inputs=inputs)

    def _is_sound(self, entry: FileEntry) -> bool:
        try:
            return hash_file(self.folder / entry.path) == (entry.bytes, entry.xxh128)
        except OSError:
            return False
