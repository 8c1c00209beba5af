"""Installed cameras, which stamp their status half a second after they were asked."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Controller, running, settings_in

from ctlr.postprocess.clocks.certificate import clock_section
from ctlr.sessions.reading import read_session

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
AHEAD_MS = 3000
MEASURES_S = 0.5


@dataclass(frozen=True)
class Rig:
    controller: Controller
    right: CameraNode
    ahead: CameraNode


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    right, ahead = CameraNode("cam-right"), CameraNode("cam-ahead")
    right.status_takes_s = ahead.status_takes_s = MEASURES_S
    ahead.clock_ahead_ms = AHEAD_MS
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(node) for node in (right, ahead)]
        settings = settings_in(tmp_path, [node.address for node in nodes])
        controller = await stack.enter_async_context(running(settings))
        await controller.until_connected(right.name, ahead.name)
        yield Rig(controller, right, ahead)


async def test_their_clocks_are_known_before_the_first_start(rig: Rig) -> None:
    for node, true_ms in ((rig.right, 0), (rig.ahead, AHEAD_MS)):
        camera = await rig.controller.camera(node.name)
        assert abs(camera["clock_offset_ms"] - true_ms) <= camera["clock_uncertainty_ms"]
        assert camera["clock_uncertainty_ms"] < 1000 * MEASURES_S / 4


async def test_a_start_is_told_as_their_own_clock_will_show_it(rig: Rig) -> None:
    start_at = (await rig.controller.start(UUID)).expect()["start_at"]
    assert rig.right.starts[0].start_at == start_at
    told = rig.ahead.starts[0].start_at
    assert told == pytest.approx(start_at + AHEAD_MS, abs=50)


async def test_what_the_stop_taught_is_kept_with_the_session(rig: Rig) -> None:
    (await rig.controller.start(UUID)).expect()
    (await rig.controller.stop(UUID)).expect()
    session = read_session(rig.controller.settings.database.path, UUID)
    assert session is not None
    assert session.stopped_at_ms is not None
    for name, entry in clock_section(session.clocks).items():
        true_ms = AHEAD_MS if name == rig.ahead.name else 0
        assert entry.end.measured_at >= session.stopped_at_ms
        assert abs(entry.end.offset_ms - true_ms) <= entry.end.uncertainty_ms
        assert entry.end.uncertainty_ms < 1000 * MEASURES_S / 4
        assert entry.drift_ppm is None or abs(entry.drift_ppm) <= 200


async def test_a_delivery_that_fails_is_said_until_one_succeeds(rig: Rig) -> None:
    async def report(status: str) -> dict[str, Any]:
        body = {"camera": rig.right.name, "status": status, "files": 0, "remaining": 4}
        (await rig.controller.post("/api/sync/report", json=body)).expect()
        overview = (await rig.controller.get("/api/sync/status")).expect()
        (camera,) = [found for found in overview["cameras"] if found["name"] == rig.right.name]
        warned = [warning["code"] for warning in (await rig.controller.status())["warnings"]]
        return {"sync": camera["sync_status"], "warned": "delivery_failed" in warned}

    assert await report("error") == {"sync": "error", "warned": True}
    assert await report("syncing") == {"sync": "error", "warned": True}
    assert await report("ok") == {"sync": "idle", "warned": False}
