"""Joining while the session still records, so that it is ready when the last segment is.

One child process per session. Whenever a segment has arrived whole it is appended to its
camera's growing video (``growing``) and flushed; tables, places and the comparison of frame times
stay in memory. To finish, ``process`` runs as always: it finds everything but the last segments
already copied and compared and only has to write the index, so the time hardly depends on the
length of the recording. Ended or killed at any time, the next child (or a plain ``process``) takes
up what was flushed.

Only what is certain is done ahead: a cut or unreadable segment may still be sent again, so it
waits for the end. Where a guess turns out wrong (a segment was replaced after all), that video is
made again. The parent talks by lines on standard input: ``finish``, or the end of the stream.
"""

import os
import select
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ctlr.config import Settings
from ctlr.kernel.clock import Clock, SystemClock
from ctlr.kernel.errors import Refusal
from ctlr.layout.raw import LoggingLayout
from ctlr.postprocess.folder.folders import find_folder
from ctlr.postprocess.folder.lock import session_lock
from ctlr.postprocess.manifest.copying import SourceReadError
from ctlr.postprocess.manifest.progress import Progress, Report, RunResult
from ctlr.postprocess.manifest.workspace import Workspace
from ctlr.postprocess.run.comparing import RunningComparison
from ctlr.postprocess.run.plan import plan_copies
from ctlr.postprocess.run.session import failure, growing_parts, process_locked
from ctlr.postprocess.run.timing import RunningTimes
from ctlr.postprocess.run.worker import EXIT_TERMINATED
from ctlr.postprocess.tables.reader import TableReader
from ctlr.postprocess.tables.table import is_table
from ctlr.postprocess.video.facts import FoundFile, NodeFiles, Readability, SegmentFacts
from ctlr.postprocess.video.growing import GrowingParts
from ctlr.postprocess.video.scan import node_names, scan_node, scan_uploads
from ctlr.sessions.model import Session

LOOK_INTERVAL_S = 1.0
COMPARE_INTERVAL_S = 30.0
FINISH = b"finish"

LoadFacts = Callable[[], Session | None]
"""Gives the session's record as it is now; None where nothing knows the session."""


class _Camera:
    """One camera's files as far as they have grown."""

    def __init__(self, parts: GrowingParts, node: str) -> None:
        self._parts = parts
        self._node = node
        self._number = 0
        self._last: SegmentFacts | None = None
        self._seen_ns = -1
        self.done: set[str] = set()

    def has_news(self, folder: Path) -> bool:
        """Whether the folder's entries have changed since they were last looked at."""
        changed_ns = os.stat(folder).st_mtime_ns
        if changed_ns == self._seen_ns:
            return False
        self._seen_ns = changed_ns
        return True

    def add(self, facts: SegmentFacts) -> None:
        """Take in one segment, to a further part if its parameters are others."""
        if self._last and not facts.continues(self._last):
            self._number += 1
        self._last = facts
        self._parts.get(self._node, self._number).add(facts)
        self.done.add(facts.name)


class Follower:
    """Follows one session; whoever makes it holds the session's lock."""

    def __init__(
        self,
        settings: Settings,
        uuid: str,
        report: Report,
        tables: TableReader | None = None,
    ) -> None:
        self._settings = settings
        self._uuid = uuid
        self._report = report
        self._layout = LoggingLayout(settings.storage.logging)
        self._parts = growing_parts(settings, uuid, tables)
        self._comparison = RunningComparison(self._parts)
        self._times = RunningTimes(self._parts, Workspace(settings.storage.sync, uuid))
        self._cameras: dict[str, _Camera] = {}
        self._bytes = 0

    def step(self) -> int:
        """Take in what has arrived; returns how many segments that were. Raises ``OSError``."""
        taken = 0
        for node in node_names(self._layout, self._uuid):
            camera = self._cameras.setdefault(node, _Camera(self._parts, node))
            if camera.has_news(self._layout.node_session(node, self._uuid)):
                taken += self._take(camera, scan_node(self._layout, node, self._uuid))
        if not taken:
            self._look_at_uploads()
        return taken

    def compare(self, facts: Session) -> None:
        """Compare the frame times that are there and put them on the session's clock, as far as the
        record tells of the clocks."""
        with suppress(OSError, ValueError):  # finishing reads them again, and says so
            self._comparison.advance(facts)
            self._times.advance(facts)

    def finish(self, facts: Session | None, clock: Clock) -> RunResult:
        """Make the session ready with what has arrived. Raises ``OSError``."""
        return process_locked(
            self._settings,
            self._uuid,
            facts,
            self._report,
            self._parts,
            clock,
            self._comparison.finish,
            self._times.write,
        )

    def close(self) -> None:
        """Put all that was taken in on the disk, for whoever takes it up. Raises ``OSError``."""
        self._parts.flush()
        self._parts.close()

    def _look_at_uploads(self) -> None:
        """Read what phone and watch have sent so far; it is remembered until the end."""
        for copy in plan_copies(scan_uploads(self._layout, self._uuid)):
            if is_table(copy.target):
                path = self._settings.storage.logging / copy.source
                self._parts.tables.read(copy.target, copy.inputs, path)

    def _take(self, camera: _Camera, files: NodeFiles) -> int:
        new = [file for file in files.segments if file.path not in camera.done]
        times = {file.path for file in files.frame_files}
        taken = sum(self._take_one(camera, files.node, file, times) for file in new)
        if taken:
            self._parts.flush()
        return taken

    def _take_one(self, camera: _Camera, node: str, file: FoundFile, times: set[str]) -> bool:
        folder = self._layout.node_session(node, self._uuid)
        facts = self._parts.examiner.examine(folder, file, times)
        if facts.readability is not Readability.WHOLE or facts.obstacle:
            return False
        try:
            camera.add(facts)
        except SourceReadError:
            return False  # the examiner knows it as cut now
        self._bytes += file.size
        self._report(Progress(self._uuid, "follow", node, self._bytes, self._bytes))
        return True


def follow(
    settings: Settings,
    uuid: str,
    report: Report,
    load_facts: LoadFacts,
    *,
    commands: int = 0,
    clock: Clock | None = None,
) -> RunResult:
    """Follow a session until the parent says ``finish`` on ``commands`` (a file descriptor).

    The end of that stream means that the parent is gone: nothing is finished then, and the exit
    code is that of a process that was told to end.
    """
    try:
        with session_lock(settings, uuid):
            if find_folder(settings, uuid) is not None:
                return RunResult(uuid, 1, f"Session {uuid} is processed already.")
            follower = Follower(settings, uuid, report)
            return _follow(follower, uuid, load_facts, commands, clock or SystemClock())
    except Refusal as refusal:
        return RunResult(uuid, 1, refusal.detail)
    except OSError as error:
        return failure(uuid, error)


def _follow(
    follower: Follower, uuid: str, load_facts: LoadFacts, commands: int, clock: Clock
) -> RunResult:
    heard, compare_at = b"", clock.monotonic() + COMPARE_INTERVAL_S
    try:
        while FINISH not in heard.split(b"\n")[:-1]:
            follower.step()
            if clock.monotonic() >= compare_at and (facts := load_facts()):
                follower.compare(facts)
                compare_at = clock.monotonic() + COMPARE_INTERVAL_S
            if select.select([commands], [], [], LOOK_INTERVAL_S)[0]:
                line = os.read(commands, 4096)
                if not line:
                    return RunResult(uuid, EXIT_TERMINATED, "The parent has ended.")
                heard += line
        return follower.finish(load_facts(), clock)
    finally:
        follower.close()
