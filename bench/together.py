"""How well three cameras are in step over a minute, read from the pixels, with a join beside them.

One real session: started over the API, delivered by rsync, joined; every frame of the joined
videos is decoded, and the time that its picture shows is held against ``start_at`` and against
the nearest frame of each other camera. All cameras run on this machine, so their clocks are the
same and the pixels tell the truth. Meanwhile joins of 60 segments run one after another in a
process of their own, as nice as the product's; the cameras have their unit's priority where this
user may give it. Goal: median at most half a frame, p99 at most one.

Then the sync certificate's claims beside the truth: they must agree within their uncertainty.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import combinations, pairwise
from pathlib import Path
from statistics import median
from typing import Any

from bench.join_segments import make_distinct, repeat
from bench.paired import machine, percentile
from rich.console import Console
from rich.table import Table

from ctlr.camera.test_picture import read_video_stamps
from ctlr.kernel.ids import new_session_id
from ctlr.postprocess.run.worker import NICE
from ctlr.simulator.findings import video_files
from ctlr.simulator.rig import Rig
from ctlr.simulator.story import read_manifest, record, wait_until_processed, wait_until_ready

CAMERAS = ("cam-1", "cam-2", "cam-3")
UNIT_NICE = "-10"  # packaging/systemd/ctlr-camera.service
SECONDS = 60.0
JOINED_SEGMENTS = 60
BRIDGED = 1.5  # a hole in the other camera's frames is no distance between clocks

Times = Mapping[str, Sequence[int]]
Manifest = Mapping[str, Any]


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="ctlr-bench-") as folder:
        segments = Path(folder) / "segments"
        make_distinct(Path(folder) / "six", seconds=4, kbps=8000, size="1280x720", fragmented=False)
        repeat(Path(folder) / "six", segments, range(JOINED_SEGMENTS))
        async with Rig(Path(folder) / "rig", CAMERAS, through=prioritised()) as rig:
            await wait_until_ready(rig.http)
            async with joining(segments) as joins:
                uuid = new_session_id()
                recorded = await record(rig.http, uuid, SECONDS, lambda _: None)
            sync = rig.places.sync
            session = await wait_until_processed(rig.http, uuid, sync, set(), lambda _: None)
        manifest = read_manifest(session)
        files = video_files(manifest, session, rig.camera_names)
        times = {name: shown_times(file) for name, file in files.items()}
    show(times, recorded.start_at_ms, manifest, len(joins))


def prioritised() -> dict[str, list[str]]:
    """What each camera is run with, as its systemd unit does; nothing without the right to."""
    if os.geteuid() != 0:
        return {}
    return {camera: ["nice", "-n", UNIT_NICE] for camera in CAMERAS}


@asynccontextmanager
async def joining(segments: Path) -> AsyncIterator[list[None]]:
    """Joins one after another; yields a list that grows by one with each."""
    done: list[None] = []
    out = segments.parent / "joined.mp4"
    join = [sys.executable, "-m", "bench.join_once", str(segments), str(out)]
    command = ["nice", "-n", str(NICE), *join]

    async def forever() -> None:
        while True:
            process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
            assert await process.wait() == 0
            done.append(None)
            out.unlink()

    task = asyncio.create_task(forever())
    try:
        yield done
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def shown_times(video: Path) -> list[int]:
    """When each frame says that it was taken, Unix microseconds."""
    stamps = [stamp for _, stamp in read_video_stamps(video)]
    assert None not in stamps, f"{video.name} has frames that cannot be read"
    return [stamp.captured_at_us for stamp in stamps if stamp]


def distances_ms(a: Sequence[int], b: Sequence[int]) -> Iterator[float]:
    """Of each frame to the nearest of the other camera, both ways round."""
    for mine, others in ((a, b), (b, a)):
        bridged = BRIDGED * median(y - x for x, y in pairwise(others))
        for at in mine:
            after = bisect_left(others, at)
            if 0 < after < len(others) and others[after] - others[after - 1] <= bridged:
                yield min(at - others[after - 1], others[after] - at) / 1000


def show(times: Times, start_at_ms: int, manifest: Manifest, joins: int) -> None:
    frames = sum(map(len, times.values()))
    fps = max(1e6 / median(b - a for a, b in pairwise(t)) for t in times.values())
    pairs = {pair: list(distances_ms(*(times[name] for name in pair))) for pair in
             combinations(sorted(times), 2)}  # fmt: skip
    table = Table(title=f"{SECONDS:g} s, 3 cameras, {joins} joins beside", title_justify="left")
    for heading in ("ms", "values", "p50", "p95", "p99", "worst"):
        table.add_column(heading, justify="right" if heading != "ms" else "left")
    rows = {"first frame after start_at": [t[0] / 1000 - start_at_ms for t in times.values()]}
    rows |= {f"nearest frames, {' and '.join(pair)}": found for pair, found in pairs.items()}
    rows["nearest frames, all pairs"] = [value for found in pairs.values() for value in found]
    for name, values in rows.items():
        shown = [percentile(values, p) for p in (50, 95, 99)]
        table.add_row(name, str(len(values)), *(f"{v:.2f}" for v in [*shown, max(values)]))
    console = Console(width=110)
    console.print(machine(), style="dim", highlight=False)
    console.print(table)
    console.print(f"{frames} frames; one frame is {1000 / fps:.1f} ms, half is {500 / fps:.1f} ms")
    for claim in manifest["sync"]["pairs"]:
        true_ms = max(pairs[tuple(claim["cameras"])])
        agrees = abs(claim["worst_ms"] - true_ms) <= claim["uncertainty_ms"] + 0.01
        console.print(
            f"certificate, {' and '.join(claim['cameras'])}: worst {claim['worst_ms']:.2f} "
            f"± {claim['uncertainty_ms']:.2f} ms, from the pixels {true_ms:.2f} ms: "
            f"{'agrees' if agrees else 'DISAGREES'}"
        )
    console.print(f"verdict: {manifest['sync']['verdict']}. {manifest['sync']['text']}")


if __name__ == "__main__":
    asyncio.run(main())
