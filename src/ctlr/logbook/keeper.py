"""Moves what has arrived into ``logs.db`` while the drive is there, and lets go of it otherwise.

About once a second, or as soon as a batch is full: is the drive there (the mount table says so,
which cannot hang)? Then the store is opened if need be, the batch stored, and the broker told.
Anything else means: close the file, so that nobody is kept from unmounting the drive, and keep the
batch; look again a second later, or after an error or a call that did not come back with a growing
pause. The file itself is only touched in a lane, so a drive that hangs costs one thread and
nobody's time.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import structlog

from ctlr.kernel.backoff import Attempts, Backoff
from ctlr.kernel.threads import Lane
from ctlr.logbook.store import LogStore, NewerStoreError, Stored, is_damage
from ctlr.logbook.tail import Tail, Ticket
from ctlr.telemetry.spool import put_aside

INTERVAL_S = 1.0
BATCH = 1000
DEADLINE_S = 5.0
LONGEST_PAUSE_S = 30.0

_ERRORS = (sqlite3.Error, OSError, NewerStoreError)  # TimeoutError is an OSError

_log = structlog.get_logger("logbook")
_Result = TypeVar("_Result")


class DriveAwayError(Exception):
    """The drive is not there, or (``failed``) it does not work."""

    def __init__(self, problem: str, *, failed: bool = False) -> None:
        super().__init__(problem)
        self.failed = failed


class Keeper:
    """``open_store`` is called in a thread; ``find_problem`` says in words why the drive may not
    be written to, from memory; ``acknowledge`` tells the broker what is safe."""

    def __init__(
        self,
        path: Path,
        open_store: Callable[[], LogStore],
        find_problem: Callable[[], str | None],
        tail: Tail,
        acknowledge: Callable[[Sequence[Ticket]], None],
        interval_s: float = INTERVAL_S,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self.stored = asyncio.Event()
        """Set when there is something new in the store."""
        self.records = 0
        self.repeats = 0
        """Records stored, and repeats dropped, since the start."""
        self._path = path
        self._open_store = open_store
        self._find_problem = find_problem
        self._tail = tail
        self._acknowledge = acknowledge
        self._interval_s = interval_s
        self._store: LogStore | None = None
        self._lane = Lane("logbook", deadline_s)
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """Why records wait in memory; None while they are stored."""
        return self._problem

    async def run(self) -> None:
        """Store what arrives for as long as the process lasts."""
        attempts = Attempts(Backoff(self._interval_s, LONGEST_PAUSE_S))
        while True:
            try:
                full = await self.store_batch()
                attempts.succeeded()
                pause_s = 0 if full else self._interval_s
            except DriveAwayError as away:
                pause_s = attempts.failed() if away.failed else self._interval_s
            await asyncio.sleep(pause_s)

    async def store_batch(self) -> bool:
        """Store what waits, at most a batch; whether there may be more. Raises
        ``DriveAwayError``; then everything waits as before."""
        batch = self._tail.take(BATCH)
        try:
            repeats = await self.on_drive(
                lambda store: store.append([arrived.entry for arrived in batch]) if batch else 0
            )
        except BaseException:  # also when cancelled: stored or not, it comes again
            gone = self._tail.put_back(batch)
            self._acknowledge([arrived.ticket for arrived in gone if arrived.ticket])
            raise
        self.records += len(batch) - repeats
        self.repeats += repeats
        self._acknowledge([arrived.ticket for arrived in batch if arrived.ticket])
        if batch:
            self.stored.set()
        return len(batch) == BATCH

    async def after(self, number: int, limit: int) -> list[Stored]:
        """Records stored after ``number``. Raises ``DriveAwayError``."""
        return await self.on_drive(lambda store: store.after(number, limit))

    async def position_of(self, follower: str) -> int:
        return await self.on_drive(lambda store: store.position_of(follower))

    async def save_position(self, follower: str, number: int) -> None:
        await self.on_drive(lambda store: store.save_position(follower, number))

    async def on_drive(self, call: Callable[[LogStore], _Result]) -> _Result:
        """Run ``call`` on the store, opened if need be. Raises ``DriveAwayError``."""
        if problem := self._find_problem():
            await self.close_store()
            self._tell(problem)
            raise DriveAwayError(problem)
        try:
            result = await self._lane.run(lambda: self._on_open_store(call))
        except _ERRORS as error:
            if isinstance(error, TimeoutError):
                self._store = None
            else:
                await self.close_store()
                await self._replace_if_damaged(error)
            self._tell(str(error))
            raise DriveAwayError(str(error), failed=True) from error
        if self._problem is not None:
            _log.info("log records are stored again", path=str(self._path))
            self._problem = None
        return result

    async def close(self) -> None:
        """Store what waits, if that is quickly done, and close the file. After the loop."""
        await self._lane.wait_until_free()
        with suppress(DriveAwayError):
            await self.store_batch()
        await self.close_store()

    async def close_store(self) -> None:
        """Close the file, so that the drive can be unmounted."""
        store, self._store = self._store, None
        if store is not None:
            with suppress(*_ERRORS):
                await self._lane.run(store.close)

    def _on_open_store(self, call: Callable[[LogStore], _Result]) -> _Result:
        store = self._store or self._open_store()
        self._store = store
        try:
            return call(store)
        finally:
            if self._store is not store:  # given up on meanwhile, and nobody else will close it
                store.close()

    async def _replace_if_damaged(self, error: Exception) -> None:
        if isinstance(error, sqlite3.DatabaseError) and is_damage(error):
            _log.error(
                "the log store is damaged; it is put aside and begun again", error=str(error)
            )
            with suppress(*_ERRORS):
                await self._lane.run(lambda: put_aside(self._path))

    def _tell(self, problem: str) -> None:
        if self._problem is None:  # said once per trouble
            _log.warning(
                "log records cannot be stored; the newest wait in memory, the rest at the broker",
                path=str(self._path),
                error=problem,
            )
        self._problem = problem
