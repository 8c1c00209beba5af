"""Carrying out one camera's part of a plan: splice (or remux) its parts, write its frame times."""

import errno
from fractions import Fraction
from pathlib import Path

from ctlr.kernel.hashing import CountBytes, hash_file
from ctlr.mp4.labels import Labels
from ctlr.postprocess.manifest.copying import SourceReadError
from ctlr.postprocess.manifest.shapes import ChunkEntry, IndexEntry, StillEntry, VideoFile
from ctlr.postprocess.manifest.workspace import Workspace
from ctlr.postprocess.video.growing import GrowingPart, GrowingParts
from ctlr.postprocess.video.marks import chapters_of
from ctlr.postprocess.video.planned import PlannedVideo
from ctlr.postprocess.video.remux import RemuxError, remux
from ctlr.postprocess.video.splice import Chunk
from ctlr.postprocess.video.stills import PlacedStill
from ctlr.postprocess.video.timeline import Part


class VideoMaker:
    """Makes the files of one camera from ``source`` (its session folder) in the workspace.
    ``started_at_ms`` is the session's start in Unix time, if that is known.

    All methods raise ``OSError``: ``SourceReadError`` where a segment proves unreadable, or not fit
    for what has to be done with it; the examiner knows then.
    """

    def __init__(
        self,
        parts: GrowingParts,
        source: Path,
        workspace: Workspace,
        started_at_ms: int | None = None,
    ) -> None:
        self._started_at_ms = started_at_ms
        self._parts = parts
        self._source = source
        self._out = workspace.out

    def make(self, video: PlannedVideo, count: CountBytes) -> list[VideoFile]:
        """Make every part of a video; ``count`` is called with bytes as they are written."""
        return [self._make_part(video, number, count) for number in range(len(video.parts))]

    def _make_part(self, video: PlannedVideo, number: int, count: CountBytes) -> VideoFile:
        part, name = video.parts[number], video.file(number)
        labels = self._labels(video, number)
        growing = self._parts.get(video.node, number)
        try:
            if part.method == "remux":
                growing.remove()
                made = self._remux(part, name, labels, count)
            else:
                made = _splice(growing, part, name, labels, count)
            if video.frame_times:
                growing.write_frame_times(part.segments)
                made = made.model_copy(update={"frames_file": video.frames_file(number)})
        finally:
            growing.close()
        stills = tuple(map(_still_entry, video.stills[number]))
        return made.model_copy(update={"dropped": video.dropped[number], "stills": stills})

    def _labels(self, video: PlannedVideo, number: int) -> Labels:
        taken_at_s = None
        if self._started_at_ms is not None:
            taken_at_s = int(Fraction(self._started_at_ms, 1000) + video.parts[number].starts_at)
        return Labels(
            title=f"{video.node}, session {self._source.name}",
            taken_at_s=taken_at_s,
            chapters=chapters_of(video.marks, video.parts, number),
        )

    def _remux(self, part: Part, name: str, labels: Labels, count: CountBytes) -> VideoFile:
        try:
            made = remux(part, self._source, self._out / name, count, labels)
        except RemuxError as error:
            self._parts.examiner.cut_at(self._source / error.segment, error.offset, error.why)
            raise SourceReadError(errno.EIO, str(error), error.offset) from error
        _, digest = hash_file(self._out / name, lambda _: count(0))
        return _describe(part, name, made.bytes, made.duration_s).model_copy(
            update={
                "method": "remux",
                "made_of": tuple(placed.facts.name for placed in part.segments),
                "xxh128": digest,
            }
        )


def _splice(
    growing: GrowingPart, part: Part, name: str, labels: Labels, count: CountBytes
) -> VideoFile:
    movie, index, chunks = growing.make(part.segments, labels, count)
    made = IndexEntry(offset=index.offset, length=index.length, xxh128=index.xxh128)
    duration_s = movie.picture_ticks / movie.timescale
    return _describe(part, name, index.offset + index.length, duration_s).model_copy(
        update={"chunks": tuple(map(_chunk_entry, chunks)), "index": made}
    )


def _still_entry(still: PlacedStill) -> StillEntry:
    return StillEntry(
        offset_s=still.offset_s,
        taken_at_us=still.taken_us,
        length_ms=round(still.length_us / 1000, 3),
        dropped=still.dropped,
    )


def _chunk_entry(chunk: Chunk) -> ChunkEntry:
    return ChunkEntry(
        segment=chunk.segment,
        offset=chunk.offset,
        length=chunk.length,
        xxh128=chunk.xxh128,
        source_bytes=chunk.source_bytes,
    )


def _describe(part: Part, name: str, size: int, duration_s: float) -> VideoFile:
    first = part.segments[0].facts
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
        fps=round(float(part.frames / part.played_s), 3) if part.played_s else 0.0,
        first_frame_at_us=first.captured.first_us if first.captured else None,
    )
