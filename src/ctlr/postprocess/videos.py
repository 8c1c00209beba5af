"""Carrying out one camera's part of a plan: splice (or remux) its parts, write its frame times."""

from collections.abc import Callable
from pathlib import Path

from ctlr.postprocess.copying import SourceReadError, hash_path
from ctlr.postprocess.examine import Examiner
from ctlr.postprocess.folders import Workspace
from ctlr.postprocess.manifest import ChunkEntry, IndexEntry, VideoFile
from ctlr.postprocess.marks import chapters_of
from ctlr.postprocess.mp4.chapters import Chapter
from ctlr.postprocess.mp4.merge import MergedMovie
from ctlr.postprocess.plan import PlannedVideo
from ctlr.postprocess.remux import RemuxError, remux
from ctlr.postprocess.splice import Chunk, GrowingVideo
from ctlr.postprocess.timeline import Part

CountBytes = Callable[[int], None]


class VideoMaker:
    """Makes the files of one camera from ``source`` (its session folder) in the workspace.

    All methods raise ``OSError``.
    """

    def __init__(self, examiner: Examiner, source: Path, workspace: Workspace) -> None:
        self._examiner = examiner
        self._source = source
        self._workspace = workspace
        self._out = workspace.out

    def make(self, video: PlannedVideo, count: CountBytes) -> list[VideoFile]:
        """Make every part of a video; ``count`` is called with bytes as they are written."""
        return [self._make_part(video, number, count) for number in range(len(video.parts))]

    def _make_part(self, video: PlannedVideo, number: int, count: CountBytes) -> VideoFile:
        part, name = video.parts[number], video.file(number)
        chapters = chapters_of(video.marks, video.parts, number)
        join = self._remux if part.method == "remux" else self._splice
        made = join(part, name, chapters, count)
        made = made.model_copy(update={"dropped": video.dropped[number]})
        if not video.frame_times:
            return made
        self._write_frame_times(self._out / video.frames_file(number), part)
        return made.model_copy(update={"frames_file": video.frames_file(number)})

    def _remux(
        self, part: Part, name: str, chapters: list[Chapter], count: CountBytes
    ) -> VideoFile:
        made = remux(part, self._source, self._out / name, count, chapters)
        if made.frames != part.frames:
            raise RemuxError(f"{name} got {made.frames} of {part.frames} frames")
        _, digest = hash_path(self._out / name)
        return _describe(part, name, made.bytes, made.duration_s).model_copy(
            update={"method": "remux", "xxh128": digest}
        )

    def _splice(
        self, part: Part, name: str, chapters: list[Chapter], count: CountBytes
    ) -> VideoFile:
        path, journal = self._out / name, self._workspace.journal(name)
        wanted = [(p.facts.name, p.facts.size, p.facts.mtime_ns) for p in part.segments]
        if not _can_continue(path, journal, wanted):
            path.unlink(missing_ok=True)
            journal.unlink(missing_ok=True)
        with GrowingVideo(path, journal) as growing:
            done = {chunk.segment: chunk for chunk in growing.chunks}
            for placed in part.segments:
                if placed.facts.name not in done:
                    source = self._source / placed.facts.name
                    chunk = self._append(growing, source)
                    done[chunk.segment] = chunk
                count(placed.facts.size)
            movie = self._merge(part, done)
            index = growing.finish(movie.moov(chapters))
        entries = tuple(_chunk_entry(done[p.facts.name]) for p in part.segments)
        made = IndexEntry(offset=index.offset, length=index.length, xxh128=index.xxh128)
        duration_s = movie.duration_ticks / movie.timescale
        return _describe(part, name, index.offset + index.length, duration_s).model_copy(
            update={"chunks": entries, "index": made}
        )

    def _append(self, growing: GrowingVideo, source: Path) -> Chunk:
        try:
            return growing.append(source, self._examiner.tables(source).media)
        except SourceReadError as error:
            self._examiner.cut_at(source, error.offset, error.strerror or "")
            raise

    def _merge(self, part: Part, chunks: dict[str, Chunk]) -> MergedMovie:
        movie = MergedMovie()
        for placed in part.segments:
            tables = self._examiner.tables(self._source / placed.facts.name)
            movie.append(tables, placed.at_ticks, chunks[placed.facts.name].offset)
        return movie

    def _write_frame_times(self, path: Path, part: Part) -> None:
        times = self._examiner.frame_times(path)
        for placed in part.segments[times.keep(part.segments) :]:
            tables = self._examiner.tables(self._source / placed.facts.name)
            times.append(placed, tables.reference, self._source)
        times.flush()


def _can_continue(path: Path, journal: Path, wanted: list[tuple[str, int, int]]) -> bool:
    """Whether everything already in a growing video belongs into it as it is now."""
    if not journal.exists():
        return False
    with GrowingVideo(path, journal) as growing:
        have = [(c.segment, c.source_bytes, c.source_mtime_ns) for c in growing.chunks]
    return set(have) <= set(wanted)


def _chunk_entry(chunk: Chunk) -> ChunkEntry:
    return ChunkEntry(
        segment=chunk.segment, offset=chunk.offset, length=chunk.length, xxh128=chunk.xxh128
    )


def _describe(part: Part, name: str, size: int, duration_s: float) -> VideoFile:
    first = part.segments[0].facts
    played_s = sum(p.facts.duration_ticks / p.facts.timescale for p in part.segments)
    return VideoFile(
        file=name,
        segments=len(part.segments),
        size_mb=round(size / 2**20, 1),
        bytes=size,
        frames=part.frames,
        duration_s=round(duration_s, 6),
        codec=first.codec,
        width=first.width,
        height=first.height,
        fps=round(part.frames / played_s, 3) if played_s else 0.0,
        first_frame_at_us=first.captured.first_us if first.captured else None,
    )
