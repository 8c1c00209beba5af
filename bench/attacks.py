"""A camera and a controller under attack, beside the same ones left alone.

For each attack of ``tests.attackers``: how long a start takes at a camera's port and at a controller's,
as a ratio to the same without the attack in the same minute (goal: at most 2x), the processor that
the attack costs the attacked process, and what a recording of a few seconds has lost (goal: no
frame). Everything is on this machine, and the attacker takes a core for itself: on a rig the network
lies between.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from bench.paired import machine
from rich.console import Console
from rich.table import Table
from tests.attackers import ON_A_CONTROLLER, ON_BOTH, attacking

from ctlr.kernel.ids import new_session_id
from ctlr.simulator.rig import Rig
from ctlr.simulator.story import ask, wait_until_ready

CAMERA = "cam-1"
ROUNDS, STARTS, RECORD_S = 2, 3, 4.0
SMALL = {"camera": {"width": 640, "height": 360, "fps": 15, "segment_s": 2}}
QUICK = {"start_delay_ms": 500}

Start = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Taken:
    """Of one spell: seconds for each start, share of a core, frames that were dropped."""

    starts_s: list[float]
    cpu: float
    dropped: int


async def start_at_controller(rig: Rig) -> None:
    await ask(rig.http, "POST", f"/api/record/start?uuid={new_session_id()}")


async def start_at_camera(rig: Rig) -> None:
    body = {"uuid": new_session_id(), "start_at": time.time_ns() // 1_000_000 + 3000}
    url = f"{rig.places.camera_url(CAMERA)}/record/start"
    async with rig.http.post(url, json=body) as answer:
        assert (await answer.json())["success"]


async def stop_at_camera(rig: Rig) -> None:
    async with rig.http.post(f"{rig.places.camera_url(CAMERA)}/record/stop") as answer:
        await answer.read()


async def stop_at_controller(rig: Rig) -> None:
    await ask(rig.http, "POST", "/api/record/stop")


async def spell(rig: Rig, role: str) -> Taken:
    """Start and stop a few times, the last for ``RECORD_S``."""
    child = rig.controller if role == "controller" else rig.camera(CAMERA)
    start, stop = (
        (start_at_controller, stop_at_controller)
        if role == "controller"
        else (start_at_camera, stop_at_camera)
    )
    process = psutil.Process(child.pid)
    times, began, cpu = [], time.perf_counter(), sum(process.cpu_times()[:2])
    for number in range(STARTS):
        asked = time.perf_counter()
        await start(rig)
        times.append(time.perf_counter() - asked)
        await asyncio.sleep(RECORD_S if number == STARTS - 1 else 1.0)
        status = await camera_status(rig)
        await stop(rig)
        await until_idle(rig)
    used = (sum(process.cpu_times()[:2]) - cpu) / (time.perf_counter() - began)
    return Taken(times, used, status["dropped"])


async def camera_status(rig: Rig) -> Any:
    async with rig.http.get(f"{rig.places.camera_url(CAMERA)}/status") as answer:
        return (await answer.json())["data"]


async def until_idle(rig: Rig) -> None:
    while (await camera_status(rig))["state"] != "idle":  # noqa: ASYNC110 - it tells when it is asked
        await asyncio.sleep(0.05)


async def compare(rig: Rig, role: str, kind: str) -> tuple[list[Taken], list[Taken]]:
    port = rig.places.api_port if role == "controller" else rig.places.camera_ports[CAMERA]
    quiet, attacked = [], []
    for _ in range(ROUNDS):
        quiet.append(await spell(rig, role))
        with attacking(kind, role, port):
            attacked.append(await spell(rig, role))
    return quiet, attacked


def row(role: str, kind: str, quiet: list[Taken], attacked: list[Taken]) -> list[str]:
    def median_ms(taken: list[Taken]) -> float:
        return 1000 * statistics.median(each for one in taken for each in one.starts_s)

    alone, under = median_ms(quiet), median_ms(attacked)
    longest = 1000 * max(each for one in attacked for each in one.starts_s)
    cpu = statistics.mean(one.cpu for one in attacked) - statistics.mean(one.cpu for one in quiet)
    dropped = f"{sum(t.dropped for t in attacked)} ({sum(t.dropped for t in quiet)})"
    times = [f"{alone:.0f} ms", f"{under:.0f} ms", f"{under / alone:.2f}x", f"{longest:.0f} ms"]
    return [role, kind.replace("_", " "), *times, f"{100 * cpu:.0f} %", dropped]


async def measure(folder: Path, wanted: list[str]) -> Table:
    table = Table(title="A start while strangers attack", title_justify="left")
    for heading in ("", "attack", "alone", "attacked", "ratio", "longest", "CPU more", "dropped"):
        table.add_column(heading)
    async with Rig(folder, [CAMERA], on_controller=QUICK, on_cameras=SMALL) as rig:
        await wait_until_ready(rig.http)
        for role, attacks in (
            ("camera", ON_BOTH),
            ("controller", (*ON_BOTH, *ON_A_CONTROLLER)),
        ):
            for kind in [attack.__name__ for attack in attacks]:
                if not wanted or kind in wanted:
                    table.add_row(*row(role, kind, *await compare(rig, role, kind)))
    return table


def main() -> None:
    console = Console(width=110)
    console.print(machine(), style="dim", highlight=False)
    with tempfile.TemporaryDirectory(prefix="ctlr-bench-") as folder:
        try:
            console.print(asyncio.run(measure(Path(folder), sys.argv[1:])))
        except aiohttp.ClientError as error:
            raise SystemExit(f"the rig gave no answer: {error!r}") from error


if __name__ == "__main__":
    main()
