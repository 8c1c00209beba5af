"""A phone that measures its own clock against the controller's, and tells what it found.

It asks ``GET /api/time`` a few times and confines the truth by what all answers have in common
(see ``ctlr.nodes.offset``): the controller's stamps are whole milliseconds, cut off.
"""

import time
from http import HTTPStatus

import aiohttp

from ctlr.nodes.offset import COARSE_STAMP_MS, ClockOffset, Exchange, OffsetEstimator

QUESTIONS = 8


async def measure(url: str, ahead_ms: float = 0.0) -> ClockOffset:
    """The phone's clock minus the controller's; ``ahead_ms`` is by how much it is set wrong.

    Raises ``aiohttp.ClientError`` when the controller does not answer.
    """
    controller = OffsetEstimator()
    async with aiohttp.ClientSession(raise_for_status=True) as http:
        for _ in range(QUESTIONS):
            controller.add(await _ask(http, url, ahead_ms))
    found = controller.estimate(time.monotonic())
    if found is None:  # this machine's clock was set back in the middle of every question
        raise aiohttp.ClientError("the clock could not be measured")
    return ClockOffset(-found.offset_ms, found.uncertainty_ms)


async def _ask(http: aiohttp.ClientSession, url: str, ahead_ms: float) -> Exchange:
    asked_s, sent_ms = time.monotonic(), time.time_ns() / 1e6 + ahead_ms
    async with http.get(f"{url}/api/time") as answer:
        stamps = await answer.json()
    received_ms = sent_ms + (time.monotonic() - asked_s) * 1000
    return Exchange(asked_s, sent_ms, stamps["t1"], stamps["t2"], received_ms, COARSE_STAMP_MS)


async def tell(url: str, found: ClockOffset, uuid: str | None = None) -> bool:
    """Have it kept with a session; by default with the one that is recorded now or next.

    False when the controller does not know the session. Raises ``aiohttp.ClientError``.
    """
    body: dict[str, object] = {
        "offset_ms": found.offset_ms,
        "uncertainty_ms": found.uncertainty_ms,
        "uuid": uuid,
    }
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{url}/api/time", json=body) as answer,
    ):
        if answer.status == HTTPStatus.NOT_FOUND:
            return False
        answer.raise_for_status()
        return True
