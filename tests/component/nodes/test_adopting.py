"""Cameras are adopted and removed over the API of a whole controller, without a restart."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.camera_node import CameraNode, Fault, Recording
from tests.fakes.controller import Controller, running, settings_in, until

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
OTHER = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
async def configured() -> AsyncIterator[CameraNode]:
    async with CameraNode("cam-01", ours=True) as node:
        yield node


@pytest.fixture
async def spare() -> AsyncIterator[CameraNode]:
    async with CameraNode("cam-02", ours=True) as node:
        yield node


@pytest.fixture
async def controller(tmp_path: Path, configured: CameraNode) -> AsyncIterator[Controller]:
    async with running(settings_in(tmp_path, [configured.address])) as started:
        await started.until_connected("cam-01")
        yield started


async def names(controller: Controller) -> dict[str, str]:
    nodes = (await controller.get("/api/nodes")).expect()["configured"]
    return {node["name"]: node["origin"] for node in nodes}


async def test_an_adopted_camera_records(controller: Controller, spare: CameraNode) -> None:
    body = {"address": spare.address.address}
    answer = (await controller.post("/api/nodes", json=body)).expect()
    assert answer["node"]["name"] == "cam-02"
    assert (answer["node"]["origin"], answer["saw"]["state"]) == ("adopted", "idle")
    assert answer["saw"]["disk_free_gb"] == 20.5
    await controller.until_connected("cam-01", "cam-02")

    started = (await controller.start(UUID)).expect()
    assert [camera["name"] for camera in started["cameras"]] == ["cam-01", "cam-02"]
    (await controller.stop(UUID)).expect()
    assert [start.uuid for start in spare.starts] == [UUID]


async def test_adopted_during_a_recording_it_joins_late(
    controller: Controller, spare: CameraNode
) -> None:
    (await controller.start(UUID)).expect()
    (await controller.post("/api/nodes", json={"address": spare.address.address})).expect()

    async def records() -> bool:
        return spare.recording is not None

    await until(records)
    busy = await controller.ask("DELETE", "/api/nodes/cam-02")
    busy.expect_problem(409, "recording_in_progress")
    (await controller.stop(UUID)).expect()
    assert spare.recording is None
    problems = {problem["code"] for problem in (await controller.session(UUID))["problems"]}
    assert "node_joined_late" in problems


async def test_adopting_twice_is_adopting_once(controller: Controller, spare: CameraNode) -> None:
    body = {"name": "cam-02", "address": spare.address.address}
    for _ in range(2):
        (await controller.post("/api/nodes", json=body)).expect()
    assert await names(controller) == {"cam-01": "config", "cam-02": "adopted"}


async def test_an_adopted_camera_moves(controller: Controller, spare: CameraNode) -> None:
    (await controller.post("/api/nodes", json={"address": spare.address.address})).expect()
    await controller.until_connected("cam-02")
    await spare.power_off()
    async with CameraNode("cam-02") as elsewhere:
        body = {"address": elsewhere.address.address}
        (await controller.post("/api/nodes", json=body)).expect()
        await controller.until_connected("cam-02")
        (await controller.start(UUID)).expect()
        again = await controller.post("/api/nodes", json=body)
        assert again.expect()["node"]["address"] == elsewhere.address.address
        await spare.power_on()
        back = {"address": spare.address.address}
        moving = await controller.post("/api/nodes", json=back)
        moving.expect_problem(409, "recording_in_progress")
        (await controller.stop(UUID)).expect()
        assert len(elsewhere.starts) == 1


async def test_a_namesake_does_not_take_the_place_of_a_camera_that_answers(
    controller: Controller, spare: CameraNode
) -> None:
    (await controller.post("/api/nodes", json={"address": spare.address.address})).expect()
    async with CameraNode("cam-02") as clone:
        body = {"address": clone.address.address}
        (await controller.post("/api/nodes", json=body)).expect_problem(409, "node_conflict")
    nodes = (await controller.get("/api/nodes")).expect()["configured"]
    assert spare.address.address in {node["address"] for node in nodes}


async def test_after_a_restart_it_is_still_there(tmp_path: Path, spare: CameraNode) -> None:
    settings = settings_in(tmp_path)
    async with running(settings) as controller:
        (await controller.post("/api/nodes", json={"address": spare.address.address})).expect()
    async with running(settings) as controller:
        await controller.until_connected("cam-02")
        assert await names(controller) == {"cam-02": "adopted"}
        (await controller.ask("DELETE", "/api/nodes/cam-02")).expect()
        assert (await controller.status())["cameras"] == []
    async with running(settings) as controller:
        assert await names(controller) == {}


async def test_the_configuration_decides_about_a_camera_that_it_names(
    tmp_path: Path, spare: CameraNode
) -> None:
    settings = settings_in(tmp_path)
    async with running(settings) as controller:
        (await controller.post("/api/nodes", json={"address": spare.address.address})).expect()
    async with running(settings_in(tmp_path, [spare.address])) as controller:
        assert await names(controller) == {"cam-02": "config"}


async def test_what_old_sessions_hold_stays(controller: Controller, spare: CameraNode) -> None:
    (await controller.post("/api/nodes", json={"address": spare.address.address})).expect()
    await controller.until_connected("cam-02")
    (await controller.start(UUID)).expect()

    async def is_seen_recording() -> bool:
        return bool((await controller.camera("cam-02"))["state"] == "recording")

    await until(is_seen_recording)
    (await controller.stop(UUID)).expect()
    (await controller.ask("DELETE", "/api/nodes/cam-02")).expect()  # before it is polled again
    assert set((await controller.session(UUID))["sources"]) == {"cam-01", "cam-02"}
    assert await names(controller) == {"cam-01": "config"}
    (await controller.start()).expect()
    (await controller.stop()).expect()
    assert len(spare.starts) == 1


async def test_a_removed_camera_is_not_asked_any_more(
    controller: Controller, configured: CameraNode, spare: CameraNode
) -> None:
    (await controller.post("/api/nodes", json={"address": spare.address.address})).expect()
    await controller.until_connected("cam-02")
    spare.fault = Fault.HANGS
    (await controller.ask("DELETE", "/api/nodes/cam-02")).expect()
    assert "cam-02" not in await names(controller)
    spare.fault = None
    spare_asked, others_asked = spare.asked["/status"], configured.asked["/status"]

    async def others_are_asked_on() -> bool:
        return configured.asked["/status"] >= others_asked + 3

    await until(others_are_asked_on)
    assert spare.asked["/status"] == spare_asked
    (await controller.post("/api/nodes", json={"address": spare.address.address})).expect()
    await controller.until_connected("cam-02")


async def test_refusals_of_adopting(
    controller: Controller, configured: CameraNode, spare: CameraNode
) -> None:
    async def refused(body: dict[str, str], status: int, code: str) -> str:
        answer = await controller.post("/api/nodes", json=body)
        detail: str = answer.expect_problem(status, code)["detail"]
        return detail

    at = spare.address.address
    assert "calls itself 'cam-02'" in await refused(
        {"name": "cam-3", "address": at}, 409, "node_conflict"
    )
    await refused({}, 422, "invalid_node")
    await refused({"address": "8.8.8.8:80"}, 422, "invalid_node")
    await refused({"name": "cam-02"}, 404, "unknown_node")
    await refused({"address": "127.0.0.1:1"}, 503, "node_unreachable")
    spare.fault = Fault.HTML
    await refused({"address": at}, 503, "node_unreachable")
    spare.fault, spare.name = None, "cam-01"
    await refused({"address": at}, 409, "configured_in_file")
    spare.name = "phone"
    await refused({"address": at}, 422, "invalid_node")
    configured.name = "cam-77"
    await refused({"address": configured.address.address}, 409, "node_conflict")
    assert await names(controller) == {"cam-01": "config"}


async def test_refusals_of_removing(controller: Controller) -> None:
    in_file = await controller.ask("DELETE", "/api/nodes/cam-01")
    in_file.expect_problem(409, "configured_in_file")
    unknown = await controller.ask("DELETE", "/api/nodes/cam-02")
    unknown.expect_problem(404, "unknown_node")


async def test_without_discovery_nobody_is_discovered(controller: Controller) -> None:
    answer = (await controller.get("/api/nodes")).expect()
    assert answer["discovered"] == []
    assert "switched off" in answer["discovery_error"]


async def test_an_adopted_stranger_turns_no_rig_to_recording(
    controller: Controller, configured: CameraNode, spare: CameraNode
) -> None:
    """A session that nobody here has started is taken up of a camera that is known."""
    (await controller.post("/api/nodes", json={"address": spare.address.address})).expect()
    await controller.until_connected("cam-01", "cam-02")
    spare.recording = Recording(UUID, time.time_ns() // 1_000_000)

    async def is_seen() -> bool:
        return bool((await controller.camera("cam-02"))["state"] == "recording")

    await until(is_seen)
    configured.recording = Recording(OTHER, time.time_ns() // 1_000_000)

    async def records() -> bool:
        return bool((await controller.status())["recording"])

    await until(records)
    assert (await controller.status())["uuid"] == OTHER


async def test_one_that_has_recorded_here_is_no_stranger(
    controller: Controller, spare: CameraNode
) -> None:
    (await controller.post("/api/nodes", json={"address": spare.address.address})).expect()
    await controller.until_connected("cam-01", "cam-02")
    (await controller.start(UUID)).expect()
    (await controller.stop(UUID)).expect()
    spare.recording = Recording(OTHER, time.time_ns() // 1_000_000)

    async def records() -> bool:
        return bool((await controller.status())["uuid"] == OTHER)

    await until(records)
