"""Opening each segment once: its facts for the plan, its tables for the join.

Nothing is decoded, and of the media only the beginnings of a few frames are read (``blank``), so a
segment costs a few reads whatever its size. The tables are kept (about 2 KiB per 300 frames)
because the join needs them again.
"""

import os
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from ctlr.layout.raw import parse_segment_name, parse_stray_segment, plain_name
from ctlr.mp4.blank import Area, leave_out_blank, seems_blank
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
    shown_ticks,
)
from ctlr.postprocess.video.facts import (
    CaptureTimes,
    FoundFile,
    NodeFiles,
    Readability,
    SegmentFacts,
    times_name,
)
from ctlr.postprocess.video.frames import read_capture_times
from ctlr.postprocess.video.stills import find_stills

MOST_TIMED = 1 << 19
"""Frames of a segment up to which each one's time is looked at: five hours at 30 a second."""


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

    def look_closer(self, path: Path, areas: Sequence[Area]) -> bool:
        """Look at every frame of a segment of which ``areas`` seem to be zeros; once is enough.

        Returns whether it proved to be less than was known.
        """
        known = self._known[str(path)]
        if known.looked or known.tables is None:
            return False
        known.looked, before = True, known.facts
        try:
            with _opened(str(path)) as read_at:
                blank = leave_out_blank(known.tables, read_at, areas)
        except (Damaged, OSError) as error:
            known.facts = replace(before, readability=Readability.DAMAGED, reason=str(error))
            known.tables = None
            return True
        file = FoundFile(before.name, before.size, before.mtime_ns)
        facts = _facts(file, before.number, known.tables, before.captured, blank)
        known.facts = replace(
            before,
            readability=facts.readability,
            reason=facts.reason,
            duration_ticks=facts.duration_ticks,
            declared_ticks=facts.declared_ticks,
            frames=facts.frames,
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
            captured=_captured_until(before, reference.shown),
        )
        return known.facts

    def _open(
        self, path: str, file: FoundFile, number: int, sidecar: Path | None
    ) -> tuple[SegmentFacts, SegmentTables | None]:
        captured = read_capture_times(sidecar) if sidecar else None

        def bad(readability: Readability, reason: str) -> tuple[SegmentFacts, None]:
            return (
                SegmentFacts(
                    file.path,
                    number,
                    file.size,
                    file.mtime_ns,
                    readability,
                    reason,
                    captured=captured,
                    take=file.take,
                    version=file.version,
                ),
                None,
            )

        if file.size == 0:
            return bad(Readability.EMPTY, "it has no bytes")
        blank = ""
        try:
            with _opened(path) as read_at:
                tables = read_segment(read_at, file.size)
                if seems_blank(tables, read_at):
                    blank = leave_out_blank(tables, read_at)
        except Unfinished as error:
            return bad(Readability.DAMAGED, str(error))
        except Damaged as error:
            found = _read_stranger(path)
            if found is None:
                return bad(Readability.DAMAGED, str(error))
            tables = found
        except OSError as error:
            return bad(Readability.DAMAGED, f"it cannot be read ({error.strerror})")
        for track in tables.tracks:
            track.header = self._headers.setdefault(track.header, track.header)
        facts = _facts(file, number, tables, captured, blank)
        signature = self._signatures.setdefault(facts.signature, facts.signature)
        sound = self._signatures.setdefault(facts.sound, facts.sound)
        return replace(facts, signature=signature, sound=sound), tables


def _first_shown(track: Track) -> Fraction:
    """When a track's first sample is shown in its segment, in seconds."""
    return Fraction(track.start_ticks + first_shown_ticks(track), track.header.timescale)


def _captured_until(facts: SegmentFacts, frames: int) -> CaptureTimes | None:
    """The capture times of a segment's first ``frames``, spaced evenly as only their ends are known."""
    known = facts.captured
    if known is None or known.rows != facts.frames or known.rows < 2:
        return known
    gone = known.rows - frames
    last_us = known.last_us - (known.last_us - known.first_us) * gone // (known.rows - 1)
    numbers = known.numbers and (known.numbers[0], known.numbers[1] - gone)
    return CaptureTimes(frames, known.first_us, last_us, numbers)


def _keep_before(tables: SegmentTables, offset: int) -> None:
    for track in tables.tracks:
        keep_readable(track, offset)
    clipped = ((start, min(length, offset - start)) for start, length in tables.media)
    tables.media = [(start, length) for start, length in clipped if length > 0]


def _is_current(facts: SegmentFacts, file: FoundFile) -> bool:
    return (facts.size, facts.mtime_ns) == (file.size, file.mtime_ns)


def _read_stranger(path: str) -> SegmentTables | None:
    """The frames of a file in another container, where it is one."""
    from ctlr.postprocess.video.foreign import examine_stranger, tables_of  # seldom needed

    stranger = examine_stranger(path)
    return tables_of(stranger) if stranger else None


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


def _is_sound(track: Track) -> bool:
    return track.count > 0 and track.header.kind == b"soun"


def _is_side(track: Track) -> bool:
    return track.header.kind not in {b"vide", b"soun"}


def _facts(
    file: FoundFile,
    number: int,
    tables: SegmentTables,
    captured: CaptureTimes | None,
    blank: str,
) -> SegmentFacts:
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
        reason=f"{tables.note or 'it ends early'}; {track.count} frames of it are readable"
        if cut
        else "",
        signature=track.header.signature,
        sound=b"\n".join(t.header.signature for t in tables.tracks if _is_sound(t)),
        timescale=header.timescale,
        first_ticks=track.start_ticks + first_shown_ticks(track),
        first_slack_ticks=slack,
        duration_ticks=track.duration_ticks,
        declared_ticks=track.declared_ticks,
        frames=track.count,
        starts_with_keyframe=track.first_is_sync,
        obstacle=next(obstacles, None),
        lost=tuple(lost.text for lost in tables.lost),
        lost_samples=any(lost.samples for lost in tables.lost),
        sides=tuple(t.header.codec for t in tables.tracks if t.count and _is_side(t)),
        sizes=tuple((d.width, d.height) for d in header.descriptions[1:] and header.descriptions),
        hidden_ticks=track.hidden_ticks,
        blank=blank,
        codec=header.codec,
        width=header.width,
        height=header.height,
        created_at_s=tables.created_at_s,
        captured=captured,
        shown_stills=() if captured else find_stills(_shown_us(track)),
        take=file.take,
        version=file.version,
    )


def _shown_us(track: Track) -> list[int]:
    """When each frame is shown, and when the last one ends; of so many that memory would grow, none."""
    if track.count > MOST_TIMED:
        return []
    shown, scale = sorted(shown_ticks(track)), track.header.timescale
    ends = shown[:1] and [shown[0] + track.duration_ticks]
    return [ticks * 1_000_000 // scale for ticks in (*shown, *ends)]
