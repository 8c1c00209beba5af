"""An installed camera that restarts, and one that dies: what was held stays, and what is missing is
said. Each on its own, from the first command to the manifest."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.component.recording.test_takes_of_installed_cameras import digests
from tests.fakes.controller import Controller, process, settings_in, until
from tests.fakes.plain_camera import PlainCamera

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"


class Pair:
    """Two installed cameras, and a third that is off."""

    def __init__(self, controller: Controller, cameras: list[PlainCamera]) -> None:
        self.controller = controller
        self.one, self.steady, self.third = cameras

    def folder(self, camera: PlainCamera) -> Path:
        return self.controller.settings.storage.logging / camera.name / UUID

    async def deliver(self, *cameras: PlainCamera) -> None:
        for camera in cameras:
            camera.deliver(self.controller.settings.storage.logging)
            (await self.controller.post("/api/sync/report", json=camera.report())).expect()

    async def manifest(self) -> dict[str, Any]:
        path = self.controller.settings.storage.sync / UUID / "manifest.json"

        async def made() -> bool:
            return path.exists()

        await until(made, 120)
        return dict(json.loads(path.read_text()))


@asynccontextmanager
async def told_again(camera: PlainCamera) -> AsyncIterator[None]:
    """What happens inside ends with the camera being told to begin once more."""
    starts = len(camera.starts)
    yield

    async def told() -> bool:
        return len(camera.starts) > starts

    await until(told)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    cameras = [PlainCamera(name) for name in ("cam-a", "cam-b", "cam-c")]
    async with AsyncExitStack() as stack:
        for camera in cameras:
            await stack.enter_async_context(camera)
        settings = settings_in(
            tmp_path,
            [camera.address for camera in cameras],
            start_delay_ms=1000,
            ingest={"quiet_s": 1, "give_up_s": 4},
        )
        await cameras[2].power_off()
        _, controller = await stack.enter_async_context(process(settings))
        await controller.until_connected("cam-a", "cam-b")
        yield Pair(controller, cameras)


@pytest.mark.timeout(200)
async def test_a_restart_replaces_nothing_and_its_hole_is_named(pair: Pair) -> None:
    (await pair.controller.start(UUID)).expect()
    await asyncio.sleep(4)
    await pair.deliver(pair.one, pair.steady)
    held = digests(pair.folder(pair.one))
    assert len(held) >= 2
    async with told_again(pair.one):
        await pair.one.power_off()
        await pair.one.power_on()
    await asyncio.sleep(4)
    (await pair.controller.stop(UUID)).expect()
    await pair.deliver(pair.one, pair.steady)
    assert held < digests(pair.folder(pair.one))
    status = await pair.controller.session(UUID)
    assert "node_restarted" in [problem["code"] for problem in status["problems"]]

    manifest = await pair.manifest()
    assert held < digests(pair.folder(pair.one))
    source = manifest["sources"]["cam-a"]
    assert [gap["reason"] for gap in source["gaps"]] == ["restarted"]
    assert source["gaps"][0]["expected_ms"] > 0
    session_s = (manifest["stopped_at"] - manifest["started_at"]) / 1000
    assert source["duration_s"] == pytest.approx(session_s, abs=0.7)
    assert manifest["complete"] is False
    assert manifest["sources"]["cam-b"]["gaps"] == []


@pytest.mark.timeout(200)
async def test_one_that_dies_and_one_that_joins_late_are_both_short(pair: Pair) -> None:
    (await pair.controller.start(UUID)).expect()
    await asyncio.sleep(4)
    await pair.deliver(pair.one)
    await pair.one.power_off()
    async with told_again(pair.third):
        await pair.third.power_on()
    await asyncio.sleep(3)
    stop = (await pair.controller.stop(UUID)).expect()
    assert [camera["name"] for camera in stop["cameras"] if not camera["stopped"]] == ["cam-a"]
    status = await pair.controller.session(UUID)
    assert {name: source["stopped"] for name, source in status["sources"].items()} == {
        "cam-a": False,
        "cam-b": True,
        "cam-c": True,
    }
    await pair.deliver(pair.steady, pair.third)

    manifest = await pair.manifest()
    session_s = (manifest["stopped_at"] - manifest["started_at"]) / 1000
    assert manifest["complete"] is False
    (ended,) = manifest["sources"]["cam-a"]["gaps"]
    assert ended["reason"].startswith("ended early")
    missing_s = session_s - manifest["sources"]["cam-a"]["duration_s"]
    assert ended["expected_ms"] / 1000 == pytest.approx(missing_s, abs=0.2)
    (late,) = manifest["sources"]["cam-c"]["gaps"]
    assert late["reason"] == "joined late"
    assert late["expected_ms"] > 3000
    assert manifest["sources"]["cam-b"]["gaps"] == []
