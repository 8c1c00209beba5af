"""What the supervisor knows of each session beyond the stored one; a restart begins it again.

One record a session holds all of it: what is at work on it, what it waits for and until when.
``why`` tells from it, in words, why a session does not get on.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from ctlr.ingest.arrivals import Awaited, Delivered
from ctlr.kernel.clock import Clock
from ctlr.postprocess.supervise.jobs import Job, JobResult
from ctlr.sessions.model import Session


class AtWork(StrEnum):
    MAKING = "making"
    READING_BACK = "reading back"


class Following(NamedTuple):
    """A worker whose videos grow with the recording: ``finish`` tells it to, ``result`` comes then."""

    finish: asyncio.Event
    result: asyncio.Future[JobResult]


@dataclass
class WorkRecord:
    """Of one session. Instants are on the monotonic clock; those in the past hold nothing up.

    ``due_at`` and ``follow_at``: before then it is not made or followed again; ``read_back_at``:
    from then on it is read back, None where it need not be. ``has_news``: there may be new files;
    ``looks_at``: when to look for some anyway. ``obstacle``: why the last round could do nothing
    for it; ``waits_for_turn``: as many others are being made as may be at once.
    """

    uuid: str
    shown: Job | None = None
    at_work: AtWork | None = None
    following: Following | None = None
    delivered: Delivered = field(default_factory=Delivered)
    awaited: tuple[Awaited, ...] = ()
    has_news: bool = False
    due_at: float = 0.0
    follow_at: float = 0.0
    looks_at: tuple[float, ...] = ()
    read_back_at: float | None = None
    obstacle: str | None = None
    waits_for_turn: bool = False

    @property
    def job(self) -> Job:
        """How it stands, as others see it."""
        return self.shown or Job(self.uuid)


class WorkRecords:
    """Of all sessions. ``looks_s`` is when after its stop a finished one is looked at anyway;
    ``on_change`` is called whenever a job has news."""

    def __init__(
        self, clock: Clock, looks_s: Sequence[float], on_change: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._looks_s = looks_s
        self._on_change = on_change
        self._records: dict[str, WorkRecord] = {}

    def __iter__(self) -> Iterator[WorkRecord]:
        return iter(list(self._records.values()))

    def of(self, uuid: str) -> WorkRecord:
        return self._records.setdefault(uuid, WorkRecord(uuid))

    def jobs(self) -> list[Job]:
        """Of those sessions that were worked on, or are to be."""
        return [record.shown for record in self if record.shown]

    def keep(self, job: Job) -> None:
        record = self.of(job.uuid)
        if job != record.shown:
            record.shown = job
            self._on_change()

    def drop_job(self, record: WorkRecord) -> None:
        """Nothing is to be done for it."""
        if record.shown:
            record.shown = None
            self._on_change()

    def at_work(self, kind: AtWork) -> list[WorkRecord]:
        """Those on which such a worker is set."""
        return [record for record in self if record.at_work is kind]

    def make_all_due(self) -> None:
        """What was put off need wait no longer."""
        now = self._clock.monotonic()
        for record in self:
            record.due_at = record.follow_at = 0.0
            if record.read_back_at is not None:
                record.read_back_at = min(record.read_back_at, now)

    def plan_looks(self, session: Session) -> None:
        """Set when a session that is finished is looked at though nobody says that it has news."""
        if session.stopped_at_ms is None:
            return
        ago_s = (self._clock.now_ms() - session.stopped_at_ms) / 1000
        now = self._clock.monotonic()
        waits_s = (look_s - ago_s for look_s in self._looks_s)
        self.of(session.uuid).looks_at = tuple(now + wait for wait in waits_s if wait > 0)

    def with_news(self) -> list[WorkRecord]:
        """Those that may have new files, or whose time to look for some has come."""
        now = self._clock.monotonic()
        for record in self:
            if record.looks_at and record.looks_at[0] <= now:
                record.looks_at = tuple(at for at in record.looks_at if at > now)
                record.has_news = True
        return [record for record in self if record.has_news]

    def to_read_back(self) -> list[WorkRecord]:
        """Those whose time to be read back has come, in the order in which they wanted it."""
        now = self._clock.monotonic()
        due = [(at, r) for r in self if (at := r.read_back_at) is not None and at <= now]
        return [record for _, record in sorted(due, key=lambda pair: pair[0])]
