"""Opening each segment once: its facts for the plan, its tables for the join.

Nothing is decoded and no media byte is read, only boxes, so a segment costs a few reads whatever
its size. The tables are kept (about 2 KiB per 300 frames) because the join needs them again.
"""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ctlr.ingest.layout import frames_name, parse_segment_name
from ctlr.postprocess.boxes import Damaged
from ctlr.postprocess.facts import FoundFile, NodeFiles, Readability, SegmentFacts
from ctlr.postprocess.frames import read_capture_times
from ctlr.postprocess.movie import read_segment
from ctlr.postprocess.tables import SegmentTables, TrackHeader, first_shown_ticks


class Examiner:
    """Examines segments, and remembers those whose size and time have not changed since."""

    def __init__(self) -> None:
        self._facts: dict[tuple[Path, int, int], SegmentFacts] = {}
        self._tables: dict[Path, SegmentTables] = {}
        self._headers: dict[TrackHeader, TrackHeader] = {}  # one copy of what all share
        self._signatures: dict[bytes, bytes] = {}

    def examine_node(self, folder: Path, files: NodeFiles) -> list[SegmentFacts]:
        """The facts of all segments of a node, whatever state they are in. Raises ``OSError``
        only when the disk fails as a whole; an unreadable segment is a fact."""
        times = {f.path for f in files.frame_files}
        return [self.examine(folder, file, times) for file in files.segments]

    def examine(self, folder: Path, file: FoundFile, times: Iterable[str]) -> SegmentFacts:
        path = folder / file.path
        key = (path, file.size, file.mtime_ns)
        number = parse_segment_name(file.path)
        assert number is not None
        sidecar = folder / frames_name(number)
        known = self._facts.get(key)
        if known and (known.captured or sidecar.name not in times):
            return known
        facts = self._open(path, file, number, sidecar if sidecar.name in times else None)
        self._facts[key] = facts
        return facts

    def tables(self, path: Path) -> SegmentTables:
        """The tables of a usable segment that has been examined."""
        return self._tables[path]

    def _open(self, path: Path, file: FoundFile, number: int, sidecar: Path | None) -> SegmentFacts:
        captured = read_capture_times(sidecar) if sidecar else None

        def bad(readability: Readability, reason: str) -> SegmentFacts:
            return SegmentFacts(
                file.path, number, file.size, file.mtime_ns, readability, reason, captured=captured
            )

        if file.size == 0:
            return bad(Readability.EMPTY, "it has no bytes")
        try:
            tables = _read(path, file.size)
        except Damaged as error:
            return bad(Readability.DAMAGED, str(error))
        except OSError as error:
            return bad(Readability.DAMAGED, f"it cannot be read ({error.strerror})")
        for track in tables.tracks:
            track.header = self._headers.setdefault(track.header, track.header)
        self._tables[path] = tables
        facts = _facts(file, number, tables)
        facts = replace(
            facts, signature=self._signatures.setdefault(facts.signature, facts.signature)
        )
        return facts if captured is None else replace(facts, captured=captured)


def _read(path: Path, size: int) -> SegmentTables:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return read_segment(lambda offset, length: os.pread(fd, length, offset), size)
    finally:
        os.close(fd)


def _facts(file: FoundFile, number: int, tables: SegmentTables) -> SegmentFacts:
    track = tables.reference
    header = track.header
    slack = 0 if track.start_exact else header.timescale // tables.movie_timescale + 1
    obstacles = (t.obstacle for t in tables.tracks if t.obstacle)
    cut = tables.cut
    return SegmentFacts(
        name=file.path,
        number=number,
        size=file.size,
        mtime_ns=file.mtime_ns,
        readability=Readability.CUT if cut else Readability.WHOLE,
        reason=f"it ends early; {track.count} frames of it are readable" if cut else "",
        signature=b"\n".join(t.header.signature for t in tables.tracks),
        timescale=header.timescale,
        first_ticks=track.start_ticks + first_shown_ticks(track),
        first_slack_ticks=slack,
        duration_ticks=track.duration_ticks,
        declared_ticks=track.declared_ticks,
        frames=track.count,
        starts_with_keyframe=track.first_is_sync,
        obstacle=next(obstacles, None),
        codec=header.codec,
        width=header.width,
        height=header.height,
        created_at_s=tables.created_at_s,
    )
