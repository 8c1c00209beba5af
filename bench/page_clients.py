"""What twenty open pages cost the controller, and whether a start is slower for them.

A real ``ctlr serve`` with three nodes that answer at once, in a process of their own. The pages are
twenty streams of ``/api/events``, each from an address of its own, in one more process. Three figures:

* CPU of the controller with and without pages, at rest and with a change five times a second (goal:
  at most 10 % of a core more);
* from a start's request to its answer, with and without pages in turn (goal: at most 1.2x);
* from a change on the controller to a page that hears of it (goal with the browser's part: p95 at
  most 500 ms).
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import aiohttp
import psutil
from bench.fanout import nodes_in_a_process
from bench.paired import machine, percentile
from rich.console import Console
from rich.table import Table

from ctlr.kernel.ids import new_session_id
from ctlr.simulator.child import Child
from ctlr.simulator.places import HOST, Places, controller_settings, laid_over, to_toml
from ctlr.simulator.ports import claim_port

PAGES = 20
NODES = 3
SECONDS = 10.0
STARTS = 15
CHANGES = 60
CHANGE_EVERY_S = 0.2


async def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="ctlr-bench-") as folder,
        nodes_in_a_process(NODES, close=False) as ports,
    ):
        async with controller(Path(folder), ports) as (child, url):
            await measure(child, url)


@asynccontextmanager
async def controller(folder: Path, ports: list[int]) -> AsyncIterator[tuple[Child, str]]:
    """``ctlr serve`` with nodes on these ports; yields it once it has seen them all."""
    claim = claim_port()
    cameras = {f"cam-{number}": port for number, port in enumerate(ports)}
    places = Places(folder, claim.number, broker_port=1, rsync_port=1, camera_ports=cameras)
    for needed in places.folders():
        needed.mkdir(parents=True, exist_ok=True)
    config = places.config("controller")
    config.write_text(to_toml(laid_over(controller_settings(places), {})))
    command = [sys.executable, "-m", "ctlr", "--config", str(config), "serve"]
    child = Child("controller", command, places.log("controller"), lambda: answers(places.url))
    await child.start()
    try:
        yield child, places.url
    finally:
        await child.stop()
        claim.release()


async def answers(url: str) -> bool:
    """Whether it answers and sees all its cameras."""
    with suppress(aiohttp.ClientError):
        async with aiohttp.ClientSession(url) as http, http.get("/api/status") as answer:
            return all(camera["connected"] for camera in (await answer.json())["cameras"])
    return False


async def measure(child: Child, url: str) -> None:
    console = Console(width=110)
    console.print(machine(), style="dim", highlight=False)
    async with aiohttp.ClientSession(url) as http:
        table = Table(title="CPU of the controller, of one core", title_justify="left")
        for heading in ("", "no page", f"{PAGES} pages"):
            table.add_column(heading, justify="right" if heading else "left")
        for name, changing in (("at rest", False), ("a change 5 times a second", True)):
            without = await share(child, http, changing=changing)
            with pages(url):
                beside = await share(child, http, changing=changing)
            table.add_row(name, f"{without:.1%}", f"{beside:.1%}")
        console.print(table)
        pairs = [await paired_starts(http, url, number) for number in range(STARTS)]
        ratio = statistics.median(beside / alone for beside, alone in pairs)
        medians = [statistics.median(pair[which] for pair in pairs) * 1000 for which in (1, 0)]
        console.print(
            f"a start until its answer: {medians[0]:.1f} ms without pages, {medians[1]:.1f} ms with "
            f"{PAGES}; {ratio:.2f}x"
        )
        with pages(url):
            delays = await change_to_page(http)
        shown = [f"{percentile(delays, p) * 1000:.0f} ms" for p in (50, 95, 100)]
        console.print(f"from a change to a page: p50 {shown[0]}, p95 {shown[1]}, worst {shown[2]}")


async def share(child: Child, http: aiohttp.ClientSession, *, changing: bool) -> float:
    """CPU seconds per second."""
    process = psutil.Process(child.pid)
    await asyncio.sleep(1)
    began, used = time.perf_counter(), sum(process.cpu_times()[:2])
    number = 0
    while time.perf_counter() < began + SECONDS:
        if changing:
            number += 1
            await change(http, number)
        await asyncio.sleep(CHANGE_EVERY_S)
    return (sum(process.cpu_times()[:2]) - used) / (time.perf_counter() - began)


async def change(http: aiohttp.ClientSession, number: int) -> None:
    """A camera reports, so that the status is another one."""
    report = {"camera": "cam-0", "status": "ok", "remaining": 1000 + number}
    async with http.post("/api/sync/report", json=report) as answer:
        assert answer.status == 200


async def paired_starts(http: aiohttp.ClientSession, url: str, number: int) -> tuple[float, float]:
    """Seconds of a start with pages and without, the order alternating."""
    if number % 2:
        alone = await start(http)
        with pages(url):
            return await start(http), alone
    with pages(url):
        beside = await start(http)
    return beside, await start(http)


async def start(http: aiohttp.ClientSession) -> float:
    await asyncio.sleep(0.5)
    uuid = new_session_id()
    began = time.perf_counter()
    async with http.post(f"/api/record/start?uuid={uuid}") as answer:
        took = time.perf_counter() - began
        assert (await answer.json())["success"]
    async with http.post(f"/api/record/stop?uuid={uuid}") as answer:
        assert answer.status == 200
    return took


async def change_to_page(http: aiohttp.ClientSession) -> list[float]:
    """Seconds from a report until one more page has heard of it."""
    delays = []
    async with http.get("/api/events") as stream:
        for number in range(1, CHANGES + 1):
            before_ms, began = time.time() * 1000, time.perf_counter()
            await change(http, number)
            while await next_last_sync(stream) < int(before_ms):
                pass
            delays.append(time.perf_counter() - began)
            await asyncio.sleep(CHANGE_EVERY_S * (1 + number % 5 / 5))
    return delays


async def next_last_sync(stream: aiohttp.ClientResponse) -> int:
    """When the first camera reported last, by the next status that is told; Unix ms."""
    async for line in stream.content:
        name, _, value = line.partition(b": ")
        if name == b"data" and b'"cameras"' in value:
            at_ms: int = json.loads(value)["cameras"][0]["last_sync"] or 0
            return at_ms
    raise RuntimeError("the controller has ended the stream")


@contextmanager
def pages(url: str) -> Iterator[None]:
    """So many pages are open while the block lasts."""
    command = [sys.executable, "-m", "bench.page_clients", url]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        assert child.stdout.readline().strip() == "open"
        yield
    finally:
        child.communicate()


async def hold_pages(url: str) -> None:
    """Until the standard input ends."""
    opened = [asyncio.Event() for _ in range(PAGES)]
    reading = [asyncio.create_task(read_page(url, n, done)) for n, done in enumerate(opened)]
    await asyncio.gather(*(done.wait() for done in opened))
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)


async def read_page(url: str, number: int, opened: asyncio.Event) -> None:
    """A stream from an address of its own, as each phone has one."""
    connector = aiohttp.TCPConnector(local_addr=(f"127.0.0.{number + 2}", 0))
    timeout = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(url, connector=connector, timeout=timeout) as http,
        http.get("/api/events") as stream,
    ):
        async for _ in stream.content.iter_any():
            opened.set()


if __name__ == "__main__":
    assert HOST == "127.0.0.1"
    asyncio.run(hold_pages(sys.argv[1]) if len(sys.argv) > 1 else main())
