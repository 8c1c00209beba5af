"""Requests that mean one thing only, though they are not spelt as in the reference.

A slash at the end of a path is left out, names of query parameters may be in capitals, and every
``GET`` answers ``HEAD`` with its headers. A redirect would do for a browser; the clients in the
field are ``curl`` and an app, and a ``POST`` that is redirected is lost or comes back as a ``GET``.
"""

import asyncio
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send


def lenient(app: ASGIApp) -> ASGIApp:
    """``app`` with requests spelt as it knows them."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        scope = _spelt(scope)
        if scope["method"] == "HEAD":
            await _answer_head(app, {**scope, "method": "GET"}, receive, send)
        else:
            await app(scope, receive, send)

    return call


def _spelt(scope: Scope) -> Scope:
    path = scope["path"]
    if path.endswith("/") and path.strip("/"):
        scope = {**scope, "path": path.rstrip("/"), "raw_path": scope["raw_path"].rstrip(b"/")}
    query: bytes = scope["query_string"]
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    if any(name != name.lower() for name, _ in pairs):
        spelt = urlencode([(name.lower(), value) for name, value in pairs])
        scope = {**scope, "query_string": spelt.encode()}
    return scope


async def _answer_head(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """The headers of the answer; what streams for ever is ended once they are there."""
    ended = asyncio.Event()

    async def send_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
        elif not ended.is_set():
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            ended.set()

    answering = asyncio.ensure_future(app(scope, receive, send_headers))
    waiting = asyncio.ensure_future(ended.wait())
    try:
        await asyncio.wait((answering, waiting), return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            await answering
    finally:
        answering.cancel()
        waiting.cancel()
        await asyncio.gather(answering, waiting, return_exceptions=True)
