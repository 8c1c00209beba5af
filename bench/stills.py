"""What looking at the cameras costs, at the nodes and at the controller, and that no frame is lost for it.

A whole rig of three cameras, 1280x720 at 30 frames a second, all on this machine. A session is
recorded without anybody who looks, and one while twenty look at all three as their pages do: each
asks again when it has been answered and a second has passed. CPU is that of the process and of the
program that makes stills, apart. Frames are counted in the joined videos. Then one camera is aimed
with while nothing is recorded.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from bench.paired import machine
from rich.console import Console
from rich.table import Table

from ctlr.kernel.ids import new_session_id
from ctlr.simulator.rig import Rig
from ctlr.simulator.story import read_manifest, record, wait_until_processed, wait_until_ready

CAMERAS = ("cam-1", "cam-2", "cam-3")
SECONDS = 20.0
AIM_S = 8.0
PHONES = 20


class Spent:
    """CPU seconds of processes and of their children that make stills, since it was made."""

    def __init__(self, pids: list[int]) -> None:
        self._began = time.perf_counter()
        self._processes = [psutil.Process(pid) for pid in pids]
        self._before = self._own(), self._stills()

    def shares(self) -> tuple[float, float]:
        """Of one core, per process: its own and its programs'."""
        took = (time.perf_counter() - self._began) * len(self._processes)
        own, stills = self._own(), self._stills()
        return (own - self._before[0]) / took, max(0.0, stills - self._before[1]) / took

    def _own(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in self._processes)

    def _stills(self) -> float:
        found = [child for process in self._processes for child in process.children()]
        programs = [child for child in found if "stills.program" in " ".join(child.cmdline())]
        return sum(sum(child.cpu_times()[:2]) for child in programs)


async def main() -> None:
    console = Console(width=110)
    console.print(machine(), style="dim", highlight=False)
    table = Table(title=f"{SECONDS:g} s of three cameras, CPU of one core", title_justify="left")
    for heading in ("", "node", "its stills", "controller", "stills", "frames", "lost"):
        table.add_column(heading, justify="right" if heading else "left")
    with tempfile.TemporaryDirectory(prefix="ctlr-bench-") as folder:
        async with Rig(Path(folder) / "rig", CAMERAS) as rig:
            await wait_until_ready(rig.http)
            for phones in (0, PHONES):
                table.add_row(f"{phones} phones look", *await recorded(rig, phones))
            console.print(table)
            console.print(await aimed(rig))


async def recorded(rig: Rig, phones: int) -> list[str]:
    nodes = [rig.camera(name).pid for name in CAMERAS]
    uuid = new_session_id()
    spent: list[Spent] = []

    def on_status(_status: Any) -> None:
        if not spent:
            spent.extend((Spent(nodes), Spent([rig.controller.pid])))

    async with looking(rig, phones) as stills:
        await record(rig.http, uuid, SECONDS, on_status)
        (node, program), (controller, _) = (one.shares() for one in spent)
    folder = await wait_until_processed(rig.http, uuid, rig.places.sync, set(), lambda _: None)
    sources = [read_manifest(folder)["sources"][name] for name in CAMERAS]
    frames, lost = sum(s["frames"] for s in sources), sum(s["dropped"] for s in sources)
    shares = [f"{share:.1%}" for share in (node, program, controller)]
    return [*shares, str(len(stills)), str(frames), str(lost)]


@asynccontextmanager
async def looking(rig: Rig, phones: int) -> AsyncIterator[set[tuple[str, str]]]:
    """Yields the stills that were seen, each once: camera and tag."""
    seen: set[tuple[str, str]] = set()

    async def look(camera: str) -> None:
        tag = ""
        while True:
            path = f"/api/nodes/{camera}/preview.jpg"
            async with rig.http.get(path, headers={"If-None-Match": tag}) as answer:
                await answer.read()
                tag = answer.headers.get("ETag", tag)
                if answer.status == 200:
                    seen.add((camera, tag))
            await asyncio.sleep(1)

    tasks = [asyncio.create_task(look(name)) for name in CAMERAS for _ in range(phones)]
    try:
        yield seen
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def aimed(rig: Rig) -> str:
    camera = CAMERAS[0]
    path = f"/api/nodes/{camera}/preview.jpg?aim=true"
    await until_shown(rig.http, path)
    spent, tags, bytes_seen = Spent([rig.camera(camera).pid]), set(), 0
    began = time.perf_counter()
    while time.perf_counter() < began + AIM_S:
        async with rig.http.get(path) as answer:
            bytes_seen = max(bytes_seen, len(await answer.read()))
            tags.add(answer.headers.get("ETag"))
    own, program = spent.shares()
    return (
        f"aiming with one camera: {len(tags) / AIM_S:.1f} stills a second of up to "
        f"{bytes_seen // 1024} KiB, {own:.1%} of a core at the node and {program:.1%} in its program"
    )


async def until_shown(http: aiohttp.ClientSession, path: str) -> None:
    async with asyncio.timeout(30):
        while True:
            async with http.get(path) as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    asyncio.run(main())
