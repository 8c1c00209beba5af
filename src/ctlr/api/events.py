"""Changes of status, pushed: ``GET /api/events`` as server-sent events (WHATWG HTML, 9.2).

Each ``status`` event is the whole status, as ``/api/status`` would answer at that moment: a client
that missed some has lost nothing. A ``tick`` with the controller's time comes every two seconds, so
that a page can tell a rig where nothing happens from one that it no longer hears. A stream that has
to give way to a newer one is told so by ``replaced``, and ends.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ctlr.api.feed import Feed, Listener

_REPLACED = (
    b'event: replaced\ndata: {"message":"Too many pages of this rig are open; this one, the oldest, '
    b'is no longer told of changes."}\n\n'
)
_GIVE_WAY_S = 0.5
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True)
class EventsParts:
    feed: Feed


def events_router(parts: EventsParts) -> APIRouter:
    router = APIRouter(tags=["status"])

    @router.get(
        "/api/events",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def events(request: Request) -> StreamingResponse:
        """Every change of status, at once and then at most five a second, and a tick with the
        controller's time every two seconds."""
        address = request.client.host if request.client else ""
        return _EventStream(parts.feed, address)

    return router


class _EventStream(StreamingResponse):
    """Sends what a listener hears until the client has gone or it has to give way. A client that no
    longer reads holds up the sending, which is then broken off."""

    def __init__(self, feed: Feed, address: str) -> None:
        super().__init__((), media_type="text/event-stream", headers=_HEADERS)
        self._feed = feed
        self._address = address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        with self._feed.listening(self._address) as listener:
            await send(start)
            sending = asyncio.ensure_future(_send_forever(listener, send))
            leaving = asyncio.ensure_future(_until_gone(receive))
            giving_way = asyncio.ensure_future(listener.replaced.wait())
            tasks = (sending, leaving, giving_way)
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
            for error in ended:
                if isinstance(error, Exception) and not isinstance(error, OSError):
                    raise error
            if listener.replaced.is_set():
                await _say_goodbye(send)


async def _send_forever(listener: Listener, send: Send) -> None:
    while True:
        await _send_piece(send, await listener.heard())


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _say_goodbye(send: Send) -> None:
    with suppress(TimeoutError, OSError):  # it does not read, or has gone
        async with asyncio.timeout(_GIVE_WAY_S):
            await _send_piece(send, _REPLACED)
            await _send_piece(send, b"", more=False)


async def _send_piece(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})
