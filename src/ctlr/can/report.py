"""What the status file and the metrics say: the buses' counts, and how the drive is.

``connected`` means that every bus is: its adapter is open, or a bridge has connected. A bus on
which nobody says anything is connected too; ``fps`` and ``last_frame_at`` tell.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ctlr.can.intake import Intake
from ctlr.can.recorder import Recorder

STUCK_AFTER_S = 5.0


class Report:
    """Counts since the start, and rates since the last report."""

    def __init__(self, intakes: Sequence[Intake], recorder: Recorder) -> None:
        self._intakes = intakes
        self._recorder = recorder
        self._frames = [0] * len(intakes)
        self._at = 0.0

    def make(self, now_ms: int, monotonic_s: float) -> dict[str, Any]:
        """The status file's content; see docs/reference/can.md."""
        passed_s = monotonic_s - self._at
        buses = [
            _bus(intake, round((intake.frames - before) / passed_s))
            for intake, before in zip(self._intakes, self._frames, strict=True)
        ]
        self._frames = [bus["frame_count"] for bus in buses]
        self._at = monotonic_s
        heard = [bus["last_frame_at"] for bus in buses if bus["last_frame_at"] is not None]
        return {
            "connected": all(bus["connected"] for bus in buses),
            "file_size_bytes": self._recorder.file_bytes,
            "frame_count": sum(self._frames),
            "fps": sum(bus["fps"] for bus in buses),
            "errors": sum(bus["errors"] for bus in buses),
            "refused": dict(sum((Counter(bus["refused"]) for bus in buses), Counter())),
            "last_frame_at": max(heard, default=None),
            "lost": self._recorder.lost + sum(bus["lost"] for bus in buses),
            "off_times": sum(bus["off_times"] for bus in buses),
            "waiting": self._recorder.waiting_rows,
            "problem": self._drive_problem(monotonic_s),
            "updated_at": now_ms,
            "buses": buses,
        }

    def _drive_problem(self, monotonic_s: float) -> str | None:
        busy_since = self._recorder.busy_since
        if busy_since is not None and monotonic_s - busy_since > STUCK_AFTER_S:
            return "the drive does not answer"
        return self._recorder.problem


def _bus(intake: Intake, fps: int) -> dict[str, Any]:
    return {
        "name": intake.name,
        "connected": intake.connected,
        "frame_count": intake.frames,
        "fps": fps,
        "errors": intake.errors,
        "refused": dict(intake.refused),
        "lost": intake.lost,
        "off_times": intake.off_times,
        "clock_off_ms": intake.clock_off_ms,
        "last_frame_at": intake.last_frame_at,
        "problem": intake.problem,
    }
