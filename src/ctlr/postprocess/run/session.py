"""One session from the logging disk to the sync disk: plan, make, publish.

Synchronous and meant to run in a process of its own. One run per session at a time (a lock file
beside the database, so that it is never on a drive that is pulled). Whatever happens before the
last rename is invisible to readers, and starting again carries on from what was flushed.
"""

import errno
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from ctlr.config import Settings
from ctlr.kernel.clock import Clock, SystemClock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.names import readable_name
from ctlr.layout.raw import LoggingLayout
from ctlr.layout.session import MANIFEST_NAME
from ctlr.postprocess.clocks.certificate import clock_section
from ctlr.postprocess.clocks.frame_distance import compare
from ctlr.postprocess.clocks.session_times import write_session_times
from ctlr.postprocess.folder.folders import (
    is_finished,
    publish,
    read_manifest,
)
from ctlr.postprocess.folder.lock import session_lock
from ctlr.postprocess.manifest.copying import SourceReadError
from ctlr.postprocess.manifest.progress import Progress, Report, RunResult
from ctlr.postprocess.manifest.shapes import FileEntry, Manifest, Source, VideoSource
from ctlr.postprocess.manifest.workspace import Workspace
from ctlr.postprocess.run import remarks
from ctlr.postprocess.run.clocks import (
    FindFile,
    FrameClocks,
    SessionSpan,
    WriteTimes,
    all_clocks,
    write_clock_file,
)
from ctlr.postprocess.run.make import Maker
from ctlr.postprocess.run.manifest import make_manifest
from ctlr.postprocess.run.plan import Plan
from ctlr.postprocess.run.planning import plan_session
from ctlr.postprocess.run.proof import Compare, fingerprint, prove
from ctlr.postprocess.run.uploads import Uploads
from ctlr.postprocess.tables.reader import TableReader
from ctlr.postprocess.video.growing import GrowingParts
from ctlr.sessions.model import Session

SPARE_BYTES = 64 << 20

_log = structlog.get_logger("postprocess")


def process(
    settings: Settings,
    uuid: str,
    facts: Session | None,
    report: Report,
    *,
    clock: Clock | None = None,
    tables: TableReader | None = None,
) -> RunResult:
    """Process a session and publish its folder.

    ``facts`` is what the session record says, None where there is none. ``tables`` reads what
    phone and watch sent. A failure is a ``RunResult`` with exit code 1.
    """
    try:
        with session_lock(settings, uuid):
            parts = growing_parts(settings, uuid, tables)
            return process_locked(settings, uuid, facts, report, parts, clock or SystemClock())
    except Refusal as refusal:
        return RunResult(uuid, 1, refusal.detail)
    except OSError as error:
        return failure(uuid, error)


def process_locked(
    settings: Settings,
    uuid: str,
    facts: Session | None,
    report: Report,
    parts: GrowingParts,
    clock: Clock,
    compare_frames: Compare = compare,
    write_times: WriteTimes = write_session_times,
) -> RunResult:
    """As ``process``, for one that holds the session's lock. ``parts`` is what was made ahead;
    it is closed in the end. Raises ``OSError``."""
    try:
        return _Run(settings, uuid, facts, report, parts, compare_frames, write_times).run(clock)
    finally:
        parts.close()


def growing_parts(settings: Settings, uuid: str, tables: TableReader | None = None) -> GrowingParts:
    """Of a session of which nothing was made ahead."""
    workspace = Workspace(settings.storage.sync, uuid)
    return GrowingParts(LoggingLayout(settings.storage.logging), workspace, uuid, tables)


class _Run:
    def __init__(
        self,
        settings: Settings,
        uuid: str,
        facts: Session | None,
        report: Report,
        parts: GrowingParts,
        compare_frames: Compare,
        write_times: WriteTimes,
    ) -> None:
        self.settings = settings
        self.uuid = uuid
        self.facts = facts
        self.report = report
        self.parts = parts
        self.compare_frames = compare_frames
        self.write_times = write_times

    def run(self, clock: Clock) -> RunResult:
        """Plan and act; plan again where a segment proves unreadable, or another, while it is
        copied."""
        while True:
            try:
                return self._attempt(clock)
            except SourceReadError:
                continue  # the examiner knows now, and believes less of it; or it will look again

    def _attempt(self, clock: Clock) -> RunResult:
        self.report(Progress(self.uuid, "examine"))
        plan = plan_session(self.settings, self.uuid, self.facts, self.parts.examiner)
        if not plan.videos and not plan.copies:
            return RunResult(
                self.uuid,
                1,
                f"Nothing of session {self.uuid} lies below {self.settings.storage.logging}; "
                "there is nothing to process.",
            )
        folder = self.settings.storage.sync / plan.folder
        previous = read_manifest(folder)
        workspace = Workspace(self.settings.storage.sync, self.uuid)
        maker = Maker(
            plan,
            previous,
            self.settings.storage.logging,
            folder,
            workspace,
            self.parts,
            self.report,
            self.settings.can.dbc,
        )
        measured = fingerprint(self.facts, self.settings.sync.tolerance_ms)
        if is_finished(folder) and previous and maker.nothing_changed(measured):
            previous = remarks.update(folder, previous, self.facts)
            return _outcome(previous, folder, changed=False)
        _require_space(self.settings.storage.sync, maker.bytes_to_add)
        workspace.prepare()
        made, files = maker.make()
        sources, proof = self._prove(plan, made, files, previous, folder, workspace)
        files = self._time(plan, sources, files, proof, folder, workspace)
        manifest = make_manifest(
            plan,
            sources,
            files,
            revision=previous_revision(previous) + 1,
            now_ms=clock.now_ms(),
            damaged=maker.still_damaged(files),
            raw_deleted_at=previous.raw_deleted_at if previous else None,
            proof={**proof, **remarks.remarks(self.facts)},
            unread=maker.unread,
        )
        self.report(Progress(self.uuid, "publish"))
        publish(workspace, folder, manifest, _dropped(previous, manifest))
        return _outcome(manifest, folder, changed=True)

    def _time(
        self,
        plan: Plan,
        sources: Mapping[str, Source],
        files: Sequence[FileEntry],
        proof: dict[str, Any],
        folder: Path,
        workspace: Workspace,
    ) -> tuple[FileEntry, ...]:
        """All files, with those that tell of clocks; ``proof`` gets its key ``clock``."""

        find = _finder(workspace, folder)
        span = SessionSpan(plan.started_at, plan.stopped_at)
        clocks = all_clocks(self.facts, sources, proof["truth"], span, find)
        if self.facts is not None and clocks:
            proof["clock"] = clock_section(clocks)
            entry = write_clock_file(workspace.out, clocks)
            files = [entry, *(file for file in files if file.path != entry.path)]
        if plan.started_at is None:
            return tuple(files)
        timing = FrameClocks(clocks, plan.started_at, workspace.out, folder, self.write_times)
        return timing.time(sources, files)

    def _prove(
        self,
        plan: Plan,
        made: Mapping[str, Source],
        files: Sequence[FileEntry],
        previous: Manifest | None,
        folder: Path,
        workspace: Workspace,
    ) -> tuple[dict[str, Source], dict[str, Any]]:
        """The sources with what phone and watch sent, and the manifest's keys ``sync`` to
        ``measured``."""

        find = _finder(workspace, folder)
        self.report(Progress(self.uuid, "compare"))
        tolerance_ms = self.settings.sync.tolerance_ms
        proof = prove(plan, made, self.facts, previous, find, tolerance_ms, self.compare_frames)
        uploads = Uploads(plan, files, previous, self.parts.tables, find)
        sources = {**made, **uploads.sources()}
        signal = self.settings.can.speed_signal
        try:
            proof["truth"] = uploads.truth(sources, proof.get("clock", {}), signal)
        except Exception:  # what phone and watch sent must not cost the session
            _log.exception("clocks could not be compared", uuid=self.uuid)
            proof["truth"] = ()
        return sources, proof


def _finder(workspace: Workspace, folder: Path) -> FindFile:
    """Where a file of the session lies now: as it was just made, else as it stands."""

    def find(name: str) -> Path:
        found = workspace.out / name
        return found if found.exists() else folder / name

    return find


def previous_revision(previous: Manifest | None) -> int:
    return previous.revision if previous else 0


def _dropped(previous: Manifest | None, manifest: Manifest) -> list[str]:
    kept = {entry.path for entry in manifest.files}
    return [entry.path for entry in previous.files if entry.path not in kept] if previous else []


def _outcome(manifest: Manifest, folder: Path, *, changed: bool) -> RunResult:
    videos = [s for s in manifest.sources.values() if isinstance(s, VideoSource)]
    gaps = sum(len(video.gaps) for video in videos)
    state = "complete" if manifest.complete else "incomplete"
    told = [f"{len(videos)} videos", f"{sum(v.frames for v in videos)} frames", f"{gaps} gaps"]
    if manifest.missing:
        told.append(f"missing: {', '.join(manifest.missing)}")
    done = f"revision {manifest.revision}" if changed else "already up to date"
    return RunResult(
        manifest.uuid,
        0 if manifest.complete else 3,
        f"{folder}: {state}, {', '.join(told)} ({done})",
        folder / MANIFEST_NAME,
        manifest.revision,
        manifest.processed_at,
        changed,
    )


def _require_space(sync: Path, needed: int) -> None:
    stat = os.statvfs(sync)
    free = stat.f_bavail * stat.f_frsize
    if free < needed * 102 // 100 + SPARE_BYTES:
        raise OSError(errno.ENOSPC, f"{needed >> 20} MB are needed, {free >> 20} MB are free", sync)


def failure(uuid: str, error: OSError) -> RunResult:
    """How a run ends that the disks let down."""
    return RunResult(uuid, 1, explain(error), lasting=error.errno == errno.EFBIG)


def explain(error: OSError) -> str:
    """What a failure of the disks means for the recording, in one sentence."""
    where = f" ({readable_name(str(error.filename))})" if error.filename else ""
    what = f"{error.strerror or error}{where}"
    if error.errno == errno.ENOSPC:
        return f"The sync disk is full: {what}. The raw segments are safe; free space and retry."
    if error.errno == errno.EFBIG:
        return (
            f"The sync drive cannot hold a file of that size: {what}. A drive formatted as FAT32 ends "
            "at 4 GB; format it as exFAT, or use another one. The raw segments are safe."
        )
    if error.errno == errno.EACCES:
        return f"{what}. Run it as the user that the controller runs as: sudo -u ctlr ctlr ..."
    return f"Processing failed: {what}. The raw segments are safe; it can be run again."
