"""Keeps what comes in on the buses: in memory for a moment, then on the logging drive for good.

Batches wait in memory, written every ``WRITE_EVERY_S`` and flushed every ``SYNC_EVERY_S`` by a
thread of its own, so no flush, however slow, holds up a bus. A power cut takes what came in since
the last flush. While the drive is away, full or not coming back from a call, batches stay in
memory up to a bound; then the oldest go, and are counted. Nothing is written before the mount
table says that the drive is there, or below a folder that was opened before it was.
"""

import math
import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import structlog

from ctlr.can.files import CanFiles, Ledger
from ctlr.can.frame import Batch
from ctlr.kernel.clock import Clock

WRITE_EVERY_S = 0.2
SYNC_EVERY_S = 1.0
RETRY_EVERY_S = 1.0
_BATCH_OVERHEAD_BYTES = 400
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_log = structlog.get_logger("can")


class Beside(Protocol):
    """A second form of the recording, beside the rows."""

    def open(self, folder: int) -> None: ...
    def append(self, batches: list[Batch]) -> None: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...


class Recorder:
    """``find_problem`` says in words why nothing may be written below ``logging`` now, or None.

    ``put`` may be called from any thread; ``run`` is the writer.
    """

    def __init__(
        self,
        logging: Path,
        find_problem: Callable[[], str | None],
        clock: Clock,
        *,
        rotate_bytes: int,
        memory_bytes: int,
        beside: Beside | None = None,
    ) -> None:
        self._logging = logging
        self._find_problem = find_problem
        self._clock = clock
        self._rotate_bytes = rotate_bytes
        self._memory_bytes = memory_bytes
        self._beside = beside
        self._lock = threading.Lock()
        self._waiting: deque[Batch] = deque()
        self._waiting_bytes = 0
        self._stopping = threading.Event()
        self._files: CanFiles | None = None
        self._ledger = Ledger()
        self._sync_at = self._retry_at = -math.inf
        self.problem: str | None = "not opened yet"
        self.lost = 0
        self.file_bytes = 0
        self.busy_since: float | None = None
        """When (monotonic) the writer went to the drive, if it has not come back."""

    def put(self, batch: Batch) -> None:
        """Take a batch over; never waits for the drive."""
        with self._lock:
            self._waiting.append(batch)
            self._waiting_bytes += _cost(batch)
            while self._waiting_bytes > self._memory_bytes:
                oldest = self._waiting.popleft()
                self._waiting_bytes -= _cost(oldest)
                self.lost += oldest.rows

    @property
    def waiting_bytes(self) -> int:
        """Memory that is taken by rows that wait to be written."""
        return self._waiting_bytes

    @property
    def waiting_rows(self) -> int:
        """Rows in memory that are not known to be on the disk."""
        with self._lock:
            waiting = sum(batch.rows for batch in self._waiting)
        return waiting + sum(batch.rows for batch in list(self._ledger.unflushed))

    def run(self) -> None:
        """Write until ``stop``, then what is left, and let go of the drive."""
        while not self._stopping.wait(WRITE_EVERY_S):
            self.step()
        self._sync_at = self._retry_at = -math.inf
        self.step()
        self._close()

    def stop(self) -> None:
        self._stopping.set()

    def step(self) -> None:
        """Write what waits, and flush if it is time. Only the writer's thread may call it."""
        self.busy_since = self._clock.monotonic()
        try:
            if self._files is None:
                self._open()
            if self._files is not None:
                self._write(self._files)
        except OSError as error:
            self._close_files(f"it cannot be written: {error.strerror or error}")
        finally:
            self.busy_since = None

    def _write(self, files: CanFiles) -> None:
        with self._lock:
            batches = list(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
        files.append(batches)
        if self._beside is not None:
            self._beside.append(batches)
        self.file_bytes = files.raw_bytes
        if self._clock.monotonic() >= self._sync_at:
            self._sync(files)

    def _sync(self, files: CanFiles) -> None:
        self._sync_at = self._clock.monotonic() + SYNC_EVERY_S
        if problem := self._find_problem():
            self._close_files(problem)
            return
        if self._ledger.unflushed:
            files.sync()
            if self._beside is not None:
                self._beside.sync()

    def _open(self) -> None:
        now = self._clock.monotonic()
        if now < self._retry_at:
            return
        self._retry_at = now + RETRY_EVERY_S
        if problem := self._find_problem():
            self._set_problem(problem)
            return
        self._files = CanFiles(self._open_folder(), self._rotate_bytes, self._ledger)
        self.file_bytes = self._files.raw_bytes
        if self._beside is not None:
            self._beside.open(self._open_folder())
        self._set_problem(None)

    def _open_folder(self) -> int:
        """``can`` on the drive that is mounted now. Raises ``OSError``."""
        root = os.open(self._logging, _OPEN_FOLDER)
        try:
            if self._find_problem() or not os.path.samestat(
                os.fstat(root), os.stat(self._logging)
            ):  # mounted or unmounted meanwhile
                raise OSError("the drive has changed")
            try:
                os.mkdir("can", 0o755, dir_fd=root)
                os.fsync(root)
            except FileExistsError:
                pass
            return os.open("can", _OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=root)
        finally:
            os.close(root)

    def _close_files(self, problem: str) -> None:
        """Close everything; what is not known to be on the disk stays in memory."""
        self._close()
        self._set_problem(problem)

    def _close(self) -> None:
        if self._beside is not None:
            self._beside.close()
        if self._files is not None:
            self._files.close()
            self._files = None

    def _set_problem(self, problem: str | None) -> None:
        if problem == self.problem:
            return
        self.problem = problem
        if problem is None:
            _log.info("recording", file=str(self._logging / "can" / "raw.csv"), lost=self.lost)
        else:
            _log.error("the drive is not there; frames wait in memory", reason=problem)


def _cost(batch: Batch) -> int:
    return len(batch.data) + _BATCH_OVERHEAD_BYTES
