"""Records on to Loki: what a push looks like, and the loop that sends them.

The form is that of ``POST /loki/api/v1/push`` in Grafana Loki's HTTP API. Labels are few and
bounded (``job``, ``node``, ``level``), as each combination is a stream of its own there; the whole
record is the line.

Records are read from ``logs.db`` in the order of their numbers, and how far Loki has them is kept
there, after each push. A push whose answer got lost is sent again with the same labels, times and
lines, all made from what is stored, and Loki drops an entry that it has already. A time is the
record's own where Loki would take it, else the time of arrival, plus the number as nanoseconds:
so no two records of a node have the same, and their order shows within a millisecond.

Loki away, slow, or refusing for the moment (429, 5xx, a wrong password) means: again later, with
a growing pause. What it will never take (400, 413) is skipped and counted; the store has it.
"""

import asyncio
import base64
import json
from collections.abc import Sequence
from typing import Any, Protocol

import aiohttp
import structlog

from ctlr.config import LogSettings
from ctlr.kernel.backoff import Attempts, Backoff
from ctlr.logbook.keeper import DriveAwayError
from ctlr.logbook.store import Stored

PATH = "/loki/api/v1/push"
FOLLOWER = "loki"
BATCH = 500
MAX_BODY_BYTES = 512 << 10
DEADLINE_S = 15.0
RETRY = Backoff(first_s=1.0, longest_s=60.0)
LONGEST_RETRY_AFTER_S = 300.0
LATEST_MS = 50 * 60_000
"""A record that arrives later than this gets the time of arrival: Loki takes nothing into a stream
that is an hour older than its newest entry."""
EARLIEST_MS = 5 * 60_000
"""How far ahead a node's clock may be; Loki takes ten minutes."""

_NEVER = {400, 413}

_log = structlog.get_logger("loki")


class RecordSource(Protocol):
    """Where records come from; all raise ``DriveAwayError``. ``stored`` is set with each news."""

    stored: asyncio.Event

    async def after(self, number: int, limit: int) -> list[Stored]: ...

    async def position_of(self, follower: str) -> int: ...

    async def save_position(self, follower: str, number: int) -> None: ...


class RefusedError(Exception):
    """Loki answered and did not take it. ``retry_after_s`` is what it asks for, if it does."""

    def __init__(self, status: int, reason: str, retry_after_s: float | None) -> None:
        super().__init__(f"HTTP {status} {reason}".strip())
        self.status = status
        self.retry_after_s = retry_after_s


def push_body(records: Sequence[Stored]) -> bytes:
    """One push: a stream per node and level, entries in the order of the records."""
    streams: dict[tuple[str, str], list[list[str]]] = {}
    for record in records:
        entries = streams.setdefault((record.node, record.level), [])
        entries.append([str(entry_time_ns(record)), record.payload])
    body = [
        {"stream": {"job": "ctlr", "node": node, "level": level.lower()}, "values": entries}
        for (node, level), entries in streams.items()
    ]
    return json.dumps({"streams": body}, ensure_ascii=False).encode()


def entry_time_ns(record: Stored) -> int:
    late_ms = record.received_ms - record.ts_ms
    at_ms = record.ts_ms if -EARLIEST_MS <= late_ms <= LATEST_MS else record.received_ms
    return at_ms * 1_000_000 + record.number % 1_000_000


def fitting(records: Sequence[Stored], max_bytes: int = MAX_BODY_BYTES) -> Sequence[Stored]:
    """As many of the first records as fit into a body; at least one."""
    size = 0
    for count, record in enumerate(records):
        size += 2 * len(record.payload) + 100  # quotes are escaped
        if size > max_bytes and count:
            return records[:count]
    return records


class Forwarder:
    def __init__(
        self,
        settings: LogSettings,
        url: str,
        source: RecordSource,
        deadline_s: float = DEADLINE_S,
        retry: Backoff = RETRY,
    ) -> None:
        self.forwarded = 0
        self.rejected = 0
        """Records that Loki has, and that it will never take, since the start."""
        self._url = url.rstrip("/").removesuffix(PATH) + PATH
        self._headers = _headers(settings)
        self._source = source
        self._deadline_s = deadline_s
        self._retry = retry
        self._problem: str | None = None

    async def run(self) -> None:
        """Forward what is stored, for as long as the process lasts."""
        timeout = aiohttp.ClientTimeout(total=self._deadline_s)
        async with aiohttp.ClientSession(timeout=timeout, headers=self._headers) as http:
            attempts = Attempts(self._retry)
            while True:
                try:
                    await self._forward_all(http)
                    attempts.succeeded()
                    await self._source.stored.wait()
                except DriveAwayError:  # the keeper says so
                    await asyncio.sleep(self._retry.first_s)
                except (aiohttp.ClientError, TimeoutError, OSError, RefusedError) as error:
                    self._tell(str(error) or type(error).__name__)
                    asked_s = getattr(error, "retry_after_s", None) or 0
                    asked_s = min(asked_s, LONGEST_RETRY_AFTER_S)
                    await asyncio.sleep(max(attempts.failed(), asked_s))

    async def _forward_all(self, http: aiohttp.ClientSession) -> None:
        while True:
            self._source.stored.clear()
            position = await self._source.position_of(FOLLOWER)
            records = fitting(await self._source.after(position, BATCH))
            if not records:
                return
            try:
                await self._push(http, records)
                self.forwarded += len(records)
            except RefusedError as refused:
                if refused.status not in _NEVER:
                    raise
                self.rejected += len(records)
                _log.warning(
                    "Loki will not take some log records; they are skipped there and stay in the "
                    "log store",
                    first=records[0].number,
                    records=len(records),
                    error=str(refused),
                )
            await self._source.save_position(FOLLOWER, records[-1].number)

    async def _push(self, http: aiohttp.ClientSession, records: Sequence[Stored]) -> None:
        async with http.post(
            self._url,
            data=push_body(records),
            headers={"Content-Type": "application/json"},
            allow_redirects=False,
        ) as answer:
            if answer.status // 100 != 2:
                reason = (await answer.content.read(500)).decode("utf-8", "replace").strip()
                raise RefusedError(answer.status, reason, _seconds(answer.headers))
        if self._problem is not None:
            _log.info("log records go to Loki again")
            self._problem = None

    def _tell(self, problem: str) -> None:
        if self._problem is None:  # said once per trouble
            _log.warning(
                "Loki does not take log records; they wait in the log store",
                url=self._url,
                error=problem,
            )
        self._problem = problem


def _headers(settings: LogSettings) -> dict[str, str]:
    headers = {}
    if settings.loki_username is not None and settings.loki_password is not None:
        pair = f"{settings.loki_username}:{settings.loki_password.get_secret_value()}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    if settings.loki_tenant is not None:
        headers["X-Scope-OrgID"] = settings.loki_tenant
    return headers


def _seconds(headers: Any) -> float | None:
    value = headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None
