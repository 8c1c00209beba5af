"""Joining while the session still records, so that it is ready when the last segment is.

One child process per session. Whenever a segment has arrived whole it is appended to its
camera's growing video (``splice``) and flushed; the tables stay in memory. To finish, ``process``
runs as always: it finds everything but the last segments already copied and only has to write
the index, so the time does not depend on the length of the recording. Ended or killed at any
time, the next child (or a plain ``process``) takes up what was flushed.

Only what is certain is done ahead: a cut or unreadable segment may still be sent again, so it
waits for the end. Where a guess turns out wrong (a segment was replaced after all), that video is
made anew. The parent talks by lines on standard input: ``finish``, or the end of the stream.
"""

import os
import select
from collections.abc import Callable
from pathlib import Path

from ctlr.config import Settings
from ctlr.ingest.layout import LoggingLayout
from ctlr.kernel.clock import Clock, SystemClock
from ctlr.kernel.errors import Refusal
from ctlr.postprocess.examine import Examiner
from ctlr.postprocess.facts import FoundFile, NodeFiles, Readability, SegmentFacts
from ctlr.postprocess.folders import Workspace, find_folder, session_lock
from ctlr.postprocess.frame_times import expect
from ctlr.postprocess.mp4.tables import Track
from ctlr.postprocess.plan import frames_file, video_file
from ctlr.postprocess.progress import Outcome, Progress, Report
from ctlr.postprocess.scan import node_names, scan_node
from ctlr.postprocess.session import explain, process_locked
from ctlr.postprocess.splice import GrowingVideo
from ctlr.postprocess.worker import EXIT_TERMINATED
from ctlr.sessions.model import Session

LOOK_INTERVAL_S = 1.0
FINISH = b"finish"

LoadFacts = Callable[[], Session | None]
"""Gives the session's record when it is time to finish."""


class _Growing:
    """One camera's video as far as it has grown."""

    def __init__(self, workspace: Workspace, node: str) -> None:
        self._workspace = workspace
        self._node = node
        self._part = 0
        self._signature = b""
        self._video: GrowingVideo | None = None
        self._seen_ns = -1
        self.done: set[str] = set()

    def close(self) -> None:
        if self._video:
            self._video.close()

    def has_news(self, folder: Path) -> bool:
        """Whether the folder's entries have changed since they were last looked at."""
        changed_ns = os.stat(folder).st_mtime_ns
        if changed_ns == self._seen_ns:
            return False
        self._seen_ns = changed_ns
        return True

    def append(self, source: Path, facts: SegmentFacts, examiner: Examiner) -> None:
        """Append one segment, to a further part if its parameters are others."""
        tables = examiner.tables(source)
        if self._video is None or facts.signature != self._signature:
            self.close()
            self._part += self._video is not None
            self._signature = facts.signature
            self._video = self._open()
            self.done.update(chunk.segment for chunk in self._video.chunks)
        if facts.name not in self.done:
            self._video.append(source, tables.media)
            self.done.add(facts.name)
        if facts.captured:
            self._add_frame_times(source.parent, facts, tables.reference, examiner)

    def _add_frame_times(
        self, source: Path, facts: SegmentFacts, track: Track, examiner: Examiner
    ) -> None:
        name = frames_file(self._node, self._part)
        times = examiner.frame_times(self._workspace.out / name)
        placed = expect(times.last, facts)
        if placed is not None:
            if times.last is None:
                times.keep([])
            times.append(placed, track, source)

    def flush(self) -> None:
        if self._video:
            self._video.flush()

    def _open(self) -> GrowingVideo:
        self._workspace.prepare()
        name = video_file(self._node, self._part)
        return GrowingVideo(self._workspace.out / name, self._workspace.journal(name))


class Follower:
    """Follows one session; whoever makes it holds the session's lock."""

    def __init__(self, settings: Settings, uuid: str, report: Report) -> None:
        self._settings = settings
        self._uuid = uuid
        self._report = report
        self._layout = LoggingLayout(settings.storage.logging)
        self._workspace = Workspace(settings.storage.sync, uuid)
        self._examiner = Examiner()
        self._growing: dict[str, _Growing] = {}
        self._bytes = 0

    def step(self) -> int:
        """Take in what has arrived; returns how many segments that were. Raises ``OSError``."""
        taken = 0
        for node in node_names(self._layout, self._uuid):
            growing = self._growing.setdefault(node, _Growing(self._workspace, node))
            if growing.has_news(self._layout.node_session(node, self._uuid)):
                taken += self._take(growing, scan_node(self._layout, node, self._uuid))
        return taken

    def finish(self, facts: Session | None, clock: Clock) -> Outcome:
        """Make the session ready with what has arrived. Raises ``OSError``."""
        self.step()
        self.close()
        return process_locked(
            self._settings,
            self._uuid,
            facts,
            self._report,
            examiner=self._examiner,
            clock=clock,
        )

    def close(self) -> None:
        for growing in self._growing.values():
            growing.flush()
            growing.close()
        self._growing.clear()

    def _take(self, growing: _Growing, files: NodeFiles) -> int:
        new = [file for file in files.segments if file.path not in growing.done]
        times = {file.path for file in files.frame_files}
        taken = sum(self._take_one(growing, files.node, file, times) for file in new)
        if taken:
            growing.flush()
            self._report(Progress(self._uuid, "follow", files.node, self._bytes, self._bytes))
        return taken

    def _take_one(self, growing: _Growing, node: str, file: FoundFile, times: set[str]) -> bool:
        folder = self._layout.node_session(node, self._uuid)
        facts = self._examiner.examine(folder, file, times)
        if facts.readability is not Readability.WHOLE or facts.obstacle:
            return False
        path = folder / file.path
        growing.append(path, facts, self._examiner)
        self._bytes += file.size
        return True


def follow(
    settings: Settings,
    uuid: str,
    report: Report,
    load_facts: LoadFacts,
    *,
    commands: int = 0,
    clock: Clock | None = None,
) -> Outcome:
    """Follow a session until the parent says ``finish`` on ``commands`` (a file descriptor).

    The end of that stream means that the parent is gone: nothing is finished then, and the exit
    code is that of a process that was told to end.
    """
    try:
        with session_lock(settings, uuid):
            if find_folder(settings, uuid) is not None:
                return Outcome(uuid, 1, f"Session {uuid} is processed already.")
            return _follow(Follower(settings, uuid, report), uuid, load_facts, commands, clock)
    except Refusal as refusal:
        return Outcome(uuid, 1, refusal.detail)
    except OSError as error:
        return Outcome(uuid, 1, explain(error))


def _follow(
    follower: Follower, uuid: str, load_facts: LoadFacts, commands: int, clock: Clock | None
) -> Outcome:
    heard = b""
    try:
        while FINISH not in heard.split(b"\n")[:-1]:
            follower.step()
            if select.select([commands], [], [], LOOK_INTERVAL_S)[0]:
                line = os.read(commands, 4096)
                if not line:
                    return Outcome(uuid, EXIT_TERMINATED, "The parent has ended.")
                heard += line
        return follower.finish(load_facts(), clock or SystemClock())
    finally:
        follower.close()
