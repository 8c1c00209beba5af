"""From the last segment's arrival to ``manifest.json``: the whole product path.

A real controller (``ctlr serve``) has a session of three cameras at 6 Mbit/s in segments of 10 s,
with frame times and clock samples, that is stopped but for its last segments. Its worker has
joined the rest. Then the last segment of each camera arrives, each camera reports it, and the
clock runs until the session's folder has its manifest. The same for a short and a long
recording, in turn: the ratio says whether the length matters.

Also shown: CPU time of the worker per second of recording, the bytes that it wrote per byte
recorded, and its peak memory.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
from bench.join_segments import make_distinct, repeat
from bench.paired import machine

from ctlr.layout.raw import frames_name, segment_name
from ctlr.postprocess.run.follow import COMPARE_INTERVAL_S
from ctlr.sessions.model import ClockSample, SessionState
from ctlr.sessions.store import SessionStore
from ctlr.simulator.places import to_toml
from ctlr.simulator.ports import claim_port

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
CAMERAS = ("cam-01", "cam-02", "cam-03")
SEGMENT_S, KBPS, FPS = 10, 6000, 30
PERIOD_US = 33_333
START_MS = 1_776_313_714_000
DEADLINE_S = 240.0


@dataclass(frozen=True)
class Finish:
    """One run: seconds to the manifest, and what the worker had used until the last segment."""

    ready_s: float
    cpu_s: float
    written: float
    peak_mib: float


def arrive(distinct: Path, logging: Path, numbers: range) -> None:
    for camera in CAMERAS:
        folder = logging / camera / UUID
        folder.mkdir(parents=True, exist_ok=True)
        for number in numbers:
            first = number * SEGMENT_S * FPS
            rows = (
                f"{n},{n * PERIOD_US},{START_MS * 1000 + n * PERIOD_US}\n"
                for n in range(first, first + SEGMENT_S * FPS)
            )
            text = "frame,pts_us,captured_at_us\n" + "".join(rows)
            (folder / f"seg_{number:04d}.frames.csv").write_text(text)
        repeat(distinct, folder, numbers)


async def keep_record(database: Path, minutes: int) -> None:
    """What the controller knows of the session: with clocks, so that it is certified too."""
    store = await SessionStore.open(database)
    await store.create(
        UUID,
        SessionState.COLLECTING,
        created_at_ms=START_MS,
        start_at_ms=START_MS,
        node_names=list(CAMERAS),
    )
    await store.change(UUID, stopped_at_ms=START_MS + minutes * 60_000)
    told = {"started": True, "start_at_ms": START_MS, "stop_acknowledged": True}
    await store.change_nodes(UUID, dict.fromkeys(CAMERAS, told))
    for at_ms in range(START_MS, START_MS + minutes * 60_000 + 1, 10_000):
        await store.add_clock_samples(UUID, dict.fromkeys(CAMERAS, ClockSample(at_ms, 0.1, 0.3)))
    await store.close()


class Controller:
    """``ctlr serve`` below a folder, and the way to talk to it."""

    def __init__(self, root: Path) -> None:
        self.logging, self.sync = root / "logging", root / "sync"
        self.database, self._config = root / "ctlr.db", root / "ctlr.toml"
        self.sync.mkdir(parents=True)
        self.logging.mkdir()
        self._claim = claim_port()
        self.url = f"http://127.0.0.1:{self._claim.number}"
        storage = {"logging": str(self.logging), "sync": str(self.sync), "require_mounts": False}
        settings = {
            "api": {"host": "127.0.0.1", "port": self._claim.number},
            "storage": storage,
            "database": {"path": str(self.database)},
            "mqtt": {"host": "127.0.0.1", "port": 9, "spool": str(root / "mqtt.db")},
            "discovery": {"enabled": False},
        }
        self._config.write_text(to_toml(settings))

    @contextmanager
    def running(self) -> Iterator[psutil.Process]:
        """The process, from its first answer on."""
        command = [sys.executable, "-m", "ctlr", "--config", str(self._config), "serve"]
        with open(self._config.with_suffix(".log"), "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
            try:
                wait_until(self._answers)
                yield psutil.Process(process.pid)
            finally:
                process.terminate()
                process.wait()
                self._claim.release()

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/health"):
                return True
        except OSError:
            return False

    def report(self, camera: str, segments: int, asks: list[str] | None = None) -> int:
        """Say as ``camera`` that it has sent so many of its segments: all, if it ``asks`` about
        the last ones. Returns how many files the controller lists as durable."""
        complete = asks is not None
        told = {
            "camera": camera,
            "status": "ok" if complete else "syncing",
            "files": segments,
            "remaining": 0 if complete else 1,
            "uuid": UUID,
            "segments_total": segments if complete else segments + 1,
            "complete": complete,
            "asks": asks,
        }
        headers = {"content-type": "application/json"}
        request = Request(f"{self.url}/api/sync/report", json.dumps(told).encode(), headers)
        with urlopen(request) as answer:
            return len(json.load(answer)["durable"])


def wait_until(is_so: Callable[[], bool], look_every_s: float = 0.05) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(look_every_s)


def find_worker(controller: psutil.Process) -> psutil.Process:
    """The child that follows the session."""
    (found,) = (child for child in controller.children() if "follow" in child.cmdline())
    return found


def finish(root: Path, distinct: Path, minutes: int) -> Finish:
    """Let a recording arrive, have it followed, and time the end."""
    controller, count = Controller(root), minutes * 60 // SEGMENT_S
    asyncio.run(keep_record(controller.database, minutes))
    arrive(distinct, controller.logging, range(count - 1))
    recorded = sum(path.stat().st_size for path in controller.logging.rglob("*.mp4"))
    growing = controller.sync / f".tmp-{UUID}" / "out"
    manifest = controller.sync / UUID / "manifest.json"

    def is_joined() -> bool:
        return sum(path.stat().st_size for path in growing.glob("*.mp4")) > 0.99 * recorded

    def is_durable() -> bool:
        held = [controller.report(camera, count - 1) for camera in CAMERAS]
        return min(held) == 2 * (count - 1)

    with controller.running() as process:
        wait_until(is_durable)
        wait_until(is_joined)
        time.sleep(COMPARE_INTERVAL_S + 5)  # and compared
        worker = find_worker(process)
        used, moved, peak = worker.cpu_times(), worker.io_counters(), worker.memory_info().rss
        os.sync()
        arrive(distinct, controller.logging, range(count - 1, count))
        last = [segment_name(count - 1), frames_name(count - 1)]
        began = time.perf_counter()
        with ThreadPoolExecutor(len(CAMERAS)) as cameras:
            for camera in CAMERAS:
                cameras.submit(controller.report, camera, count, last)
            wait_until(manifest.exists, look_every_s=0.002)
            ready_s = time.perf_counter() - began
    cpu_s = used.user + used.system
    return Finish(ready_s, cpu_s, moved.write_bytes / recorded, peak / 2**20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", type=int, default=10, help="minutes")
    parser.add_argument("--long", type=int, default=60, help="minutes")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    runs: dict[int, list[Finish]] = {options.short: [], options.long: []}
    print(machine())
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        distinct = Path(name) / "distinct"
        make_distinct(distinct, seconds=SEGMENT_S, kbps=KBPS, size="640x360", fragmented=True)
        for number in range(options.rounds):
            for minutes, made in runs.items():
                with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
                    run = finish(Path(folder), distinct, minutes)
                made.append(run)
                print(
                    f"{number + 1}: {minutes:3d} min, three cameras: ready {run.ready_s:.3f} s after "
                    f"the last segment; worker {100 * run.cpu_s / (minutes * 60):.2f} % of a core, "
                    f"{run.written:.4f} bytes written a byte recorded, {run.peak_mib:.0f} MiB"
                )
    short, longer = (statistics.median(run.ready_s for run in made) for made in runs.values())
    print(
        f"medians: {options.short} min {short:.3f} s, {options.long} min {longer:.3f} s; "
        f"the long one takes {longer / short:.2f} times as long"
    )


if __name__ == "__main__":
    main()
