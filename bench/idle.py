"""``ctlr serve`` when nothing happens: memory, CPU, and how soon it answers.

Goal: PSS at most 90 MB and CPU at most 1 % of a core with three idle cameras; the first
``/health`` at most 2x as late as that of a FastAPI app with one route.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from bench.paired import Sample, compare, show
from rich.console import Console

from ctlr.simulator.places import HOST, Places, controller_settings, to_toml
from ctlr.simulator.ports import claim_port
from ctlr.simulator.rig import Rig
from ctlr.simulator.story import wait_until_ready

IDLE_S = 30.0
ONE_ROUTE = """
import sys, uvicorn
from fastapi import FastAPI
app = FastAPI()

@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


_COMPILED = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / f"ctlr-bench-pyc-{os.getpid()}"),
}
"""Both servers find their modules compiled, as on a machine where they ran before."""


def until_health(command: Sequence[str], port: int) -> Sample:
    """Start a server, wait for its first answer, end it."""
    began = time.perf_counter()
    server = subprocess.Popen(
        command, env=_COMPILED, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not _answers(port):
            if server.poll() is not None or time.perf_counter() - began > 30:
                raise RuntimeError(f"no answer from {command}")
            time.sleep(0.002)
        wall_s = time.perf_counter() - began
        used = psutil.Process(server.pid)
        cpu_s = sum(used.cpu_times()[:2])
        return Sample(wall_s, cpu_s, used.memory_full_info().pss / 2**20)
    finally:
        server.terminate()
        server.wait()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port)) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def compare_start(folder: Path) -> None:
    claim = claim_port()
    port = claim.number
    places = Places(folder, port, broker_port=1, rsync_port=1, camera_ports={})
    for needed in places.folders():
        needed.mkdir(parents=True, exist_ok=True)
    config = places.config("controller")
    config.write_text(to_toml(controller_settings(places)))
    serve = [sys.executable, "-m", "ctlr", "--config", str(config), "serve"]
    one_route = [sys.executable, "-c", ONE_ROUTE, str(port)]
    pair = compare(lambda: until_health(one_route, port), lambda: until_health(serve, port))
    claim.release()
    show("Until the first /health, beside a FastAPI app with one route", {"ctlr serve": pair})


async def measure_idle(folder: Path) -> None:
    async with Rig(folder) as rig:
        await wait_until_ready(rig.http)
        await asyncio.sleep(5)  # what starting up left to do is not idleness
        controller = psutil.Process(rig.controller.pid)
        before = sum(controller.cpu_times())
        await asyncio.sleep(IDLE_S)
        percent = 100 * (sum(controller.cpu_times()) - before) / IDLE_S
        pss = controller.memory_full_info().pss / 2**20
    Console().print(f"idle with three cameras: {pss:.0f} MiB PSS, {percent:.2f} % of a core")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="ctlr-bench-") as folder:
        compare_start(Path(folder) / "start")
        asyncio.run(measure_idle(Path(folder) / "idle"))
    shutil.rmtree(_COMPILED["PYTHONPYCACHEPREFIX"], ignore_errors=True)


if __name__ == "__main__":
    main()
