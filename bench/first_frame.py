"""First frame against ``start_at``, read from the pixels, three cameras at once.

Goal: p95 at most one frame (33 ms), the spread between cameras at most one frame. Each session
is a real one: started over the API, delivered by rsync, joined; the joined video is decoded.
"""

import asyncio
import tempfile
from pathlib import Path

from bench.paired import machine, percentile
from rich.console import Console
from rich.table import Table

from ctlr.kernel.ids import new_session_id
from ctlr.simulator.findings import Findings, inspect_video, judge, video_files
from ctlr.simulator.rig import Rig
from ctlr.simulator.story import (
    read_manifest,
    record,
    wait_until_processed,
    wait_until_ready,
)

SESSIONS = 12
SECONDS = 2.0


async def main() -> None:
    found = []
    with tempfile.TemporaryDirectory(prefix="ctlr-bench-") as folder:
        async with Rig(Path(folder), on_controller={"start_delay_ms": 1500}) as rig:
            await wait_until_ready(rig.http)
            for _ in range(SESSIONS):
                found.append(await _one_session(rig))
                await wait_until_ready(rig.http)
    _show(found)


async def _one_session(rig: Rig) -> Findings:
    recorded = await record(rig.http, new_session_id(), SECONDS, lambda _: None)
    sync = rig.places.sync
    folder = await wait_until_processed(rig.http, recorded.uuid, sync, set(), lambda _: None)
    manifest = read_manifest(folder)
    files = video_files(manifest, folder, rig.camera_names)
    seen = {name: inspect_video(file) for name, file in files.items()}
    findings = judge(manifest, rig.camera_names, recorded.start_at_ms, seen)
    assert findings.complete, findings.faults
    assert not findings.lies, findings.lies
    return findings


def _show(found: list[Findings]) -> None:
    firsts = [video.first_frame_ms for f in found for video in f.videos]
    delays = [delay for delay in firsts if delay is not None]
    spreads = [f.spread_ms for f in found if f.spread_ms is not None]
    table = Table(title=f"{len(found)} sessions, 3 cameras at 30 fps", title_justify="left")
    for heading in ("ms", "p50", "p95", "p99", "worst"):
        table.add_column(heading, justify="right" if heading != "ms" else "left")
    for name, values in (("first frame after start_at", delays), ("spread", spreads)):
        shown = (*(percentile(values, percent) for percent in (50, 95, 99)), max(values))
        table.add_row(name, *(f"{value:.1f}" for value in shown))
    dropped = sum(video.dropped for f in found for video in f.videos)
    frames = sum(video.frames for f in found for video in f.videos)
    console = Console(width=100)
    console.print(machine(), style="dim", highlight=False)
    console.print(table)
    console.print(f"{dropped} frames dropped of {frames + dropped}")


if __name__ == "__main__":
    asyncio.run(main())
