"""A session that lacks something says so wherever it is shown. One camera delivers to real workers,
the other one keeps two segments and goes away."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.component.cli.test_controller_verbs import ctlr
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Controller, running, settings_in, until
from tests.unit.postprocess.mp4 import Film, plain

from ctlr.simulator.places import to_toml

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
STILL_THERE = "2 files are still on cam-02"


@pytest.fixture
async def cameras() -> AsyncIterator[list[CameraNode]]:
    async with CameraNode("cam-01", ours=True) as one, CameraNode("cam-02", ours=True) as other:
        yield [one, other]


@pytest.fixture
async def controller(tmp_path: Path, cameras: list[CameraNode]) -> AsyncIterator[Controller]:
    settings = settings_in(
        tmp_path, [camera.address for camera in cameras], ingest={"give_up_s": 1, "quiet_s": 0.1}
    )
    config = tmp_path / "ctlr.toml"
    config.write_text(to_toml(settings.model_dump(mode="json", exclude_none=True)))
    program = [sys.executable, "-m", "ctlr", "--config", str(config), "worker"]
    async with running(settings, lambda task, uuid: [*program, str(task), uuid]) as started:
        await started.until_connected("cam-01", "cam-02")
        yield started


async def record(controller: Controller) -> None:
    answer = await controller.post("/api/record/start", params={"uuid": UUID, "label": "lap 1"})
    answer.expect()

    async def has_begun() -> bool:
        return bool((await controller.status())["duration"] > 0.5)

    await until(has_begun)
    (await controller.stop()).expect()


async def deliver(controller: Controller, node: str, here: int, total: int) -> None:
    folder = controller.folder(node, UUID)
    for number in range(here):
        (folder / f"seg_{number:04d}.mp4").write_bytes(plain(Film()))
    report = {
        "camera": node,
        "status": "ok",
        "uuid": UUID,
        "files": here,
        "remaining": total - here,
        "segments_total": total,
        "complete": here == total,
    }
    (await controller.post("/api/sync/report", json=report)).expect()


async def test_it_is_seen_in_every_place(controller: Controller, cameras: list[CameraNode]) -> None:
    await record(controller)
    await deliver(controller, "cam-01", here=1, total=1)
    await deliver(controller, "cam-02", here=1, total=3)
    await cameras[1].power_off()

    async def is_made() -> bool:
        sessions = (await controller.status())["sessions"]
        made = sessions and sessions[0]["state"] == "done" and sessions[0]["verified_at"]
        return bool(made) and not (await controller.camera("cam-02"))["connected"]

    await until(is_made, 90)

    status = await controller.status()
    assert status["sync"]["all_synced"] is False
    assert status["sessions"][0]["complete"] is False
    assert STILL_THERE in [lack["text"] for lack in status["sessions"][0]["lacks"]]
    [listed] = (await controller.get("/api/sessions")).expect()["sessions"]
    for shown in (listed, await controller.session(UUID)):
        assert shown["complete"] is False
        assert shown["verified_at"]
        assert {"source": "cam-02", "text": STILL_THERE, "still_on": "cam-02", "files": 2} in (
            shown["lacks"]
        )
    at = ("--url", controller.url)
    for verb in (("status",), ("sessions",), ("sessions", "show", UUID[:8])):
        assert STILL_THERE in " ".join((await ctlr(*verb, *at)).out.split()), verb
    assert "everything is here" not in (await ctlr("status", *at)).out
    storage = (await controller.get("/api/storage/status")).expect()
    sentence = f"Session {UUID[:8]} (lap 1): {STILL_THERE}, which does not answer."
    assert storage["eject"]["not_on_drive"] == [sentence]
    ejected = (await controller.post("/api/storage/eject")).expect()
    assert ejected["details"]["not_on_drive"] == [sentence]


async def test_what_is_said_of_a_session_reaches_its_manifest(controller: Controller) -> None:
    await record(controller)
    await deliver(controller, "cam-01", here=1, total=1)
    await deliver(controller, "cam-02", here=0, total=0)
    manifest = controller.settings.storage.sync / UUID / "manifest.json"

    async def says(name: str, text: str | None) -> None:
        async def holds() -> bool:
            return manifest.is_file() and json.loads(manifest.read_bytes())[name] == text

        await until(holds, 90)

    await says("label", "lap 1")

    async def is_read_back() -> bool:
        return (await controller.session(UUID))["why"] is None

    await until(is_read_back, 90)
    before = json.loads(manifest.read_bytes())
    path = f"/api/sessions/{UUID[:8]}"
    said = {"notes": "fog", "verdict": "bad"}
    kept = (await controller.ask("PATCH", path, json=said)).expect()
    assert (kept["label"], kept["notes"], kept["verdict"]) == ("lap 1", "fog", "bad")
    await says("verdict", "bad")
    (await controller.ask("PATCH", path, json={"verdict": None})).expect()
    await says("verdict", None)
    after = json.loads(manifest.read_bytes())
    assert after == {**before, "notes": "fog", "replaces": after["replaces"]}
    assert after["replaces"] != before["replaces"]
    refused = await controller.ask("PATCH", path, json={"label": "two\nlines"})
    refused.expect_problem(422, "invalid_request")
