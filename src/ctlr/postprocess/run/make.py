"""Making what a plan says into the workspace, beside what ``reuse`` keeps of an earlier run.

A file of an earlier run goes only where another takes its place.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from ctlr.kernel.hashing import hash_file
from ctlr.postprocess.can.make import CanMaker
from ctlr.postprocess.can.reuse import SOURCE
from ctlr.postprocess.folder.folders import look_at_files
from ctlr.postprocess.manifest.copying import SourceReadError, copy_file
from ctlr.postprocess.manifest.progress import Progress, Report
from ctlr.postprocess.manifest.shapes import FileEntry, Manifest, Source, VideoSource
from ctlr.postprocess.manifest.workspace import Workspace
from ctlr.postprocess.run.events import write_events
from ctlr.postprocess.run.manifest import video_source
from ctlr.postprocess.run.plan import Plan, PlannedCopy
from ctlr.postprocess.run.reuse import is_up_to_date, outdated_videos, plan_reuse
from ctlr.postprocess.video.growing import GrowingParts
from ctlr.postprocess.video.marks import EVENTS_FILE
from ctlr.postprocess.video.planned import PlannedVideo
from ctlr.postprocess.video.videos import VideoMaker

_log = structlog.get_logger("postprocess")


class Maker:
    """One run's work. ``folder`` is where the session stands or will stand. ``unread`` are files that
    were to be copied and could not be read, with their inputs."""

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
        self._logging = logging
        self._folder = folder
        self._workspace = workspace
        self._parts = parts
        self._report = report
        self._standing = look_at_files(folder, previous)
        self._reuse = plan_reuse(plan, self._standing)
        self._can = CanMaker(
            plan.can.found if plan.can else None,
            databases,
            self._standing,
            pieces=logging / "can",
            folder=folder,
            out=workspace.out,
            alive=lambda: self._count("can", None, 0),
        )
        self._done, self._total = 0, self.bytes_to_write
        self.unread: dict[str, str] = {}

    @property
    def bytes_to_write(self) -> int:
        videos = sum(video.bytes for video in self._videos_to_make())
        return videos + sum(copy.size for copy in self._reuse.copies) + self._can.bytes_to_write

    @property
    def bytes_to_add(self) -> int:
        """How much of that the drive has to have room for: not what already stands in the workspace,
        which is taken up, or makes room when it starts over."""
        return self.bytes_to_write - sum(
            min(video.bytes, sum(map(_size, self._paths(video))))
            for video in self._videos_to_make()
        )

    def _videos_to_make(self) -> list[PlannedVideo]:
        return [video for video in self._plan.videos if self._reuse.kept(video.node) is None]

    def _paths(self, video: PlannedVideo) -> list[Path]:
        return [self._workspace.out / video.file(number) for number in range(len(video.parts))]

    def nothing_changed(self, measured: str) -> bool:
        """Whether the manifest that is there says all that this run would say.

        ``measured`` is the fingerprint of what the record says of clocks and marks, if there is one.
        """
        same = is_up_to_date(self._plan, self._reuse, self._standing, measured)
        return same and not self._can.changed

    def still_damaged(self, files: Sequence[FileEntry]) -> tuple[str, ...]:
        """Those of the files that ``make`` did not make that are known to be damaged, or are not
        there with the size that they were made with."""
        now = look_at_files(self._folder, self._standing.manifest)
        kept = (f for f in files if not (self._workspace.out / f.path).exists())
        return tuple(f.path for f in kept if not now.is_sound(f.path, f.bytes))

    def make(self) -> tuple[dict[str, Source], tuple[FileEntry, ...]]:
        """Make everything that is new; returns the sources and all files of the folder.

        Raises ``OSError``.
        """
        self._parts.keep_only(self._names_to_make())
        sources = dict(self._reuse.carried)
        files: dict[str, FileEntry] = {}
        for video in self._plan.videos:
            sources[video.node] = self._keep_or_make(video)
        for copy in self._reuse.copies:
            if entry := self._copy(copy):
                files[copy.target] = entry
        bus, made = self._can.make()
        if bus is not None:
            sources[SOURCE] = bus
        files.update(made)
        if self._plan.marks:
            files[EVENTS_FILE] = write_events(self._workspace.out, self._plan.marks)
        for node, source in sources.items():
            if isinstance(source, VideoSource):
                files.update(self._video_files(node, source))
        for entry in self._still_there(sources, bus):
            files.setdefault(entry.path, entry)
        return sources, tuple(files[path] for path in sorted(files))

    def _still_there(self, sources: dict[str, Source], bus: Source | None) -> list[FileEntry]:
        """Files of the earlier run that belong to the session still."""
        previous = self._standing.manifest
        if previous is None:
            return []
        outdated = outdated_videos(previous.sources, sources) | self._can.outdated(bus)
        now = look_at_files(self._folder, previous)
        return [e for e in previous.files if e.path not in outdated and not now.is_gone(e.path)]

    def _names_to_make(self) -> set[str]:
        """What this run will make; whatever else an earlier one or a follower has begun must not take
        the place of a file that is kept, or appear beside the session's own."""
        names = {copy.target for copy in self._reuse.copies}
        for video in self._videos_to_make():
            for number in range(len(video.parts)):
                names |= {video.file(number), video.frames_file(number)}
        return names

    def _keep_or_make(self, video: PlannedVideo) -> Source:
        choice = self._reuse.videos[video.node]
        return choice.kept or choice.outcome(self._make_video(video))

    def _make_video(self, video: PlannedVideo) -> Source:
        maker = VideoMaker(
            self._parts,
            self._logging / video.node / self._plan.uuid,
            self._workspace,
            self._plan.started_at,
        )
        try:
            made = maker.make(video, lambda n: self._count("join", video.node, n))
        except OSError:
            raise
        except Exception as error:  # one camera's files must not cost the others
            _log.exception("a camera's segments could not be joined", node=video.node)
            self._remove(video)
            why = f"its segments could not be joined ({type(error).__name__})"
            return video_source(replace(video, error=why), [])
        return video_source(video, made)

    def _remove(self, video: PlannedVideo) -> None:
        """What was begun of a camera's video."""
        for number in range(len(video.parts)):
            self._parts.get(video.node, number).remove()
            (self._workspace.out / video.frames_file(number)).unlink(missing_ok=True)

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
        before = self._standing.entry(name)
        made = self._workspace.out / name
        if not made.exists() and before is not None:
            return before
        size, digest = hash_file(made, lambda _: self._count("join", node, 0))
        return FileEntry(path=name, bytes=size, xxh128=digest, inputs=inputs)

    def _copy(self, copy: PlannedCopy) -> FileEntry | None:
        """None where it cannot be read: that costs itself, and is said."""
        target = self._workspace.out / copy.target
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            size, digest = self._copied(copy, target)
        except SourceReadError as error:
            source = self._logging / copy.source
            if not _answers(source.parent):
                raise OSError(error.errno, error.strerror, str(source)) from error
            _log.error("a file could not be read", path=copy.source, error=error)
            target.unlink(missing_ok=True)
            self.unread[copy.target] = copy.inputs
            return None
        return FileEntry(path=copy.target, bytes=size, xxh128=digest, inputs=copy.inputs)

    def _copied(self, copy: PlannedCopy, target: Path) -> tuple[int, str]:
        source = self._logging / copy.source
        return copy_file(source, target, lambda n: self._count("copy", copy.target, n))

    def _count(self, stage: str, source: str | None, size: int) -> None:
        self._done += size
        self._report(Progress(self._plan.uuid, stage, source, self._done, self._total))


def _answers(folder: Path) -> bool:
    """Whether a folder can be read: where it can, its drive is not what failed."""
    try:
        os.listdir(folder)
    except OSError:
        return False
    return True


def _size(path: Path) -> int:
    """How large a file of the workspace is that may have been begun."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
