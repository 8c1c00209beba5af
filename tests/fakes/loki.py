"""A Loki that keeps what is pushed, as the real one does, and fails in the ways it can.

As the real one, it drops an entry that a stream has already (same time, same line). ``script`` is
what it does with the next pushes, one word each: ``ok``, ``500``, ``429`` (asks for a second's
pause), ``400``, ``401``, ``hang`` (never answers), ``cut`` (takes the push and breaks the
connection off before it answers), ``refuse`` (breaks it off without taking anything).
"""

import asyncio
import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Self

from aiohttp import web

Labels = frozenset[tuple[str, str]]


class Loki:
    def __init__(self, script: Iterable[str] = ()) -> None:
        self.script = list(script)
        self.streams: dict[Labels, dict[tuple[int, str], None]] = {}
        self.pushes: list[str] = []
        """What was done with each push, in order."""
        self.repeats = 0
        """Entries that came again and were dropped."""
        self.headers: list[dict[str, str]] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/loki/api/v1/push", self._push)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def lines(self) -> list[dict[str, Any]]:
        """Every entry, by its time, as the record that it is."""
        entries = sorted(entry for stream in self.streams.values() for entry in stream)
        return [json.loads(line) for _, line in entries]

    async def until(self, count: int, within_s: float = 60) -> None:
        """Wait until there are so many entries."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while sum(map(len, self.streams.values())) < count:  # noqa: ASYNC110 - another process sends
                    await asyncio.sleep(0.05)

    async def _push(self, request: web.Request) -> web.Response:
        what = self.script.pop(0) if self.script else "ok"
        self.pushes.append(what)
        self.headers.append(dict(request.headers))
        body = await request.json()
        if what in ("ok", "cut"):
            self._keep(body)
        if what in ("cut", "refuse"):
            assert request.transport
            request.transport.abort()
        if what == "hang":
            await asyncio.Event().wait()
        if what.isdigit():
            pause = {"Retry-After": "1"} if what == "429" else {}
            return web.Response(status=int(what), text="not now", headers=pause)
        return web.Response(status=204)

    def _keep(self, body: dict[str, Any]) -> None:
        for stream in body["streams"]:
            kept = self.streams.setdefault(frozenset(stream["stream"].items()), {})
            for time_ns, line in stream["values"]:
                entry = int(time_ns), line
                self.repeats += entry in kept
                kept[entry] = None
