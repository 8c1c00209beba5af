"""Giving frame times their last column while they still come in, so that finishing need not.

``clocks.session_times`` knows how. Here it is decided whether what was written ahead still holds
when the session is made: no row taken back, the same start, and a clock history that begins as it
was known. If not, the file is written from its beginning.
"""

from dataclasses import dataclass
from pathlib import Path

from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.clocks.session_times import TimedRows, write_session_times
from ctlr.postprocess.manifest.workspace import Workspace
from ctlr.postprocess.video.growing import GrowingParts
from ctlr.sessions.model import ClockSample, Session


@dataclass(slots=True)
class _Ahead:
    """What was written of one file, and by what."""

    rows: TimedRows
    samples: tuple[ClockSample, ...]
    started_at_ms: int
    rewritten: int


class RunningTimes:
    """The frame times of one session. All methods raise ``OSError`` and ``ValueError``."""

    def __init__(self, parts: GrowingParts, workspace: Workspace) -> None:
        self._parts = parts
        self._workspace = workspace
        self._ahead: dict[Path, _Ahead] = {}

    def advance(self, facts: Session) -> None:
        """Write what is certain; ``facts`` is the session's record as it is now."""
        for node, files in self._parts.frame_files().items():
            samples = facts.clocks.get(node)
            if samples and facts.start_at_ms is not None:
                clock = ClockTrack(samples)
                for path in files:
                    ahead = self._going_on(path, clock, facts.start_at_ms) or self._begin(
                        path, facts.start_at_ms
                    )
                    ahead.rows.advance(clock, facts.start_at_ms, more=True)
                    ahead.samples = clock.samples

    def write(self, rows: Path, target: Path, clock: ClockTrack | None, started_at_ms: int) -> None:
        """As ``write_session_times``, of files of which all is known."""
        ahead = self._going_on(rows, clock, started_at_ms) if clock else None
        if ahead is None:
            write_session_times(rows, target, clock, started_at_ms)
            return
        ahead.rows.advance(clock, started_at_ms)
        ahead.rows.publish(target)

    def _begin(self, path: Path, started_at_ms: int) -> _Ahead:
        rows = TimedRows(path, self._workspace.timed(path.name))
        self._ahead[path] = _Ahead(rows, (), started_at_ms, self._parts.rewritten)
        return self._ahead[path]

    def _going_on(self, path: Path, clock: ClockTrack, started_at_ms: int) -> _Ahead | None:
        """What was written of a file, if it is the beginning of what is to be written."""
        ahead = self._ahead.get(path)
        if ahead is None:
            return None
        told = (ahead.samples, ahead.started_at_ms, ahead.rewritten)
        now = (clock.samples[: len(ahead.samples)], started_at_ms, self._parts.rewritten)
        return ahead if told == now else None
