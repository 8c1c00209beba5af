"""A rig that starts without a single configured camera: they are discovered and adopted."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import SMALL
from tests.e2e.programs import processes_left
from tests.fakes.controller import until

from ctlr.kernel.ids import new_session_id
from ctlr.simulator.rig import Rig
from ctlr.simulator.story import (
    ask,
    read_manifest,
    record,
    wait_until_processed,
    wait_until_ready,
)

CAMERAS = ("adopt-cam-1", "adopt-cam-2")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig(
        tmp_path / "rig",
        CAMERAS,
        on_controller={"nodes": [], "discovery": {"enabled": True}},
        on_cameras={"camera": {**SMALL["camera"], "announce": True}},
    ) as running:
        yield running
    assert await processes_left(tmp_path) == []


async def test_cameras_are_discovered_adopted_and_recorded(rig: Rig) -> None:
    async def all_announced() -> bool:
        found = await ask(rig.http, "GET", "/api/nodes")
        assert found["configured"] == []
        return {camera["name"] for camera in found["discovered"]} >= set(CAMERAS)

    await until(all_announced)
    assert (await ask(rig.http, "GET", "/api/status"))["cameras"] == []  # seen is not used

    first = await _adopt(rig, {"name": CAMERAS[0]})
    assert first["node"]["address"] == f"127.0.0.1:{rig.places.camera_ports[CAMERAS[0]]}"
    added = await _command(rig, "nodes", "add", CAMERAS[1], "--json")
    assert json.loads(added)["node"]["origin"] == "adopted"
    await wait_until_ready(rig.http)

    uuid = new_session_id()
    recorded = await record(rig.http, uuid, 3, lambda _: None)
    assert recorded.cameras == CAMERAS
    folder = await wait_until_processed(rig.http, uuid, rig.places.sync, set(), lambda _: None)
    assert set(CAMERAS) <= set(read_manifest(folder)["sources"])

    await rig.controller.restart()
    await wait_until_ready(rig.http)
    cameras = (await ask(rig.http, "GET", "/api/status"))["cameras"]
    assert [camera["name"] for camera in cameras] == list(CAMERAS)
    shown = await _command(rig, "status")
    assert all(name in shown for name in CAMERAS)
    assert "ready to record" in shown

    await _command(rig, "nodes", "remove", CAMERAS[1])
    listed = json.loads(await _command(rig, "nodes", "list", "--json"))
    assert [node["name"] for node in listed["configured"]] == [CAMERAS[0]]


async def _adopt(rig: Rig, body: dict[str, str]) -> Any:
    async with rig.http.post("/api/nodes", json=body) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def _command(rig: Rig, *arguments: str) -> str:
    """What ``ctlr`` prints on the controller's machine."""
    config = str(rig.places.config("controller"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ctlr", "--config", config, *arguments),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()
