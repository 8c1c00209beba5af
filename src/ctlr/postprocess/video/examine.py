"""Opening each segment once: its facts for the plan, its tables for the join.

Nothing is decoded, and of the media only the beginnings of a few frames are read, so a segment costs
a few reads whatever its size; those of all frames are read once it is copied, while it is in memory
(``mp4.blank``). The tables are kept (about 2 KiB per 300 frames)
because the join needs them again.
"""

import os
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import structlog

from ctlr.layout.raw import parse_segment_name, parse_stray_segment, plain_name
from ctlr.mp4.blank import Area, Blank, leave_out_blank, seems_blank
from ctlr.mp4.boxes import Damaged, ReadAt, Unfinished
from ctlr.mp4.headers import TrackHeader
from ctlr.mp4.kept import Kept, read_kept
from ctlr.mp4.movie import read_segment
from ctlr.mp4.tables import (
    SegmentTables,
    Track,
    first_shown_ticks,
    keep_readable,
    keep_until,
)
from ctlr.postprocess.video.described import captured_until, facts_of
from ctlr.postprocess.video.facts import (
    CaptureTimes,
    FoundFile,
    NodeFiles,
    Readability,
    SegmentFacts,
    times_name,
)
from ctlr.postprocess.video.frames import read_capture_times

_HEAD_BYTES = 16
_log = structlog.get_logger("postprocess")


@dataclass(slots=True)
class _Known:
    facts: SegmentFacts
    tables: SegmentTables | None
    has_times: bool
    looked: bool = False  # whether every frame has been looked at


class Examiner:
    """Examines segments, and remembers those whose size and time have not changed since."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._headers: dict[TrackHeader, TrackHeader] = {}  # one copy of what all share
        self._signatures: dict[bytes, bytes] = {}

    def examine_node(self, folder: Path, files: NodeFiles) -> list[SegmentFacts]:
        """The facts of all segments of a node; an unreadable segment is a fact, not an error."""
        times = {f.path for f in files.frame_files}
        found = [self.examine(folder, file, times) for file in files.segments]
        return found + [self.examine(folder, file, times) for file in files.stray_segments]

    def examine(self, folder: Path, file: FoundFile, times: Container[str]) -> SegmentFacts:
        """The facts of one segment; ``times`` holds the names of the sidecars that are there."""
        path = f"{folder}/{file.path}"
        number = parse_segment_name(plain_name(file.path) or "")
        stray = number is None
        number = parse_stray_segment(file.path) if number is None else number
        assert number is not None
        sidecar = times_name(file.path, number, stray=stray)
        has_times = sidecar in times
        known = self._known.get(path)
        if known and _is_current(known.facts, file) and known.has_times == has_times:
            known.facts = replace(known.facts, take=file.take, version=file.version)
            return known.facts
        facts, tables = self._open(path, file, number, folder / sidecar if has_times else None)
        facts = replace(facts, stray=stray)
        self._known[path] = _Known(facts, tables, has_times)
        return facts

    def tables(self, path: Path) -> SegmentTables:
        """The tables of a usable segment that has been examined."""
        tables = self._known[str(path)].tables
        assert tables is not None
        return tables

    def kept(self, path: Path) -> Kept:
        """What a segment says of its camera; nothing where it cannot be read any more."""
        try:
            with _opened(str(path)) as read_at:
                return read_kept(read_at, os.stat(path).st_size)
        except OSError:
            return Kept()

    def is_blank(self, path: Path) -> bool:
        """Whether some of a segment's frames are known to be none."""
        return bool(self._known[str(path)].facts.blank)

    def look_closer(self, path: Path, areas: Sequence[Area]) -> bool:
        """Look at every frame of a segment, of which ``areas`` are zeros; once is enough.

        Returns whether it proved to be less than was known.
        """
        known = self._known[str(path)]
        if known.looked or known.tables is None:
            return False
        known.looked, before = True, known.facts
        frames = known.tables.reference.count
        try:
            with _opened(str(path)) as read_at:
                blank = leave_out_blank(known.tables, read_at, areas)
        except (Damaged, OSError) as error:
            known.facts = replace(before, readability=Readability.DAMAGED, reason=str(error))
            known.tables = None
            return True
        if not blank and known.tables.reference.count == frames:
            return False
        file = FoundFile(before.name, before.size, before.mtime_ns)
        facts = facts_of(file, before.number, known.tables, before.captured, blank)
        known.facts = replace(
            before,
            readability=facts.readability,
            reason=facts.reason,
            duration_ticks=facts.duration_ticks,
            declared_ticks=facts.declared_ticks,
            frames=facts.frames,
            unshown=facts.unshown,
            blank=blank,
        )
        return known.facts != before

    def cut_at(self, path: Path, offset: int, why: str) -> None:
        """Take note that a segment turned out to be unreadable from ``offset`` on."""
        known = self._known[str(path)]
        assert known.tables is not None
        reason = f"it cannot be read from byte {offset} on ({why})"
        reference = known.tables.reference
        was_whole = known.facts.readability is Readability.WHOLE
        meant = known.facts.declared_ticks or (known.facts.duration_ticks if was_whole else 0)
        can_be_kept = bool(known.tables.media)
        _keep_before(known.tables, offset)
        if can_be_kept and reference.count:
            known.facts = replace(
                known.facts,
                readability=Readability.CUT,
                reason=reason,
                duration_ticks=reference.duration_ticks,
                declared_ticks=meant,
                frames=reference.count,
            )
        else:
            known.facts = replace(known.facts, readability=Readability.DAMAGED, reason=reason)
            known.tables = None

    def end_at(self, path: Path, ticks: int) -> SegmentFacts:
        """Leave out what a segment shows from ``ticks`` after its first frame on: it was recorded
        after the session. Returns its facts as they are from now on."""
        known = self._known[str(path)]
        assert known.tables is not None
        before, reference = known.facts, known.tables.reference
        whole = reference.length_ticks
        stop = _first_shown(reference) + Fraction(ticks, before.timescale)
        for track in known.tables.tracks:
            after = stop - _first_shown(track)
            keep_until(track, max(int(after * track.header.timescale), 0))
        left = whole - reference.length_ticks
        known.facts = replace(
            before,
            duration_ticks=reference.length_ticks,
            frames=reference.shown,
            unshown=reference.unshown,
            after_stop_ticks=before.after_stop_ticks + left,
            captured=captured_until(before, reference.shown),
        )
        return known.facts

    def _open(
        self, path: str, file: FoundFile, number: int, sidecar: Path | None
    ) -> tuple[SegmentFacts, SegmentTables | None]:
        """Never raises: whatever ails a file costs that file and nothing else."""
        captured = None
        try:
            captured = read_capture_times(sidecar) if sidecar else None
            return self._read(path, file, number, captured)
        except (Unfinished, Blank) as error:
            reason = str(error)
        except Damaged as error:
            found = _read_stranger(path)
            if isinstance(found, SegmentTables):
                return self._described(file, number, found, captured, "")
            reason = found or str(error)
        except OSError as error:
            reason = f"it cannot be read ({error.strerror})"
        except Exception as error:  # nobody has thought of it, and the others are to be joined
            _log.exception("a segment could not be examined", path=path)
            reason = f"it cannot be understood ({type(error).__name__})"
        return _unusable(file, number, Readability.DAMAGED, reason, captured), None

    def _read(
        self, path: str, file: FoundFile, number: int, captured: CaptureTimes | None
    ) -> tuple[SegmentFacts, SegmentTables | None]:
        if file.size == 0:
            return _unusable(file, number, Readability.EMPTY, "it has no bytes", captured), None
        blank = ""
        with _opened(path) as read_at:
            tables = read_segment(read_at, file.size)
            if seems_blank(tables, read_at):
                blank = leave_out_blank(tables, read_at)
        return self._described(file, number, tables, captured, blank)

    def _described(
        self,
        file: FoundFile,
        number: int,
        tables: SegmentTables,
        captured: CaptureTimes | None,
        blank: str,
    ) -> tuple[SegmentFacts, SegmentTables]:
        for track in tables.tracks:
            track.header = self._headers.setdefault(track.header, track.header)
        facts = facts_of(file, number, tables, captured, blank)
        signature = self._signatures.setdefault(facts.signature, facts.signature)
        sound = self._signatures.setdefault(facts.sound, facts.sound)
        return replace(facts, signature=signature, sound=sound), tables


def _unusable(
    file: FoundFile,
    number: int,
    readability: Readability,
    reason: str,
    captured: CaptureTimes | None,
) -> SegmentFacts:
    return SegmentFacts(
        file.path,
        number,
        file.size,
        file.mtime_ns,
        readability,
        reason,
        captured=captured,
        take=file.take,
        version=file.version,
    )


def _first_shown(track: Track) -> Fraction:
    """When a track's first sample is shown in its segment, in seconds."""
    return Fraction(track.start_ticks + first_shown_ticks(track), track.header.timescale)


def _keep_before(tables: SegmentTables, offset: int) -> None:
    for track in tables.tracks:
        keep_readable(track, offset)
    clipped = ((start, min(length, offset - start)) for start, length in tables.media)
    tables.media = [(start, length) for start, length in clipped if length > 0]


def _is_current(facts: SegmentFacts, file: FoundFile) -> bool:
    return (facts.size, facts.mtime_ns) == (file.size, file.mtime_ns)


def _read_stranger(path: str) -> SegmentTables | str:
    """The frames of a file in another container, where it is one; else why they can't be joined, or
    nothing where it is no video at all."""
    from ctlr.postprocess.video.foreign import examine_stranger, seems, tables_of  # seldom needed

    stranger = examine_stranger(path)
    if stranger is None:
        with suppress(OSError, Damaged), _opened(path) as read_at:
            return seems(read_at(0, _HEAD_BYTES))
        return ""
    return stranger.refused or tables_of(stranger)


@contextmanager
def _opened(path: str) -> Iterator[ReadAt]:
    """A function that reads the file. Raises ``OSError``, and the function ``Damaged``."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)

    def read_at(offset: int, length: int) -> bytes:
        try:
            return os.pread(fd, length, offset)
        except OSError as error:  # a bad sector: what lies before it counts
            text = f"it cannot be read from byte {offset} on ({error.strerror})"
            raise Damaged(text) from error

    try:
        yield read_at
    finally:
        os.close(fd)
