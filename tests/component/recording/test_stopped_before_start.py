"""A slip of the finger: a start that is stopped within its delay is a session that never began."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Controller, process, settings_in, until

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
LATER = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    async with AsyncExitStack() as stack:
        cameras = [CameraNode("cam-plain"), CameraNode("cam-ours", ours=True)]
        nodes = [await stack.enter_async_context(camera) for camera in cameras]
        settings = settings_in(
            tmp_path,
            [node.address for node in nodes],
            start_delay_ms=60_000,
            ingest={"quiet_s": 0.5, "give_up_s": 120},
        )
        _, controller = await stack.enter_async_context(process(settings))
        await controller.until_connected(*(node.name for node in nodes))
        yield controller


async def call_back(controller: Controller, uuid: str) -> dict[str, Any]:
    """Start and stop; the session once its cameras have reported that they made nothing."""
    (await controller.start(uuid)).expect()
    answer = (await controller.stop(uuid)).expect()
    assert (answer["success"], answer["duration"]) == (True, 0.0)
    plain = {"camera": "cam-plain", "status": "ok", "files": 0, "remaining": 0}
    ours = {"camera": "cam-ours", "uuid": uuid, "segments_total": 0, "complete": True}
    for report in (plain, {**plain, **ours}):
        (await controller.post("/api/sync/report", json=report)).expect()

    async def is_done() -> bool:
        return bool((await controller.session(uuid))["state"] not in {"stopping", "collecting"})

    await until(is_done)
    return await controller.session(uuid)


async def test_it_is_done_and_nothing_warns(controller: Controller) -> None:
    session = await call_back(controller, UUID)
    assert session["state"] == "done"
    assert session["folder"] is None
    assert [problem["code"] for problem in session["problems"]] == ["stopped_before_start"]

    async def is_quiet() -> bool:
        status = await controller.status()
        return not status["jobs"] and status["phase"] == "idle"

    await until(is_quiet)
    assert (await controller.status())["warnings"] == []
    assert list(controller.settings.storage.sync.glob("[!.]*")) == []
    assert (await call_back(controller, LATER))["state"] == "done"


async def test_what_a_phone_uploads_for_it_is_made_ready(controller: Controller) -> None:
    await call_back(controller, UUID)
    upload = {"uuid": UUID, "files": "t,lat,lon\n"}
    body = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n{upload[name]}\r\n'
        for name, extra in (("uuid", ""), ("files", '; filename="gps.csv"'))
    )
    answer = await controller.post(
        "/api/sync/phone",
        data=f"{body}--x--\r\n".encode(),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    answer.expect()

    async def is_there() -> bool:
        return bool((await controller.session(UUID))["folder"])

    await until(is_there, timeout_s=120)
    session = await controller.session(UUID)
    assert (session["state"], session["complete"], session["missing"]) == ("done", True, [])
    assert [problem["code"] for problem in session["problems"]] == ["stopped_before_start"]
