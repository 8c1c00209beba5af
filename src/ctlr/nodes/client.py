"""Calls to camera nodes over HTTP.

Every call has a hard end: a dead host costs an ARP time-out of 3 s, a dropped SYN the whole
client time-out, and a stopped process accepts the connection and never answers. Answers are
read up to a bound, never decompressed and never followed elsewhere: a node may be broken,
or somebody else.

A start goes to all cameras in one burst on one core, so what a call costs here counts: no
cookies, no headers that no node reads, one time-out for the whole of it.

The HTTP client (``node_http``) is a sixth of all that a controller loads at its start, and is loaded
beside the rest of it: in a thread, while the first probes of the disks are waited for.
"""

import asyncio
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pydantic import BaseModel, ValidationError

from ctlr.config import NodeAddress
from ctlr.kernel.clock import Clock
from ctlr.kernel.texts import make_harmless
from ctlr.nodes.messages import Envelope, NodeStatus, Preflight
from ctlr.nodes.offset import COARSE_STAMP_MS, Exchange

if TYPE_CHECKING:
    from ctlr.nodes.node_http import NodeHttp

CALL_TIMEOUT_S = 1.5
STILL_TIMEOUT_S = 8.0
"""A camera that is closed is opened for a still, which takes some kinds many seconds."""
LARGEST_STILL = 1 << 20
JPEG_BEGINS = b"\xff\xd8"
LONGEST_SHOWN = 64
"""What a node calls itself is cut off there."""

_Model = TypeVar("_Model", bound=BaseModel)


class NodeCallError(Exception):
    """A node gave no usable answer; the message says what was seen, for a person."""


class NoStillsError(NodeCallError):
    """A node that knows nothing of stills: an installed one."""


@dataclass(frozen=True)
class NodeStill:
    """What a node shows of its camera: a JPEG with the time on the node's clock, if it tells, or the
    reason why there is none."""

    jpeg: bytes | None
    captured_at_ms: int | None
    reason: str | None


@dataclass(frozen=True)
class Reply:
    """An answer of a node. ``error`` is the node's own refusal, word for word; ``repeated`` says
    that the question was asked twice and may have been acted on the first time."""

    data: dict[str, Any]
    error: str | None
    exchange: Exchange
    repeated: bool = False
    node_id: str = ""


class NodeClient:
    """All calls to all nodes through one connection pool. Use as an async context manager."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._opening: asyncio.Task[NodeHttp] | None = None

    async def __aenter__(self) -> Self:
        self._opening = asyncio.create_task(_open_http(), name="open the HTTP client")
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._opening is not None
        await (await self._opening).close()

    async def start(
        self, node: NodeAddress, uuid: str, start_at_ms: int, first_segment: int | None = None
    ) -> Reply:
        body: dict[str, object] = {"uuid": uuid, "start_at": start_at_ms}
        if first_segment is not None:
            body["first_segment"] = first_segment
        return await self._call(node.address, "POST", "/record/start", body)

    async def stop(self, node: NodeAddress) -> Reply:
        return await self._call(node.address, "POST", "/record/stop", None)

    async def status(self, node: NodeAddress) -> tuple[NodeStatus, Reply]:
        reply = await self._ask_status(node.address)
        return parse_leniently(NodeStatus, reply.data), reply

    async def introduce(self, address: str) -> tuple[str, NodeStatus]:
        """Who answers at host:port: what it calls itself, unchecked and cut off, and its status."""
        reply = await self._ask_status(address)
        return reply.node_id[:LONGEST_SHOWN], parse_leniently(NodeStatus, reply.data)

    async def preflight(self, node: NodeAddress) -> tuple[Preflight, Reply]:
        reply = await self._call(node.address, "GET", "/preflight", None)
        return parse_leniently(Preflight, reply.data), reply

    async def read_clock(self, node: NodeAddress) -> Exchange:
        """An exchange for the sake of its stamps alone. A preflight changes nothing at a node, and
        installed ones answer it at once, whatever they say in it."""
        return (await self._call(node.address, "GET", "/preflight", None)).exchange

    async def fetch_still(self, node: NodeAddress) -> NodeStill:
        """The node's newest picture. Raises ``NodeCallError``."""
        assert self._opening is not None, "to be used as a context manager"
        http = await asyncio.shield(self._opening)
        url = f"http://{node.address}/preview.jpg"
        try:
            async with asyncio.timeout(STILL_TIMEOUT_S):
                status, headers, content = await http.fetch(url, LARGEST_STILL)
        except http.ERRORS as error:
            raise NodeCallError(http.explain(error)) from error
        except TimeoutError as error:
            raise NodeCallError(f"no picture within {STILL_TIMEOUT_S:g} s") from error
        captured = headers.get("X-Captured-At-Ms", "")
        if status == 200 and content.startswith(JPEG_BEGINS):
            return NodeStill(content, int(captured[:15]) if captured.isdecimal() else None, None)
        if status == 204:
            return NodeStill(None, None, make_harmless(headers.get("X-Reason", "it gives none")))
        raise NoStillsError("this camera gives no pictures while it runs")

    async def _ask_status(self, address: str) -> Reply:
        reply = await self._call(address, "GET", "/status", None)
        if reply.error is not None:
            raise NodeCallError(f"answered its status with an error: {reply.error}")
        return reply

    async def _call(
        self, address: str, method: str, path: str, body: Mapping[str, object] | None
    ) -> Reply:
        """One exchange, tried twice within ``CALL_TIMEOUT_S``: a kept-alive connection may have
        gone since. All commands may be repeated; a node that acted twice says so.

        Raises ``NodeCallError``.
        """
        url = f"http://{address}{path}"
        content = None if body is None else json.dumps(body).encode()
        assert self._opening is not None, "to be used as a context manager"
        http = await asyncio.shield(self._opening)
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                try:
                    return await self._exchange(http, method, url, content)
                except http.UNCONNECTED:
                    return await self._exchange(http, method, url, content)
                except http.DISCONNECTED:
                    return replace(await self._exchange(http, method, url, content), repeated=True)
        except http.ERRORS as error:
            raise NodeCallError(http.explain(error)) from error
        except TimeoutError as error:
            raise NodeCallError(f"no answer within {CALL_TIMEOUT_S:g} s") from error

    async def _exchange(self, http: "NodeHttp", method: str, url: str, body: bytes | None) -> Reply:
        sent_ms = self._clock.now_us() / 1000
        sent = self._clock.monotonic()
        status, content = await http.request(method, url, body)
        received_ms = sent_ms + (self._clock.monotonic() - sent) * 1000
        envelope = parse_envelope(status, content)
        error = None if envelope.success else (envelope.error or "refused without a reason")
        exchange = _timed(envelope, sent, sent_ms, received_ms)
        return Reply(envelope.data or {}, error, exchange, node_id=envelope.node_id)


def _timed(envelope: Envelope, at_s: float, sent_ms: float, received_ms: float) -> Exchange:
    """Our own node stamps receipt and answer in microseconds, a plain one the answer in ms."""
    received_us, sent_us = envelope.received_at_us, envelope.sent_at_us
    if received_us is not None and sent_us is not None:
        return Exchange(at_s, sent_ms, received_us / 1000, sent_us / 1000, received_ms)
    stamp = float(envelope.ts)
    return Exchange(at_s, sent_ms, stamp, stamp, received_ms, COARSE_STAMP_MS)


async def _open_http() -> "NodeHttp":
    module = await asyncio.to_thread(importlib.import_module, "ctlr.nodes.node_http")
    http: NodeHttp = module.NodeHttp()
    return http


def parse_envelope(status: int, content: bytes) -> Envelope:
    try:
        return Envelope.model_validate_json(content)
    except ValidationError as error:
        raise NodeCallError(f"answered what no camera node says (HTTP {status})") from error


def parse_leniently(model: type[_Model], data: Mapping[str, Any]) -> _Model:
    """Parse a node's data, leaving out optional fields that have the wrong type.

    Raises ``NodeCallError`` when a required field is missing or wrong.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        bad = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
    try:
        return model.model_validate({key: value for key, value in data.items() if key not in bad})
    except ValidationError as error:
        field = error.errors()[0]["loc"]
        raise NodeCallError(f"answered without a usable {'.'.join(map(str, field))}") from error
