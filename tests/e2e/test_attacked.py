"""A whole rig does its work while strangers do what they can to the controller's port."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import psutil
import pytest
from tests.attackers import ON_A_CONTROLLER, ON_BOTH, attacking
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

CAMERA, UPLOAD = "cam-1", "accelerometer.csv"
MOST_MIB_MORE = 100
MOST_LINES = 300


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig(tmp_path / "rig", [CAMERA], on_cameras=SMALL) as running:
        await wait_until_ready(running.http)
        yield running
    assert await processes_left(tmp_path) == []


@pytest.mark.parametrize("kind", [attack.__name__ for attack in (*ON_BOTH, *ON_A_CONTROLLER)])
async def test_a_session_is_recorded_uploaded_and_made(rig: Rig, kind: str) -> None:
    controller = psutil.Process(rig.controller.pid)
    before = controller.memory_info().rss
    said = len(rig.places.log("controller").read_text().splitlines())
    uuid = new_session_id()
    with attacking(kind, "controller", rig.places.api_port):
        recorded = await record(rig.http, uuid, 3, lambda _: None)
        stored = await _upload(rig, uuid)
        folder = await wait_until_processed(
            rig.http, uuid, rig.places.sync, {UPLOAD}, lambda _: None
        )
        grown = (controller.memory_info().rss - before) >> 20
    assert recorded.cameras == (CAMERA,)
    assert stored["files"] == [UPLOAD]
    manifest = read_manifest(folder)
    assert set(manifest["sources"]) >= {CAMERA, "phone"}
    assert grown < MOST_MIB_MORE
    lines = rig.places.log("controller").read_text().splitlines()
    assert len(lines) - said < MOST_LINES


async def test_slow_uploads_keep_no_drive_from_being_ejected(rig: Rig) -> None:
    async def is_ejected() -> bool:
        answer = await ask(rig.http, "POST", "/api/storage/eject")
        return "upload" not in answer["message"].lower()

    with attacking("slow_uploads", "controller", rig.places.api_port):
        await until(is_ejected)


async def _upload(rig: Rig, uuid: str) -> dict[str, list[str]]:
    form = aiohttp.FormData()
    form.add_field("uuid", uuid)
    form.add_field("files", b"time,x\n1,2\n" * 1000, filename=UPLOAD)
    async with asyncio.timeout(60), rig.http.post("/api/sync/phone", data=form) as answer:
        assert answer.status == 200, await answer.text()
        stored: dict[str, list[str]] = await answer.json()
    return stored
