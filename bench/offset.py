"""The estimate of a node's clock against the offset that was really injected.

Each run is one node with a clock shifted by an amount of its own, asked ``POLLS`` times by the
product's ``Fleet`` through a proxy that delays each way by so much and a random part more. The
reference is the shift itself. Goal: the error within the stated uncertainty in at least 95 of
100 runs, and below 1 ms on loopback.
"""

import asyncio
import json
import logging
import random
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from bench.paired import machine, percentile
from rich.console import Console
from rich.table import Table

from ctlr.config import NodeAddress
from ctlr.kernel.clock import SystemClock
from ctlr.nodes.client import NodeClient
from ctlr.nodes.fleet import Fleet

HOST = "127.0.0.1"
RUNS = 100
POLLS = 10
AT_ONCE = 10
SEED = 1


@dataclass(frozen=True)
class Way:
    """Delays in ms; the random part is exponential, as that of a busy Wi-Fi is."""

    name: str
    there_ms: float = 0.0
    back_ms: float = 0.0
    jitter_ms: float = 0.0


WAYS = (
    Way("loopback"),
    Way("5 ms each way", 5, 5),
    Way("5 ms each way, jitter 5 ms", 5, 5, 5),
    Way("2 ms there, 30 ms back", 2, 30),
    Way("30 ms there, 2 ms back, jitter 5 ms", 30, 2, 5),
)


@dataclass(frozen=True)
class Run:
    error_ms: float
    uncertainty_ms: float


class ShiftedNode:
    """Answers every request with a status; ours stamps in microseconds, a plain one in ms."""

    def __init__(self, shift_us: int, *, ours: bool) -> None:
        self._shift_us = shift_us
        self._ours = ours

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(self._now_us()))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, received_us: int) -> bytes:
        envelope = {"success": True, "node_id": "cam", "data": {"state": "idle"}, "error": None}
        sent_us = self._now_us()
        envelope["ts"] = sent_us // 1000
        if self._ours:
            envelope |= {"received_at_us": received_us, "sent_at_us": sent_us}
        body = json.dumps(envelope).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    def _now_us(self) -> int:
        return time.time_ns() // 1000 + self._shift_us


class DelayingProxy:
    """Passes bytes on, in order, each piece as late as the way says."""

    def __init__(self, port: int, way: Way, chance: random.Random) -> None:
        self._port = port
        self._way = way
        self._chance = chance

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(HOST, self._port)
        await asyncio.gather(
            self._pass(reader, far_writer, self._way.there_ms),
            self._pass(far_reader, writer, self._way.back_ms),
        )

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_ms: float
    ) -> None:
        while piece := await reader.read(65536):
            extra_ms = self._chance.expovariate(1) * self._way.jitter_ms
            await asyncio.sleep((delay_ms + extra_ms) / 1000)
            writer.write(piece)
        writer.close()


@asynccontextmanager
async def reachable(node: ShiftedNode, way: Way, chance: random.Random) -> AsyncIterator[int]:
    """The port at which a node answers; through the proxy unless nothing is delayed."""
    server = await asyncio.start_server(node.serve, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        if way.there_ms + way.back_ms == 0:
            yield port
            return
        proxy = await asyncio.start_server(DelayingProxy(port, way, chance).serve, HOST, 0)
        async with proxy:
            yield proxy.sockets[0].getsockname()[1]


async def run(way: Way, chance: random.Random, *, ours: bool) -> Run:
    shift_us = chance.randint(-10_000_000, 10_000_000)
    clock = SystemClock()
    async with (
        reachable(ShiftedNode(shift_us, ours=ours), way, chance) as port,
        NodeClient(clock) as client,
    ):
        fleet = Fleet([NodeAddress(name="cam", address=f"{HOST}:{port}")], client, clock)
        for _ in range(POLLS):
            view = await fleet.poll("cam")
    assert view.clock is not None, view.error
    return Run(abs(view.clock.offset_ms - shift_us / 1000), view.clock.uncertainty_ms)


async def measure(way: Way, *, ours: bool) -> list[Run]:
    chance = random.Random(SEED)
    at_once = 1 if way.there_ms + way.back_ms == 0 else AT_ONCE  # a delay leaves the CPU idle
    runs: list[Run] = []
    while len(runs) < RUNS:
        runs += await asyncio.gather(*(run(way, chance, ours=ours) for _ in range(at_once)))
    return runs


def main() -> None:
    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=quiet)
    table = Table(title=f"Clock offset after {POLLS} polls, {RUNS} runs", title_justify="left")
    for heading in ("", "within", "error p50", "p95", "worst", "stated p50"):
        table.add_column(heading, justify="right" if heading else "left")
    for ours in (True, False):
        for way in WAYS:
            runs = asyncio.run(measure(way, ours=ours))
            errors = [found.error_ms for found in runs]
            within = sum(found.error_ms <= found.uncertainty_ms for found in runs)
            table.add_row(
                f"{'our node' if ours else 'plain node'}, {way.name}",
                f"{within} of {RUNS}",
                *(f"{percentile(errors, percent):.3f} ms" for percent in (50, 95, 100)),
                f"{statistics.median(found.uncertainty_ms for found in runs):.3f} ms",
            )
    console = Console(width=110)
    console.print(machine(), style="dim", highlight=False)
    console.print(table)


if __name__ == "__main__":
    main()
