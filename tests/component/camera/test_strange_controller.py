"""Whoever has the controller's address says no more than a controller: a camera goes nowhere else on
its word, unpacks nothing, and reads no more than an answer has."""

import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from ctlr.camera.reporter import MOST_BYTES, RefusedError, Reporter, ReportError
from ctlr.nodes.messages import SyncReport

REPORT = SyncReport(camera="cam-01", status="ok", uuid="3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[tuple[Reporter, list[str]]]:
    """A reporter, and the paths that it has asked for."""
    asked: list[str] = []

    async def note(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", note)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with Reporter(f"http://127.0.0.1:{port}") as reporter:
            yield reporter, asked
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_no_answer(status: int) -> None:
    async def send_on(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with answering(send_on) as (reporter, asked):
        with pytest.raises(RefusedError):
            await reporter.report(REPORT)
        assert await reporter.find_end(REPORT.uuid or "") is None
    assert "/elsewhere" not in asked


async def test_nothing_is_unpacked() -> None:
    packed = gzip.compress(json.dumps({"ok": True, "durable": []}).encode() + b" " * (64 << 20))

    async def pack(request: web.Request) -> web.StreamResponse:
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    async with answering(pack) as (reporter, _):
        with pytest.raises(ReportError, match="makes no sense"):
            await reporter.report(REPORT)


async def test_an_answer_without_end_ends() -> None:
    sent = 0

    async def stream(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 8 * MOST_BYTES:
            await response.write(b" " * (1 << 20))
            sent += 1 << 20
        return response

    async with answering(stream) as (reporter, _):
        with pytest.raises(ReportError, match="more than a controller has to say"):
            await reporter.report(REPORT)
    assert sent < 8 * MOST_BYTES
