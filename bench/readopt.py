"""From the SIGKILL of the controller in the middle of a recording to the session re-adopted.

A whole rig of real processes records one session; again and again the controller is killed and
started. What counts is how long after the process was started, and after its first answer, the
status names the session as recording with every camera in it. Goal: 3 s after it is back.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from bench.paired import machine
from rich.console import Console
from rich.table import Table

from ctlr.kernel.ids import new_session_id
from ctlr.simulator.rig import Rig
from ctlr.simulator.story import ask, wait_until_ready

RUNS = 7
AWAY_S = 1.0
LOOK_EVERY_S = 0.02
DEADLINE_S = 30.0
SMALL = {"camera": {"width": 640, "height": 360, "segment_s": 2}}


async def is_readopted(rig: Rig, uuid: str) -> bool:
    status = await ask(rig.http, "GET", "/api/status")
    states = [camera["state"] for camera in status["cameras"]]
    return status["recording"] and status["uuid"] == uuid and set(states) == {"recording"}


async def readopt(rig: Rig, uuid: str) -> tuple[float, float]:
    """Seconds from the start of the process, and from its first answer."""
    await rig.controller.kill()
    await asyncio.sleep(AWAY_S)
    began = time.perf_counter()
    await rig.controller.start()
    answered = time.perf_counter()
    async with asyncio.timeout(DEADLINE_S):
        while not await is_readopted(rig, uuid):  # noqa: ASYNC110 - shows only when asked
            await asyncio.sleep(LOOK_EVERY_S)
    done = time.perf_counter()
    return done - began, done - answered


async def measure() -> list[tuple[float, float]]:
    with tempfile.TemporaryDirectory(prefix="ctlr-bench-") as folder:
        async with Rig(Path(folder), on_cameras=SMALL) as rig:
            await wait_until_ready(rig.http)
            uuid = new_session_id()
            await ask(rig.http, "POST", f"/api/record/start?uuid={uuid}")
            await asyncio.sleep(5)  # the start's delay and the first frames
            runs = [await readopt(rig, uuid) for _ in range(RUNS)]
            await ask(rig.http, "POST", f"/api/record/stop?uuid={uuid}")
            return runs


def main() -> None:
    runs = asyncio.run(measure())
    title = f"Until the session is re-adopted with three cameras, {RUNS} kills"
    table = Table(title=title, title_justify="left")
    for heading in ("", "median", "worst"):
        table.add_column(heading, justify="right" if heading else "left")
    for which, name in enumerate(("after the process was started", "after its first answer")):
        times = [run[which] for run in runs]
        table.add_row(name, f"{statistics.median(times):.2f} s", f"{max(times):.2f} s")
    console = Console(width=110)
    console.print(machine(), style="dim", highlight=False)
    console.print(table)


if __name__ == "__main__":
    main()
