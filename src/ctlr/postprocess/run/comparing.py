"""Comparing the cameras' frame times while they still come in, so that finishing need not.

``frame_distance`` knows how. Here it is decided whether what was compared ahead still holds when
the session is finished: the same cameras, the same files, none of them rewritten, and a clock
history that begins as it was known. If not, all is compared again.
"""

from collections.abc import Mapping

from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.clocks.frame_distance import Comparison, TimedFrames, compare
from ctlr.postprocess.video.growing import GrowingParts
from ctlr.sessions.model import Session


class RunningComparison:
    """The comparison of one session. All methods raise ``OSError`` and ``ValueError``."""

    def __init__(self, parts: GrowingParts) -> None:
        self._parts = parts
        self._rewritten = -1
        self._comparison = Comparison({})

    def advance(self, facts: Session) -> None:
        """Compare what has come in; ``facts`` is the session's record as it is now."""
        cameras = {}
        for node, files in self._parts.frame_files().items():
            clock = ClockTrack(samples) if (samples := facts.clocks.get(node)) else None
            if clock and clock.set_at_ms is None:
                cameras[node] = TimedFrames(files, clock, more=True)
        if not self._holds(cameras):
            self._rewritten, self._comparison = self._parts.rewritten, Comparison(cameras)
        self._carry_on(cameras)

    def finish(self, cameras: Mapping[str, TimedFrames]) -> Comparison:
        """The whole comparison of cameras of which all is known."""
        if not self._holds(cameras):
            return compare(cameras)
        self._carry_on(cameras)
        return self._comparison

    def _holds(self, cameras: Mapping[str, TimedFrames]) -> bool:
        """Whether what was compared so far is a part of what is to be compared."""
        known = self._comparison.cameras
        return (
            list(known) == list(cameras)
            and self._rewritten == self._parts.rewritten
            and all(cameras[name].goes_on_from(frames) for name, frames in known.items())
        )

    def _carry_on(self, cameras: Mapping[str, TimedFrames]) -> None:
        for name, frames in self._comparison.cameras.items():
            now = cameras[name]
            frames.files, frames.clock, frames.more = now.files, now.clock, now.more
        try:
            self._comparison.advance()
        except (OSError, ValueError):
            self._comparison = Comparison({})  # it stopped anywhere: begin again
            raise
