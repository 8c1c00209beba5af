"""What makes a process a good background worker: low priority, quick to end, dies with its parent.

Post-processing shares two cores and a disk with a recording, so it asks for the leftovers of
both. It may be ended at any instant: what it has flushed is found again by the next run, and
what it has not is invisible.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import psutil

from ctlr.kernel.process import die_with_parent
from ctlr.postprocess.manifest.progress import Progress, RunResult
from ctlr.telemetry.log import configure_logging
from ctlr.telemetry.record import Record

NICE = 10
FIRST_TO_GO = 500  # of 1000; see oom_score_adj in proc(5)
EXIT_TERMINATED = 143
_MIN_STEP = 0.01
_MAX_SILENCE_S = 5.0
"""A hundredth part of a long session on a slow drive takes longer than the parent waits."""


class TerminatedError(SystemExit):
    """SIGTERM has arrived; ends the process with the code that a shell shows for it."""


def become_background(parent_pid: int | None = None) -> None:
    """Lower this process's CPU and disk priority, and end it when its parent does. When memory
    runs out it goes first: it is started again, a recording is not.

    ``parent_pid`` is the parent that it must still have; without it nothing is tied.
    """
    os.nice(NICE)
    psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
    Path("/proc/self/oom_score_adj").write_text(str(FIRST_TO_GO), "ascii")
    if parent_pid is not None:
        die_with_parent(parent_pid)()


def end_on_sigterm() -> None:
    """Turn SIGTERM into an exception at the next instruction, so that files are closed."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise TerminatedError(EXIT_TERMINATED)

    signal.signal(signal.SIGTERM, end)


def print_line(line: str) -> None:
    """One line to the parent, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def log_to_parent(node: str, component: str = "postprocess") -> None:
    """Have each log line of this process told to the parent, which has journal and broker."""

    def tell(record: Record) -> None:
        print_line(json.dumps({"record": record}, default=str))

    configure_logging(node, component, publish=tell)


class ProgressLines:
    """Prints progress as JSON lines: every new stage and source, every percent between, and at
    least one every few seconds for as long as there is anything to report."""

    def __init__(
        self,
        write: Callable[[str], None] = print_line,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._monotonic = monotonic
        self._last: Progress | None = None
        self._last_s = 0.0

    def __call__(self, progress: Progress) -> None:
        if self._is_news(progress):
            self._last, self._last_s = progress, self._monotonic()
            self._write(progress.to_line())

    def end(self, outcome: RunResult) -> None:
        self._write(outcome.to_line())

    def _is_news(self, progress: Progress) -> bool:
        last = self._last
        if last is None or (progress.stage, progress.source) != (last.stage, last.source):
            return True
        if self._monotonic() - self._last_s >= _MAX_SILENCE_S:
            return True
        step = progress.bytes_done - last.bytes_done
        is_end = progress.bytes_done >= progress.bytes_total
        return step > 0 and (is_end or step >= _MIN_STEP * progress.bytes_total)
