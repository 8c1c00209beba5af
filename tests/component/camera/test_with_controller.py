"""A real controller and a real camera that goes down in the middle of their session."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ctlr.kernel.ids import new_session_id
from ctlr.kernel.process import run
from ctlr.simulator.rig import Rig
from ctlr.simulator.story import ask, read_manifest, wait_until_processed, wait_until_ready

CAMERA = "cam-1"
SMALL = {"camera": {"width": 320, "height": 240, "segment_s": 1, "rotation": 90}}
DEADLINE_S = 60


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig(tmp_path / "rig", [CAMERA], on_cameras=SMALL) as running:
        await wait_until_ready(running.http)
        yield running


async def _start(rig: Rig) -> str:
    uuid = new_session_id()
    started = await ask(rig.http, "POST", f"/api/record/start?uuid={uuid}")
    assert started["success"]
    async with asyncio.timeout(DEADLINE_S):
        while ((await _camera_status(rig))["segment"] or 0) < 2:  # noqa: ASYNC110 - a poll
            await asyncio.sleep(0.1)
    return uuid


async def _camera_status(rig: Rig) -> Any:
    async with aiohttp.ClientSession() as http:
        return (await ask(http, "GET", f"{rig.places.camera_url(CAMERA)}/status"))["data"]


async def _until_camera(rig: Rig, **wanted: object) -> Any:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            status = await _camera_status(rig)
            if wanted.items() <= status.items():
                return status
            await asyncio.sleep(0.1)


async def _until_controller_sees(rig: Rig, segment: int) -> None:
    """Until the controller's own view of the camera has come to a segment."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            (camera,) = (await ask(rig.http, "GET", "/api/status"))["cameras"]
            if camera["state"] == "recording" and (camera["segment"] or 0) >= segment:
                return
            await asyncio.sleep(0.1)


async def _manifest(rig: Rig, uuid: str) -> Any:
    folder = await wait_until_processed(rig.http, uuid, rig.places.sync, set(), lambda _: None)
    show = ["-show_entries", "stream_side_data=rotation", "-of", "csv=p=0"]
    probe = await run(["ffprobe", "-v", "error", *show, str(folder / f"{CAMERA}.mp4")], 10)
    assert probe.stdout.strip() == b"-90"  # the flag is still there after the join
    return read_manifest(folder)


@pytest.mark.parametrize("gently", [False, True])
async def test_a_camera_that_comes_back_goes_on_and_the_controller_agrees(
    gently: bool, rig: Rig
) -> None:
    uuid = await _start(rig)
    await (rig.camera(CAMERA).stop() if gently else rig.camera(CAMERA).kill())
    await asyncio.sleep(1)
    await rig.camera(CAMERA).start()
    status = await _until_camera(rig, state="recording", uuid=uuid)
    await _until_controller_sees(rig, (status["segment"] or 0) + 4)  # and had time to do wrong
    status = await _until_camera(rig, state="recording", uuid=uuid)
    assert [event["kind"] for event in status["events"]].count("resumed") == 1
    stopped = await ask(rig.http, "POST", f"/api/record/stop?uuid={uuid}")
    assert stopped["errors"] is None

    manifest = await _manifest(rig, uuid)
    source = manifest["sources"][CAMERA]
    assert any(gap["after_segment"] is not None for gap in source["gaps"])
    assert source["segments"] >= 5
    told = rig.places.logging / CAMERA / uuid / "events.json"
    assert '"resumed"' in told.read_text()


async def test_a_camera_that_comes_back_after_the_stop_asks_and_does_not_go_on(rig: Rig) -> None:
    uuid = await _start(rig)
    await rig.camera(CAMERA).kill()
    stopped = await ask(rig.http, "POST", f"/api/record/stop?uuid={uuid}")
    await rig.camera(CAMERA).start()
    await _until_camera(rig, state="idle", uuid=None)
    manifest = await _manifest(rig, uuid)
    assert manifest["sources"][CAMERA]["segments"] >= 2
    assert manifest["sources"][CAMERA]["after_stop"] == []
    raw = rig.places.logging / CAMERA / uuid
    events = raw / "events.json"
    assert not events.exists() or '"resumed"' not in events.read_text()
    times = [row for path in raw.glob("*.frames.csv") for row in path.read_text().splitlines()[1:]]
    assert max(int(row.split(",")[2]) for row in times) <= stopped["stopped_at"] * 1000
    assert (await _camera_status(rig))["state"] == "idle"
