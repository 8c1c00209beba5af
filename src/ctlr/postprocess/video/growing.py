"""A camera's file while it grows: its media bytes, its sample tables and its frame times.

A follower adds each segment as it arrives, where it should stand if nothing else turns up. Who
finishes the session takes the same object over: what the plan wants otherwise is let go, what is
missing is added, and only the index is left to be written. So the time that takes does not depend
on what was added before.

A segment that arrives late moves all after it. They are placed again a few at a time, with the
segments that arrive next: a backlog delivered in any order never holds up the recording.
"""

import errno
from bisect import bisect_left
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from pathlib import Path

from ctlr.layout.raw import LoggingLayout
from ctlr.layout.session import frames_file, video_file
from ctlr.mp4.labels import Labels
from ctlr.mp4.merge import MergedMovie
from ctlr.postprocess.manifest.copying import SourceChangedError, SourceReadError
from ctlr.postprocess.manifest.workspace import Workspace
from ctlr.postprocess.tables.reader import TableReader
from ctlr.postprocess.video.examine import Examiner
from ctlr.postprocess.video.facts import SegmentFacts
from ctlr.postprocess.video.frame_times import FrameTimes
from ctlr.postprocess.video.placing import order_of, place_after
from ctlr.postprocess.video.splice import Chunk, GrowingVideo, Index
from ctlr.postprocess.video.timeline import Placement

AT_ONCE = 64
"""How many segments a follower places again when one more has arrived."""


class GrowingPart:
    """One file of a camera. ``source`` is the camera's folder of the session, ``path`` and
    ``journal`` are the video's, ``frames`` is the path of its frame times.

    All methods raise ``OSError``.
    """

    def __init__(
        self, source: Path, path: Path, journal: Path, frames: Path, examiner: Examiner
    ) -> None:
        self._source = source
        self._path = path
        self._journal = journal
        self._examiner = examiner
        self._video: GrowingVideo | None = None
        self._chunks: dict[str, Chunk] = {}
        self._facts: list[SegmentFacts] = []  # what a follower has added, in order
        self._placed: list[Placement] = []  # where the first of them should stand
        self._movie = MergedMovie()  # of the first of those
        self._merged = 0
        self._timed = False  # whether there are frame times at all
        self.times = FrameTimes(frames)

    @property
    def name(self) -> str:
        """The video's own."""
        return self._path.name

    @property
    def names(self) -> set[str]:
        """The segments whose media bytes are in the file."""
        self._open()
        return set(self._chunks)

    def add(self, facts: SegmentFacts) -> None:
        """Take in a whole segment that has arrived."""
        self.copy(facts)
        where = bisect_left(self._facts, order_of(facts), key=order_of)
        self._facts.insert(where, facts)
        self._timed = self._timed or facts.captured is not None
        self._rewind(where)
        self._catch_up()

    def copy(self, facts: SegmentFacts) -> None:
        """Copy a segment's media bytes, unless they are there.

        Raises ``SourceReadError`` where the segment proves unreadable; the examiner knows then. So it
        does where another file lies there than was examined, which is to be examined again.
        """
        video = self._open()
        if facts.name in self._chunks:
            self._look_closer(facts)
            return
        source = self._source / facts.name
        try:
            media, seen = self._examiner.tables(source).media, (facts.size, facts.mtime_ns)
            self._chunks[facts.name] = video.append(source, media, seen)
        except SourceChangedError:
            raise
        except SourceReadError as error:
            self._examiner.cut_at(source, error.offset, error.strerror or "")
            raise
        self._look_closer(facts)
        if not self._examiner.is_blank(source):
            self._chunks[facts.name] = video.vouch_for_last()

    def _look_closer(self, facts: SegmentFacts) -> None:
        """Raises ``SourceReadError`` where what should be frames are none: it has to be planned again."""
        chunk = self._chunks[facts.name]
        if chunk.looked_at:
            return
        if self._examiner.look_closer(self._source / facts.name, chunk.blank):
            raise SourceReadError(errno.EIO, "Frames of it are none", 0)

    def flush(self) -> None:
        if self._video:
            self._video.flush()

    def close(self) -> None:
        video, self._video = self._video, None
        if video:
            video.close()

    def remove(self) -> None:
        """Remove the video, to be made again or in another way."""
        self.close()
        self._rewind(0)
        self._path.unlink(missing_ok=True)
        self._journal.unlink(missing_ok=True)

    # --- finishing

    def make(
        self,
        wanted: Sequence[Placement],
        labels: Labels,
        count: Callable[[int], None],
    ) -> tuple[MergedMovie, Index, list[Chunk]]:
        """Finish the video with exactly these segments; ``count`` is called with their sizes."""
        sources = {(p.facts.name, p.facts.size, p.facts.mtime_ns) for p in wanted}
        if not {chunk.made_of for chunk in self._open().chunks} <= sources:
            self.remove()
        self._open()
        missing = [p.facts for p in wanted if p.facts.name not in self._chunks]
        count(sum(p.facts.size for p in wanted) - sum(facts.size for facts in missing))
        for facts in missing:
            self.copy(facts)
            count(facts.size)
        for placed in wanted:
            self._look_closer(placed.facts)
        self._rewind(_agreeing(self._placed, wanted))
        self._placed = list(wanted)
        self._merge(len(wanted))
        kept = self._examiner.kept(self._source / wanted[0].facts.name)
        index = self._open().finish(self._movie.moov(labels, kept))
        return self._movie, index, [self._chunks[p.facts.name] for p in wanted]

    def write_frame_times(self, wanted: Sequence[Placement]) -> None:
        """Finish the frame times of exactly these segments."""
        self.times.keep(wanted)
        self._write_times(wanted)
        self.times.flush()

    # --- keeping up

    def _open(self) -> GrowingVideo:
        if self._video is None:
            self._video = GrowingVideo(self._path, self._journal)
            self._chunks = {chunk.segment: chunk for chunk in self._video.chunks}
        return self._video

    def _rewind(self, count: int) -> None:
        """Forget the places of all segments but the first ``count``."""
        if count >= len(self._placed):
            return
        del self._placed[count:]
        if self._merged > count:
            self._movie, self._merged = MergedMovie(), 0
        if self.times.count > count:
            self.times.keep(self._placed)

    def _catch_up(self) -> None:
        done = len(self._placed)
        for facts in self._facts[done : done + AT_ONCE]:
            placed = place_after(self._placed[-1] if self._placed else None, facts)
            if placed is None:
                break
            self._placed.append(placed)
        self._merge(AT_ONCE)
        if self._timed:
            self._write_times(self._placed[: self.times.count + AT_ONCE])

    def _merge(self, most: int) -> None:
        for placed in self._placed[self._merged : self._merged + most]:
            name = placed.facts.name
            tables = self._examiner.tables(self._source / name)
            self._movie.append(tables, placed.at_ticks, self._chunks[name].offset)
            self._merged += 1

    def _write_times(self, wanted: Sequence[Placement]) -> None:
        for placed in wanted[self.times.count :]:
            tables = self._examiner.tables(self._source / placed.facts.name)
            self.times.append(placed, tables.reference, self._source)


class GrowingParts:
    """The files of a session that are being made, by camera and number; and what was learnt of
    its segments and of the tables that were uploaded."""

    def __init__(
        self,
        layout: LoggingLayout,
        workspace: Workspace,
        uuid: str,
        tables: TableReader | None = None,
    ) -> None:
        self.examiner = Examiner()
        self.tables = tables or TableReader()
        self._layout = layout
        self._workspace = workspace
        self._uuid = uuid
        self._parts: dict[tuple[str, int], GrowingPart] = {}

    def get(self, node: str, number: int) -> GrowingPart:
        """A camera's first, second, ... file. Raises ``OSError``."""
        if (node, number) not in self._parts:
            self._workspace.prepare()
            name = video_file(node, number)
            self._parts[node, number] = GrowingPart(
                self._layout.node_session(node, self._uuid),
                self._workspace.out / name,
                self._workspace.journal(name),
                self._workspace.out / frames_file(node, number),
                self.examiner,
            )
        return self._parts[node, number]

    def keep_only(self, names: AbstractSet[str]) -> None:
        """Remove every file that was begun in the workspace but these. Raises ``OSError``."""
        for part in self._parts.values():
            if part.name not in names:
                part.remove()
        out = self._workspace.out
        for path in (p for p in out.rglob("*") if not p.is_dir()):
            if path.relative_to(out).as_posix() not in names:
                path.unlink()

    @property
    def rewritten(self) -> int:
        """How often frame times that had been written were taken back."""
        return sum(part.times.rewritten for part in self._parts.values())

    def frame_files(self) -> dict[str, list[Path]]:
        """The frame times that have been written, by camera; both in order."""
        files: dict[str, list[Path]] = {}
        for node, number in sorted(self._parts):
            times = self._parts[node, number].times
            if times.count:
                files.setdefault(node, []).append(times.path)
        return files

    def flush(self) -> None:
        """Put all that was copied on the disk. Raises ``OSError``."""
        for part in self._parts.values():
            part.flush()

    def close(self) -> None:
        """Close every file, whatever one of them says. Raises ``OSError``."""
        with ExitStack() as stack:
            for part in self._parts.values():
                stack.callback(part.close)


def _agreeing(placed: Sequence[Placement], wanted: Sequence[Placement]) -> int:
    """How many of the first placements are the same."""
    pairs = enumerate(zip(placed, wanted, strict=False))
    differ = (number for number, (mine, theirs) in pairs if mine != theirs)
    return next(differ, min(len(placed), len(wanted)))
