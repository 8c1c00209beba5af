"""Every member that the contract promises, with its type, from a controller that has seen work."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.fakes.camera_node import CameraNode, Fault
from tests.fakes.controller import Controller, running, settings_in

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
FLOAT = (int, float)
NULL = type(None)

CAMERA = {
    "name": str,
    "connected": bool,
    "state": str,
    "segment": (int, NULL),
    "cpu": FLOAT,
    "ram": FLOAT,
    "disk_free_gb": FLOAT,
    "temp": FLOAT,
    "clock_offset_ms": FLOAT,
    "clock_uncertainty_ms": FLOAT,
    "sync_status": str,
    "segments_pending": int,
    "error": NULL,
}
STATUS: dict[str, Any] = {
    "ready": bool,
    "recording": bool,
    "uuid": (str, NULL),
    "duration": FLOAT,
    "phase": str,
    "cameras": [CAMERA],
    "storage": {
        "used_gb": FLOAT,
        "total_gb": FLOAT,
        "percent": FLOAT,
        "healthy": bool,
        "minutes_left": (*FLOAT, NULL),
    },
    "sync": {"all_synced": bool, "any_syncing": bool},
    "system": {
        "cpu_percent": (*FLOAT, NULL),
        "mem_percent": (*FLOAT, NULL),
        "temp_c": (*FLOAT, NULL),
    },
    "can": {"connected": bool, "file_size_bytes": int, "frame_count": int},
    "jobs": list,
    "warnings": list,
}
SYNC_STATUS: dict[str, Any] = {
    "recording": bool,
    "uuid": (str, NULL),
    "all_synced": bool,
    "any_syncing": bool,
    "cameras": [
        {
            "name": str,
            "connected": bool,
            "sync_status": str,
            "segments_pending": int,
            "segments_received": (int, NULL),
            "last_sync": (int, NULL),
        }
    ],
}
START = {
    "success": bool,
    "uuid": str,
    "start_at": int,
    "cameras": [{"name": str, "started": bool, "error": (str, NULL)}],
    "warnings": [{"code": str, "message": str}],
}
STOP = {
    "success": bool,
    "uuid": str,
    "duration": FLOAT,
    "stopped_at": int,
    "cameras": list,
    "errors": (list, NULL),
}
SESSION = {
    "uuid": str,
    "folder": (str, NULL),
    "created_at": int,
    "started_at": int,
    "stopped_at": (int, NULL),
    "state": str,
    "cameras": list,
    "processed_at": (str, NULL),
}
DURABLE = {"ok": bool, "durable": [{"name": str, "size": int, "xxh128": str}]}


def check(value: Any, shape: Any, where: str = "answer") -> None:
    """Assert that a JSON value has at least the members of a shape, each of its type."""
    match shape:
        case dict():
            assert isinstance(value, dict), where
            assert shape.keys() <= value.keys(), where
            for name, inner in shape.items():
                check(value[name], inner, f"{where}.{name}")
        case [inner]:
            assert isinstance(value, list), where
            assert value, f"{where} is empty, so nothing is shown"
            for item in value:
                check(item, inner, f"{where}[]")
        case _:
            wanted = shape if isinstance(shape, tuple) else (shape,)
            assert type(value) in wanted, f"{where} is {value!r}"


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    async with (
        CameraNode("cam-01") as plain,
        CameraNode("cam-02", ours=True) as ours,
        running(settings_in(tmp_path, [plain.address, ours.address])) as started,
    ):
        await started.until_connected("cam-01", "cam-02")
        ours.fault, ours.faulty = Fault.REFUSES, frozenset({"/record/start"})
        yield started


async def test_health(controller: Controller) -> None:
    assert (await controller.get("/health")).expect() == {"status": "ok"}


async def test_idle(controller: Controller) -> None:
    status = await controller.status()
    check(status, STATUS)
    assert (status["ready"], status["recording"], status["uuid"]) == (True, False, None)
    assert (status["phase"], status["duration"]) == ("idle", 0.0)
    check((await controller.get("/api/sync/status")).expect(), SYNC_STATUS)


async def test_a_session_from_start_to_list(controller: Controller) -> None:
    start = (await controller.start(UUID)).expect()
    check(start, START)
    assert start["success"] is True
    status = await controller.status()
    check(status, STATUS)
    assert (status["recording"], status["uuid"], status["phase"]) == (True, UUID, "recording")
    assert status["ready"] is False
    sync = (await controller.get("/api/sync/status")).expect()
    check(sync, SYNC_STATUS)
    assert (sync["recording"], sync["uuid"], sync["all_synced"]) == (True, UUID, False)

    stop = (await controller.stop()).expect()
    check(stop, STOP)
    assert (stop["success"], stop["uuid"], stop["errors"]) == (True, UUID, None)
    listed = (await controller.get("/api/sessions")).expect()
    check(listed, {"sessions": [SESSION]})
    detail = await controller.session(UUID)
    check(detail, {**SESSION, "sources": dict, "jobs": list, "problems": list})
    assert detail["started_at"] == start["start_at"]
    assert detail["stopped_at"] == stop["stopped_at"]


async def test_a_report_with_and_without_a_session(controller: Controller) -> None:
    report = {"camera": "cam-01", "status": "ok", "files": 1, "remaining": 0}
    assert (await controller.post("/api/sync/report", json=report)).expect() == {"ok": True}
    (controller.folder("cam-01", UUID) / "seg_0001.mp4").write_bytes(b"video")
    named = {**report, "uuid": UUID}
    check((await controller.post("/api/sync/report", json=named)).expect(), DURABLE)


async def test_sessions_are_listed_newest_first_in_pages(controller: Controller) -> None:
    uuids: list[str] = []
    for _ in range(3):
        uuids.insert(0, (await controller.start()).expect()["uuid"])
        (await controller.stop()).expect()
    listed = (await controller.get("/api/sessions")).expect()["sessions"]
    assert [session["uuid"] for session in listed] == uuids
    page = (await controller.get("/api/sessions?limit=2")).expect()["sessions"]
    assert [session["uuid"] for session in page] == uuids[:2]
    before = page[-1]["started_at"]
    rest = (await controller.get(f"/api/sessions?limit=2&before={before}")).expect()["sessions"]
    assert [session["uuid"] for session in rest] == uuids[2:]


async def test_sessions_that_never_started_are_paged_by_when_they_were_made(
    controller: Controller,
) -> None:
    uuids = [UUID, UUID.replace("3f2b", "4f2b")]
    for uuid in uuids:
        upload = aiohttp.FormData({"uuid": uuid})
        upload.add_field("files", b"time,x\n1,2\n", filename="gyroscope.csv")
        (await controller.post("/api/sync/phone", data=upload)).expect()
    last = (await controller.get("/api/sessions?limit=1")).expect()["sessions"][0]
    assert (last["uuid"], last["started_at"]) == (uuids[1], None)
    path = f"/api/sessions?before={last['created_at']}"
    rest = (await controller.get(path)).expect()["sessions"]
    assert [session["uuid"] for session in rest] == [uuids[0]]


async def test_without_cameras_the_controller_is_of_use(tmp_path: Path) -> None:
    async with running(settings_in(tmp_path)) as controller:
        status = await controller.status()
        assert (status["cameras"], status["ready"]) == ([], False)
        assert status["sync"] == {"all_synced": True, "any_syncing": False}
        (await controller.start(UUID)).expect_problem(503, "no_camera_ready")
    async with running(settings_in(tmp_path, min_cameras=0)) as controller:
        start = (await controller.start(UUID)).expect()
        assert start["cameras"] == []
        (await controller.stop(UUID)).expect()
