"""The sync certificate against what the pixels show, also where a camera's clock is off.

All cameras run on this machine, so how far each clock is off is known exactly: by as much as
``faketime`` shifts it. The pixels carry the camera's own time of every frame.
"""

import asyncio
import csv
import json
import shutil
import subprocess
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from tests.e2e.conftest import SMALL
from tests.e2e.programs import processes_left

from ctlr.camera.test_picture import read_video_stamps
from ctlr.kernel.ids import new_session_id
from ctlr.simulator.rig import Rig
from ctlr.simulator.story import ask, read_manifest, wait_until_processed, wait_until_ready

SECONDS = 6.0
SHIFTED, AHEAD_MS = "cam-2", 2000
ROUNDED_MS = 1.5
"""A chapter begins at a whole millisecond, and so does a camera's first frame."""
MONOTONIC_STAYS = "FAKETIME_DONT_FAKE_MONOTONIC=1"
pytestmark = pytest.mark.usefixtures("faketime_cleans_up")
THROUGH = {SHIFTED: ["env", MONOTONIC_STAYS, "faketime", "-m", "-f", f"+{AHEAD_MS // 1000}s"]}


async def record(folder: Path, shifted: bool) -> tuple[Path, int]:
    """Record a session with a mark in its middle; returns its folder and the marked instant."""
    rig = Rig(folder, on_cameras=SMALL, through=THROUGH if shifted else {})
    async with rig:
        await wait_until_ready(rig.http)
        uuid = new_session_id()
        started = await ask(rig.http, "POST", f"/api/record/start?uuid={uuid}")
        await asyncio.sleep(started["start_at"] / 1000 + SECONDS / 2 - time.time())
        marked_at_ms = round(time.time() * 1000)
        marked = {"label": "Gate, north", "at_ms": marked_at_ms}
        async with rig.http.post("/api/sessions/current/marks", json=marked) as answer:
            assert answer.status in {200, 201}, await answer.text()
        await asyncio.sleep(SECONDS / 2)
        await ask(rig.http, "POST", f"/api/record/stop?uuid={uuid}")
        session = await wait_until_processed(rig.http, uuid, rig.places.sync, set(), lambda _: None)
        told = await ask(rig.http, "GET", f"/api/sessions/{uuid}")
    manifest = read_manifest(session)
    assert (told["sync"], told["clock"]) == (manifest["sync"], manifest["clock"])
    return session, marked_at_ms


def worst_distance_us(a: Sequence[int], b: Sequence[int]) -> int:
    """Of any frame between two frames of the other camera to the nearer of them."""

    def one_way(mine: Sequence[int], others: Sequence[int]) -> int:
        period = median(y - x for x, y in pairwise(others))
        worst = 0
        for at in mine:
            after = bisect_left(others, at)
            if 0 < after < len(others) and others[after] - others[after - 1] < 1.5 * period:
                worst = max(worst, min(at - others[after - 1], others[after] - at))
        return worst

    return max(one_way(a, b), one_way(b, a))


def _distance_to(at_s: float) -> Callable[[tuple[int, Any]], float]:
    return lambda shown: abs(shown[0] / 1e6 - at_s)


def chapters(video: Path) -> list[dict[str, Any]]:
    command = ["ffprobe", "-v", "error", "-show_chapters", "-of", "json", str(video)]
    done = subprocess.run(command, check=True, capture_output=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)["chapters"]
    return found


@pytest.mark.parametrize("shifted", [False, True], ids=["right clocks", "a shifted clock"])
async def test_the_certificate_agrees_with_the_pixels(tmp_path: Path, shifted: bool) -> None:
    if shifted and not shutil.which("faketime"):
        pytest.skip("faketime is not installed")
    session, marked_at_ms = await record(tmp_path / "rig", shifted)
    assert await processes_left(tmp_path) == []
    manifest = read_manifest(session)
    sync, clock = manifest["sync"], manifest["clock"]
    ahead_ms = dict.fromkeys(clock, 0.0) | ({SHIFTED: AHEAD_MS} if shifted else {})
    videos = {name: session / f"{name}.mp4" for name in clock}
    assert len(videos) == 3

    for name, off_ms in ahead_ms.items():
        for reading in (clock[name]["start"], clock[name]["end"]):
            assert abs(reading["offset_ms"] - off_ms) <= reading["uncertainty_ms"] + 0.1
            assert reading["uncertainty_ms"] < 20

    stamps = {name: list(read_video_stamps(file)) for name, file in videos.items()}
    shown = {
        name: [round(s.captured_at_us - ahead_ms[name] * 1000) for _, s in found if s]
        for name, found in stamps.items()
    }
    claimed = {tuple(pair["cameras"]): pair for pair in sync["pairs"]}
    for pair in combinations(sorted(videos), 2):
        true_ms = worst_distance_us(*(shown[name] for name in pair)) / 1000
        claim = claimed[pair]
        assert abs(claim["worst_ms"] - true_ms) <= claim["uncertainty_ms"] + 0.01, sync["text"]
    held_ms = max(
        max(pair["steady_ms"], pair["p99_ms"]) + pair["uncertainty_ms"] for pair in claimed.values()
    )
    assert (sync["verdict"] == "pass") == (held_ms <= sync["tolerance_ms"]), sync["text"]
    for name, camera in sync["cameras"].items():
        true_ms = shown[name][0] / 1000 - manifest["started_at"]
        error_ms = camera["first_frame_from_start_ms"] - true_ms
        assert abs(error_ms) <= camera["uncertainty_ms"] + 0.01

    assert [mark["at_ms"] for mark in manifest["marks"]] == [marked_at_ms]
    for name, file in videos.items():
        (chapter,) = chapters(file)
        assert chapter["tags"]["title"] == "Gate, north"
        at_s = float(chapter["start_time"])
        # By whichever frame is near: a busy camera may have dropped the nearest ones. What the frame
        # shows says when the chapter begins, so the distance to it in time is that in the video.
        shown_us, stamp = min(((at, s) for at, s in stamps[name] if s), key=_distance_to(at_s))
        chapter_at_ms = (
            stamp.captured_at_us / 1000 - ahead_ms[name] - (shown_us / 1000 - at_s * 1000)
        )
        uncertainty_ms = max(clock[name][end]["uncertainty_ms"] for end in ("start", "end"))
        print("CHAPTER", name, chapter_at_ms - marked_at_ms, uncertainty_ms, shown_us / 1e6 - at_s)
        assert abs(chapter_at_ms - marked_at_ms) <= uncertainty_ms + ROUNDED_MS
    rows = list(csv.reader((session / "events.csv").read_text("utf-8").splitlines()))
    assert rows == [["at_ms", "label"], [str(marked_at_ms), "Gate, north"]]
