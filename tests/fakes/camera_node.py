"""A camera node with behaviour: keeps its state, answers over real HTTP, can be made to fail.

It speaks the camera API of an installed node, or with ``ours=True`` that of our own, which also
says what it records. It records nothing; ``starts`` and ``stops`` tell a test what it was made
to do, so that an answer which got lost can be told from a command that did.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Self

from aiohttp import web

from ctlr.config import NodeAddress
from ctlr.simulator.ports import PortClaim, claim_port

GIB = 1 << 30
COMMANDS = frozenset({"/record/start", "/record/stop"})
EVERYTHING = frozenset({"/record/start", "/record/stop", "/status", "/preflight"})


class Fault(Enum):
    """How a node fails on a request; a node that is off has ``power_off``."""

    HTML = auto()
    WRONG_TYPES = auto()
    ENDLESS = auto()
    HANGS = auto()
    CUTS_OFF = auto()
    ANSWER_LOST = auto()
    REFUSES = auto()


NEVER_ACTS = frozenset(Fault) - {Fault.ANSWER_LOST}


@dataclass(frozen=True)
class Recording:
    uuid: str
    start_at: int
    first_segment: int | None = None


class CameraNode:
    """One node. Use as an async context manager; its port is its own until the end.

    ``fault`` hits the paths in ``faulty``; ``clock_ahead_ms`` shifts the clock that it stamps
    its answers with. ``times_left``: how often the fault still strikes. ``asked`` counts requests
    by path, whatever becomes of them; ``on_start`` is called as it begins to record.
    """

    def __init__(self, name: str, *, ours: bool = False) -> None:
        self.name = name
        self.ours = ours
        self.fault: Fault | None = None
        self.faulty = EVERYTHING
        self.times_left = sys.maxsize
        self.clock_ahead_ms = 0
        self.status_takes_s = 0.0
        self.recording: Recording | None = None
        self.starts: list[Recording] = []
        self.stops = 0
        self.asked: Counter[str] = Counter()
        self.on_start: Callable[[], None] = lambda: None
        self.status_changes: dict[str, Any] = {}
        self.sent_bytes = 0
        self.still: bytes | None = None
        """What ``/preview.jpg`` answers; None: there is no such path, as at an installed node."""
        self.no_still = ""
        self.still_takes_s = 0.0
        self._claim: PortClaim | None = None
        self._runner: web.AppRunner | None = None
        self._off = asyncio.Event()

    @property
    def address(self) -> NodeAddress:
        assert self._claim is not None
        return NodeAddress(name=self.name, address=f"127.0.0.1:{self._claim.number}")

    async def __aenter__(self) -> Self:
        self._claim = claim_port()
        await self.power_on()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.power_off()
        if self._claim is not None:
            self._claim.release()

    async def power_on(self) -> None:
        assert self._claim is not None
        self._off.clear()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._claim.number, reuse_address=True).start()

    async def power_off(self) -> None:
        """Nobody listens any more; what was recorded is over."""
        self.recording = None
        self._off.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.asked[path] += 1
        fault = self._fault_at(path)
        if path == "/preview.jpg" and fault is None:
            return await self._show()
        if fault in NEVER_ACTS:
            return await self._fail(fault, request)
        answer = self._envelope(*await self._act(path, request))
        if fault is Fault.ANSWER_LOST:
            return self._hang_up(request)
        return web.json_response(answer)

    async def _show(self) -> web.Response:
        await asyncio.sleep(self.still_takes_s)
        if self.still is None:
            return web.json_response({"detail": "Not Found"}, status=404)
        if self.no_still:
            return web.Response(status=204, headers={"X-Reason": self.no_still})
        at_ms = time.time_ns() // 1_000_000 + self.clock_ahead_ms
        headers = {"X-Captured-At-Ms": str(at_ms)}
        return web.Response(body=self.still, content_type="image/jpeg", headers=headers)

    def _fault_at(self, path: str) -> Fault | None:
        if self.fault is None or path not in self.faulty or self.times_left == 0:
            return None
        self.times_left -= 1
        return self.fault

    async def _act(self, path: str, request: web.Request) -> tuple[dict[str, Any] | None, str]:
        """The data and the error of an answer."""
        match path:
            case "/status":
                await asyncio.sleep(self.status_takes_s)
                return self._status(), ""
            case "/preflight":
                return {"ready": True, "checks": {"camera": {"ok": True, "msg": "there"}}}, ""
            case "/record/start":
                return self._start(await request.json())
            case "/record/stop":
                return self._stop()
        return None, f"no such path: {path}"

    def _start(self, body: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
        if self.recording is not None:
            return None, "already recording"
        self.recording = Recording(**body)
        self.starts.append(self.recording)
        self.on_start()
        return body, ""

    def _stop(self) -> tuple[dict[str, Any] | None, str]:
        if self.recording is None:
            return None, "not recording"
        self.stops += 1
        stopped, self.recording = self.recording, None
        return ({"uuid": stopped.uuid, "segments": 1} if self.ours else None), ""

    def _status(self) -> dict[str, Any]:
        status: dict[str, Any] = {
            "state": "recording" if self.recording else "idle",
            "segment": 0 if self.recording else None,
            "error": None,
            "sync": {
                "status": "idle",
                "segments_synced": 0,
                "segments_queued": 0,
                "last_sync": None,
                "error": None,
            },
            "system": {"cpu": 12.5, "ram": 40.0, "disk_free_gb": 20.5, "temp": 51.0},
        }
        if self.ours:
            at = self.recording
            status |= {"uuid": at.uuid if at else None, "start_at": at.start_at if at else None}
            status["frames"] = 1 if at else 0
        return status | self.status_changes

    def _envelope(self, data: dict[str, Any] | None, error: str) -> dict[str, Any]:
        return {
            "success": not error,
            "node_id": self.name,
            "ts": time.time_ns() // 1_000_000 + self.clock_ahead_ms,
            "data": data,
            "error": error or None,
        }

    async def _fail(self, fault: Fault | None, request: web.Request) -> web.StreamResponse:
        match fault:
            case Fault.HTML:
                return web.Response(
                    text="<html><h1>It works!</h1></html>", content_type="text/html"
                )
            case Fault.WRONG_TYPES:
                wrong: dict[str, Any] = {
                    "success": [],
                    "node_id": None,
                    "ts": "now",
                    "data": 1,
                    "error": {},
                }
                return web.json_response(wrong)
            case Fault.HANGS:
                await self._is_off(30)
                return web.Response()
            case Fault.REFUSES:
                return web.json_response(self._envelope(None, "camera is covered"))
            case Fault.ENDLESS:
                return await self._stream(request)
        return self._hang_up(request, b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"succ')

    async def _is_off(self, at_most_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._off.wait()

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in _pieces(GIB):
            await response.write(piece)
            self.sent_bytes += len(piece)
        return response

    def _hang_up(self, request: web.Request, last_words: bytes = b"") -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(last_words)
        request.transport.close()
        return web.Response()


def _pieces(size: int) -> Iterator[bytes]:
    piece = b" " * 65536
    for _ in range(size // len(piece)):
        yield piece
