"""Tells the controller what was sent, and hears what it holds safely; asks whether a session is over.

One client session per process. The controller reads each new file once before it answers, so
the answer may take a while; the connection may not.

Whoever answers at the controller's address is believed no further than its address: no redirect is
followed to another, nothing is unpacked, and an answer has a length.
"""

from typing import Self

import aiohttp
from pydantic import BaseModel, ValidationError

from ctlr.nodes.messages import SyncAnswer, SyncReport, UnixMs

CONNECT_S = 3.0
ANSWER_S = 60.0
ASK_S = 1.0
"""A recording that broke off waits no longer than this to hear whether it should go on."""
HOLD_STATUS = (503, 507)
MOST_BYTES = 16 << 20
"""Of an answer: it lists what the controller holds of a session, 100 bytes a file."""


class ReportError(Exception):
    """The controller did not take the report; the message says why."""


class HoldSegmentsError(ReportError):
    """The controller cannot store segments now (disk full or away); keep them and ask again."""


class RefusedError(ReportError):
    """The controller answered, and did not accept this report; others may pass."""


class TooLongError(aiohttp.ClientError):
    """More comes than any controller answers."""


class _SessionEnd(BaseModel):
    """What is read of the controller's answer about a session."""

    stopped_at: UnixMs | None = None


class Reporter:
    """Use as an async context manager."""

    def __init__(self, controller: str) -> None:
        self._url = f"{controller.rstrip('/')}/api/sync/report"
        self._sessions = f"{controller.rstrip('/')}/api/sessions"
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=ANSWER_S, sock_connect=CONNECT_S)
        self._session = aiohttp.ClientSession(
            timeout=timeout,
            headers={"Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def find_end(self, uuid: str) -> int | None:
        """When a session was stopped (Unix ms), by the controller's record; None while it goes on,
        and where nothing tells."""
        assert self._session is not None, "the reporter is used outside its context"
        timeout = aiohttp.ClientTimeout(total=ASK_S)
        try:
            async with self._session.get(
                f"{self._sessions}/{uuid}", timeout=timeout, allow_redirects=False
            ) as response:
                body = await _read(response) if response.status == 200 else b"{}"
            return _SessionEnd.model_validate_json(body).stopped_at
        except (aiohttp.ClientError, TimeoutError, OSError, ValidationError):
            return None

    async def report(self, report: SyncReport) -> SyncAnswer:
        """Post a report. Raises ``HoldSegmentsError``, ``RefusedError`` or ``ReportError``."""
        assert self._session is not None, "the reporter is used outside its context"
        body = report.model_dump(exclude_none=True)
        try:
            async with self._session.post(self._url, json=body, allow_redirects=False) as response:
                answer = await _read(response) if response.status == 200 else b""
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise ReportError(f"The controller cannot be reached: {reason}") from error
        return _read_answer(response.status, answer)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    while piece := await response.content.readany():
        content += piece
        if len(content) > MOST_BYTES:
            raise TooLongError("it answers more than a controller has to say")
    return bytes(content)


def _read_answer(status: int, body: bytes) -> SyncAnswer:
    if status in HOLD_STATUS:
        raise HoldSegmentsError(f"The controller cannot store segments now (HTTP {status}).")
    if status != 200:
        raise RefusedError(f"The controller refused the report (HTTP {status}).")
    try:
        answer = SyncAnswer.model_validate_json(body)
    except ValidationError as error:
        raise ReportError("The controller's answer to a report makes no sense.") from error
    if not answer.ok:
        raise RefusedError("The controller did not accept the report.")
    return answer
