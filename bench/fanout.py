"""From a start to "all cameras acknowledged", beside the same fan-out over raw asyncio streams.

The product's way is ``Fleet.start_recording``; the reference writes the same request and reads
the same answer with nothing in between. Both run in turn in one process against nodes in
another, which do as little as can be, so that what is measured is the asking side. Goal: at
most 2.5x of raw with new connections, at 3 and at 32 nodes.

Below the table: how long a start takes when one camera takes the connection and never answers
(goal: 1.8 s), and the CPU that it takes to ask 256 nodes for their status at the product's
interval, as a share of one core of this machine.
"""

import asyncio
import json
import logging
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

import structlog
from bench.paired import machine, percentile
from rich.console import Console
from rich.table import Table

from ctlr.config import NodeAddress
from ctlr.kernel.clock import SystemClock
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.nodes.client import NodeClient
from ctlr.nodes.fleet import POLL_INTERVAL_S, Fleet

HOST = "127.0.0.1"
UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
START_AT_MS = 1_776_313_714_000
ROUNDS = {3: 300, 32: 100, 256: 30}
WARM_UP = 10
POLLED, SETTLING_S, POLLING_S = 256, 3.0, 20.0
SILENT_ROUNDS = 5

Way = Callable[[], Awaitable[None]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class AnsweringNode(asyncio.Protocol):
    """Acknowledges whatever comes; closes the connection afterwards if told to."""

    def __init__(self, *, close: bool) -> None:
        self._close = close
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        _, _, length = head.lower().partition(b"content-length:")
        if not end or len(body) < int((length.split() or [b"0"])[0]):
            return
        self._received = b""
        self._transport.write(_answer(close=self._close))
        if self._close:
            self._transport.close()


def _answer(*, close: bool) -> bytes:
    now_ms = time.time_ns() // 1_000_000
    data = {"uuid": UUID, "start_at": START_AT_MS, "state": "idle"}
    envelope = {"success": True, "node_id": "cam", "ts": now_ms, "data": data, "error": None}
    body = json.dumps(envelope).encode()
    ending = b"Connection: close\r\n" if close else b""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n"
    return head % (ending, len(body)) + body


async def serve(count: int, *, close: bool) -> None:
    """Nodes on free ports, printed on one line, until the standard input ends."""
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(lambda: AnsweringNode(close=close), HOST, 0) for _ in range(count)
    ]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.to_thread(sys.stdin.read)


class RawFanOut:
    """The reference. Keeps its connections for as long as the nodes do."""

    def __init__(self, nodes: list[NodeAddress]) -> None:
        self._open: dict[str, Streams] = {}
        self._nodes = nodes

    async def start_all(self) -> None:
        await asyncio.gather(*(self._start(node.address) for node in self._nodes))

    async def _start(self, address: str) -> None:
        reader, writer = self._open.get(address) or await self._connect(address)
        body = json.dumps({"uuid": UUID, "start_at": START_AT_MS}).encode()
        writer.write(
            b"POST /record/start HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (address.encode(), len(body), body)
        )
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:")[1].split()[0])
        assert json.loads(await reader.readexactly(length))["success"]
        if b"connection: close" in head:
            del self._open[address]
            writer.close()

    async def _connect(self, address: str) -> Streams:
        host, _, port = address.partition(":")
        self._open[address] = await asyncio.open_connection(host, int(port))
        return self._open[address]

    def close(self) -> None:
        for _, writer in self._open.values():
            writer.close()


async def seconds(way: Way) -> float:
    began = time.perf_counter()
    await way()
    return time.perf_counter() - began


def addresses(ports: list[int]) -> list[NodeAddress]:
    return [
        NodeAddress(name=f"cam-{number}", address=f"{HOST}:{port}")
        for number, port in enumerate(ports)
    ]


async def measure(ports: list[int], rounds: int) -> list[tuple[float, float]]:
    """Pairs of seconds: ours and raw, the order alternating."""
    nodes = addresses(ports)
    clock, raw, pairs = SystemClock(), RawFanOut(nodes), []
    async with NodeClient(clock) as client:
        fleet = Fleet(nodes, client, clock)

        async def ours() -> None:
            results = await fleet.start_recording(fleet.names, UUID, START_AT_MS)
            assert all(result.acknowledged for result in results.values()), results

        for number in range(-WARM_UP, rounds):
            if number % 2:
                pair = await seconds(ours), await seconds(raw.start_all)
            else:
                reference = await seconds(raw.start_all)
                pair = await seconds(ours), reference
            if number >= 0:
                pairs.append(pair)
    raw.close()
    return pairs


async def start_with_a_silent_one(ports: list[int]) -> list[float]:
    """Seconds of starts in which one more camera takes the connection and stays silent."""
    with socket.create_server((HOST, 0)) as silent:  # the kernel accepts, nobody reads
        nodes = addresses([*ports, silent.getsockname()[1]])
        async with NodeClient(SystemClock()) as client:
            fleet = Fleet(nodes, client, SystemClock())

            async def start() -> None:
                results = await fleet.start_recording(fleet.names, UUID, START_AT_MS)
                assert [r.acknowledged for r in results.values()].count(False) == 1

            return [await seconds(start) for _ in range(SILENT_ROUNDS)]


async def poll_share(ports: list[int]) -> float:
    """CPU seconds per second of asking all nodes for their status."""
    clock = SystemClock()
    tasks = BackgroundTasks(lambda: None)
    async with NodeClient(clock) as client:
        fleet = Fleet(addresses(ports), client, clock)
        fleet.start_polling(tasks)
        await asyncio.sleep(SETTLING_S)  # a node that has just come is asked more often
        began, used = time.perf_counter(), time.process_time()
        await asyncio.sleep(POLLING_S)
        share = (time.process_time() - used) / (time.perf_counter() - began)
        assert all(view.connected for view in fleet.views())
        await tasks.close()
    return share


@contextmanager
def nodes_in_a_process(count: int, *, close: bool) -> Iterator[list[int]]:
    """The ports of that many nodes."""
    command = [sys.executable, "-m", "bench.fanout", str(count), "close" if close else "keep"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        yield [int(port) for port in child.stdout.readline().split()]
    finally:
        child.communicate()


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    table = Table(title="A start until all cameras acknowledged", title_justify="left")
    for heading in ("", "p50", "p99", "raw p50", "raw p99", "ratio"):
        table.add_column(heading, justify="right" if heading else "left")
    for close in (True, False):
        for count, rounds in ROUNDS.items():
            with nodes_in_a_process(count, close=close) as ports:
                pairs = asyncio.run(measure(ports, rounds))
            figures = [
                f"{percentile([pair[which] for pair in pairs], percent) * 1000:.2f} ms"
                for which in (0, 1)
                for percent in (50, 99)
            ]
            ratio = statistics.median(ours / raw for ours, raw in pairs)
            kind = "new connections" if close else "kept alive"
            table.add_row(f"{count} cameras, {kind}", *figures, f"{ratio:.2f}x")
    console = Console(width=110)
    console.print(machine(), style="dim", highlight=False)
    console.print(table)
    with nodes_in_a_process(3, close=True) as ports:
        worst = max(asyncio.run(start_with_a_silent_one(ports)))
    console.print(f"3 cameras and one that never answers: told after {worst:.2f} s at worst")
    for close in (True, False):
        with nodes_in_a_process(POLLED, close=close) as ports:
            share = asyncio.run(poll_share(ports))
        kind = "new connections" if close else "kept alive"
        every = f"{POLLED} cameras asked every {POLL_INTERVAL_S:g} s"
        console.print(f"{every}, {kind}: {share:.1%} of a core")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with suppress(KeyboardInterrupt):
            asyncio.run(serve(int(sys.argv[1]), close=sys.argv[2] == "close"))
    else:
        main()
