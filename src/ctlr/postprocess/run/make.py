"""Making what a plan says into the workspace, and keeping what an earlier run made of the same.

A video is kept when the files that it was made of have not changed; so is one whose raw segments
have been cleared away since, wholly or in part (``kept``): a later run never makes less of a session.
What proved damaged on the disk is made again, if there is still as much to make it of; else it stays
and is called damaged. A file of an earlier run goes only where another takes its place.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ctlr.kernel.hashing import hash_file
from ctlr.postprocess.can.make import SOURCE, CanMaker
from ctlr.postprocess.folder.superseded import gone, keep, keep_instead
from ctlr.postprocess.manifest.can import CanSource
from ctlr.postprocess.manifest.copying import SourceReadError, copy_file
from ctlr.postprocess.manifest.progress import Progress, Report
from ctlr.postprocess.manifest.shapes import FailedSource, FileEntry, Manifest, Source, VideoSource
from ctlr.postprocess.manifest.workspace import Workspace
from ctlr.postprocess.run.events import write_events
from ctlr.postprocess.run.manifest import video_source
from ctlr.postprocess.run.plan import Plan, PlannedCopy
from ctlr.postprocess.video.growing import GrowingParts
from ctlr.postprocess.video.marks import EVENTS_FILE
from ctlr.postprocess.video.planned import PlannedVideo
from ctlr.postprocess.video.videos import VideoMaker


class Maker:
    """One run's work. ``folder`` is where the session stands or will stand."""

    def __init__(
        self,
        plan: Plan,
        previous: Manifest | None,
        logging: Path,
        folder: Path,
        workspace: Workspace,
        parts: GrowingParts,
        report: Report,
        databases: Sequence[Path] = (),
    ) -> None:
        self._plan = plan
        self._previous = previous
        self._logging = logging
        self._folder = folder
        self._workspace = workspace
        self._parts = parts
        self._report = report
        self._damaged = frozenset(previous.damaged if previous else ())
        self._kept = {video.node: self._kept_video(video) for video in plan.videos}
        self._new_copies = [copy for copy in plan.copies if not self._kept_copy(copy)]
        self._can = CanMaker(
            plan.can.found if plan.can else None,
            databases,
            previous,
            pieces=logging / "can",
            folder=folder,
            out=workspace.out,
            alive=lambda: self._count("can", None, 0),
        )
        self._done, self._total = 0, self.bytes_to_write

    @property
    def bytes_to_write(self) -> int:
        videos = sum(v.bytes for v in self._plan.videos if not self._kept[v.node])
        return videos + sum(copy.size for copy in self._new_copies) + self._can.bytes_to_write

    @property
    def bytes_to_add(self) -> int:
        """How much of that the drive has to have room for: not what already stands in the workspace,
        which is taken up, or makes room when it starts over."""
        return self.bytes_to_write - sum(
            min(video.bytes, sum(_size(path) or 0 for path in self._paths(video)))
            for video in self._plan.videos
            if not self._kept[video.node]
        )

    def _paths(self, video: PlannedVideo) -> list[Path]:
        return [self._workspace.out / video.file(number) for number in range(len(video.parts))]

    def nothing_changed(self, measured: str) -> bool:
        """Whether the manifest that is there says all that this run would say.

        ``measured`` is the fingerprint of what the record says of clocks and marks, if there is one.
        """
        before = self._previous
        if before is None or self._new_copies:
            return False
        if any(kept is None or kept is not before.sources[n] for n, kept in self._kept.items()):
            return False
        if self._can.changed or (self._plan.marks and EVENTS_FILE in self._damaged):
            return False
        missing = {node for node, _ in self._plan.missing if node not in self._carried_over()}
        return (
            measured in {"", before.measured}
            and missing == set(before.missing)
            and (self._plan.started_at, self._plan.stopped_at)
            == (before.started_at, before.stopped_at)
        )

    def still_damaged(self, files: Iterable[FileEntry]) -> tuple[str, ...]:
        """Those of the files that ``make`` did not make that are known to be damaged, or are not
        there with the size that they were made with."""
        kept = (f for f in files if not (self._workspace.out / f.path).exists())
        return tuple(
            f.path
            for f in kept
            if f.path in self._damaged or _size(self._folder / f.path) != f.bytes
        )

    def make(self) -> tuple[dict[str, Source], tuple[FileEntry, ...]]:
        """Make everything that is new; returns the sources and all files of the folder.

        Raises ``OSError``.
        """
        self._parts.keep_only(self._names_to_make())
        sources = self._carried_over()
        files: dict[str, FileEntry] = {}
        for video in self._plan.videos:
            sources[video.node] = self._kept[video.node] or self._make_or_keep(video)
        for copy in self._new_copies:
            files[copy.target] = self._copy(copy)
        bus, made = self._can.make()
        if bus is not None:
            sources[SOURCE] = bus
        files.update(made)
        if self._plan.marks:
            files[EVENTS_FILE] = write_events(self._workspace.out, self._plan.marks)
        for node, source in sources.items():
            if isinstance(source, VideoSource):
                files.update(self._video_files(node, source))
        outdated = self._outdated(sources) | self._can.outdated(bus)
        for entry in self._previous.files if self._previous else ():
            if entry.path not in outdated and not _is_absent(self._folder / entry.path):
                files.setdefault(entry.path, entry)
        return sources, tuple(files[path] for path in sorted(files))

    def _names_to_make(self) -> set[str]:
        """What this run will make; whatever else an earlier one or a follower has begun must not take
        the place of a file that is kept, or appear beside the session's own."""
        names = {copy.target for copy in self._new_copies}
        for video in self._plan.videos:
            if not self._kept[video.node]:
                for number in range(len(video.parts)):
                    names |= {video.file(number), video.frames_file(number)}
        return names

    # --- what an earlier run made

    def _kept_video(self, video: PlannedVideo) -> VideoSource | None:
        before = self._video_before(video.node)
        if before is None:
            return None
        if gone(before, video.names):
            return keep(before, video.names)
        if not self._intact(before) or self._damaged.intersection(before.file_names):
            return None
        same_files = before.inputs == video.inputs
        same_facts = not video.told or before.told == video.told
        return before if same_files and same_facts and self._same_marks(video) else None

    def _video_before(self, node: str) -> VideoSource | None:
        """A camera's video of the earlier run, if it left any of its files."""
        before = self._previous.sources.get(node) if self._previous else None
        if not isinstance(before, VideoSource):
            return None
        lost = all(_is_absent(self._folder / video.file) for video in before.videos)
        return None if lost else before

    def _same_marks(self, video: PlannedVideo) -> bool:
        """Whether the chapters in the earlier run's video are those that this one would write."""
        if not video.told or self._previous is None:
            return True
        before = [(m.at_ms, m.label, m.offset_s.get(video.node)) for m in self._previous.marks]
        return before == [(m.mark.at_ms, m.mark.label, m.offset_s) for m in video.marks]

    def _carried_over(self) -> dict[str, Source]:
        """Sources of the earlier run of which nothing lies on the logging disk any more."""
        planned = {video.node for video in self._plan.videos}
        before = self._previous.sources if self._previous else {}
        return {
            node: source
            for node, source in before.items()
            if node not in planned and isinstance(source, VideoSource | CanSource)
        }

    def _intact(self, source: VideoSource) -> bool:
        return all(_size(self._folder / f.file) == f.bytes for f in source.videos)

    def _kept_copy(self, copy: PlannedCopy) -> bool:
        entry = self._previous.file(copy.target) if self._previous else None
        if entry is None or entry.inputs != copy.inputs or copy.target in self._damaged:
            return False
        return _size(self._folder / copy.target) == entry.bytes

    def _outdated(self, sources: Mapping[str, Source]) -> set[str]:
        """Files of earlier videos that those of this run don't have; everything else of a session
        stays."""
        before = self._previous.sources if self._previous else {}
        return _video_names(before) - _video_names(sources)

    # --- making

    def _make_or_keep(self, video: PlannedVideo) -> Source:
        made, before = self._make_video(video), self._video_before(video.node)
        if isinstance(made, FailedSource) and before is not None:
            return keep_instead(before, made)
        return made

    def _make_video(self, video: PlannedVideo) -> Source:
        maker = VideoMaker(
            self._parts,
            self._logging / video.node / self._plan.uuid,
            self._workspace,
        )
        return video_source(video, maker.make(video, lambda n: self._count("join", video.node, n)))

    def _video_files(self, node: str, source: VideoSource) -> dict[str, FileEntry]:
        files = {}
        for part in source.videos:
            files[part.file] = FileEntry(
                path=part.file, bytes=part.bytes, xxh128=part.xxh128, inputs=source.inputs
            )
            if part.frames_file:
                files[part.frames_file] = self._frames_entry(node, part.frames_file, source.inputs)
        return files

    def _frames_entry(self, node: str, name: str, inputs: str) -> FileEntry:
        before = self._previous.file(name) if self._previous else None
        made = self._workspace.out / name
        if not made.exists() and before is not None:
            return before
        size, digest = hash_file(made, lambda _: self._count("join", node, 0))
        return FileEntry(path=name, bytes=size, xxh128=digest, inputs=inputs)

    def _copy(self, copy: PlannedCopy) -> FileEntry:
        target = self._workspace.out / copy.target
        target.parent.mkdir(parents=True, exist_ok=True)
        size, digest = self._copied(copy, target)
        return FileEntry(path=copy.target, bytes=size, xxh128=digest, inputs=copy.inputs)

    def _copied(self, copy: PlannedCopy, target: Path) -> tuple[int, str]:
        source = self._logging / copy.source
        try:
            return copy_file(source, target, lambda n: self._count("copy", copy.target, n))
        except SourceReadError as error:
            raise OSError(error.errno, error.strerror, str(source)) from error

    def _count(self, stage: str, source: str | None, size: int) -> None:
        self._done += size
        self._report(Progress(self._plan.uuid, stage, source, self._done, self._total))


def _video_names(sources: Mapping[str, Source]) -> set[str]:
    videos = (source for source in sources.values() if isinstance(source, VideoSource))
    return {name for video in videos for name in video.file_names}


def _is_absent(path: Path) -> bool:
    """Whether a file is certainly not there: a disk that refuses to tell does not say so."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _size(path: Path) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None
