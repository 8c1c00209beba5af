"""Between whoever has something to say and the broker: publish never waits and never fails.

::

    publish() -> memory, at once -> spool on the card, within a second -> broker -> removed

``publish`` appends to a list in memory and returns; it may be called from any thread. A loop
writes what gathered, at most once a second, to the spool. The sender reads from the spool only,
so records leave in the order in which they came, and what the broker has not acknowledged is
there after a restart. Each record carries an ``id``: a reader drops the repeats that an
acknowledgement lost on the way makes.

Memory and spool are bounded, in records and in bytes. At a bound the oldest go; a card that is full
or broken costs records too, never the recording. What is lost is counted in ``dropped``, and the
log says when that begins. Where no spool can be opened at all, a small one in memory takes its
place.
"""

import asyncio
import itertools
import secrets
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import structlog

from ctlr.kernel.threads import in_thread
from ctlr.telemetry.record import encode_record, topic_of
from ctlr.telemetry.spool import RecordSpool, Waiting

WRITE_INTERVAL_S = 1.0
CARD_DEADLINE_S = 10.0
MAX_IN_MEMORY = 10_000
MAX_BYTES_IN_MEMORY = 8 << 20
_FALLBACK_RECORDS = 2_000
_ERRORS = (sqlite3.Error, OSError)  # TimeoutError is an OSError

_log = structlog.get_logger("telemetry")
_Result = TypeVar("_Result")


class Outbox:
    """Made inside a running event loop."""

    def __init__(
        self,
        path: Path,
        max_records: int,
        max_bytes: int,
        write_interval_s: float = WRITE_INTERVAL_S,
    ) -> None:
        self.dropped = 0
        """Records lost since the start: at a bound, or to a card that could not take them."""
        self.stored = asyncio.Event()
        """Set when there is something to send."""
        self._write_interval_s = write_interval_s
        self._ids = (f"{secrets.token_hex(8)}-{number}" for number in itertools.count(1))
        self._lock = threading.Lock()
        self._memory: deque[tuple[str, bytes]] = deque()
        self._memory_bytes = 0
        self._gathered = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._acknowledged = 0
        self._card_works = True
        self._overflows = False
        self._spool = self._open(path, max_records, max_bytes)

    def _open(self, path: Path, max_records: int, max_bytes: int) -> RecordSpool:
        try:
            return RecordSpool(path, max_records, max_bytes)
        except _ERRORS as error:
            _log.warning(
                "no record spool on disk: log records wait in memory and are lost at a restart; "
                "recording is not affected",
                path=str(path),
                error=str(error),
            )
            return RecordSpool(Path(":memory:"), min(max_records, _FALLBACK_RECORDS), max_bytes)

    def publish(self, record: Mapping[str, Any]) -> None:
        """Take a record (see ``ctlr.telemetry.record``). From any thread; never raises."""
        with self._lock:
            entry = topic_of(record), encode_record({**record, "id": next(self._ids)})
            self._memory.append(entry)
            self._memory_bytes += len(entry[1])
            while len(self._memory) > MAX_IN_MEMORY or self._memory_bytes > MAX_BYTES_IN_MEMORY:
                self._memory_bytes -= len(self._memory.popleft()[1])
                self.dropped += 1
        try:
            self._loop.call_soon_threadsafe(self._gathered.set)
        except RuntimeError:  # the loop has ended; close() has stored what came before
            self.dropped += 1

    async def write_forever(self) -> None:
        """Move what gathers in memory to the spool, at most once per interval."""
        while True:
            await self._gathered.wait()
            self._gathered.clear()
            await self.write()
            await asyncio.sleep(self._write_interval_s)

    async def write(self) -> None:
        """Move what is in memory to the spool now."""
        with self._lock:
            batch = list(self._memory)
            self._memory.clear()
            self._memory_bytes = 0
        if not batch:
            return
        lost = await self._on_card(lambda: self._spool.append(batch))
        self.dropped += len(batch) if lost is None else lost
        self.stored.set()
        self._tell_overflow(bool(lost))

    def _tell_overflow(self, overflows: bool) -> None:
        if overflows and not self._overflows:
            _log.warning(
                "the record spool is full: the oldest log records are lost until the broker is "
                "back; recording is not affected",
                dropped=self.dropped,
            )
        self._overflows = overflows

    async def next_batch(self, limit: int) -> list[Waiting]:
        """The oldest records that the broker has not acknowledged; empty if there is none."""
        self.stored.clear()
        batch = await self._on_card(lambda: self._spool.oldest(self._acknowledged, limit))
        return batch or []

    async def acknowledge(self, last: Waiting) -> None:
        """The broker has everything up to ``last``."""
        self._acknowledged = last.number  # holds even if the card refuses to forget it
        await self._on_card(lambda: self._spool.remove_through(last.number))

    async def waiting(self) -> int:
        """How many records wait for the broker."""
        counts = await self._on_card(self._spool.counts)
        return counts[0] if counts else 0

    async def close(self) -> None:
        """Store what is still in memory. After the loops have ended."""
        await self.write()
        await self._on_card(self._spool.close)

    async def _on_card(self, call: Callable[[], _Result]) -> _Result | None:
        try:
            result = await in_thread(CARD_DEADLINE_S, call)
        except _ERRORS as error:
            if self._card_works:  # said once per trouble, not once per record
                self._card_works = False
                _log.warning("log records cannot be stored and are lost", error=str(error))
            return None
        self._card_works = True
        return result
