"""What the controller vouches for: a camera deletes its only other copy on this answer."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import xxhash
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Answer, Controller, running, settings_in

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
REPORT = {"camera": "cam-01", "status": "ok", "files": 1, "remaining": 0, "uuid": UUID}


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    async with (
        CameraNode("cam-01") as node,
        running(settings_in(tmp_path, [node.address])) as started,
    ):
        yield started


async def report(controller: Controller, **changes: Any) -> Answer:
    return await controller.post("/api/sync/report", json={**REPORT, **changes})


async def durable(controller: Controller) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await report(controller)).expect()["durable"]
    return found


def listed(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "size": len(content), "xxh128": xxhash.xxh3_128_hexdigest(content)}


async def test_only_files_under_final_names_are_vouched_for(controller: Controller) -> None:
    folder = controller.folder("cam-01", UUID)
    good = {
        "seg_0001.mp4": b"one" * 1000,
        "seg_0001.frames.csv": b"frame,pts_us,captured_at_us\n",
        "seg_9999.mp4": b"",
        "seg_10000.mp4": b"late",
        "settings.json": b"{}",
    }
    stray = [
        ".seg_0002.mp4.Xa3dEr",
        "_tmp_seg_0003.mp4",
        "seg_0004.mp4.part",
        "seg_01.mp4",
        "notes.txt",
        "seg_0005.MP4",
        "a b.csv",
    ]
    for name, content in good.items():
        (folder / name).write_bytes(content)
    for name in stray:
        (folder / name).write_bytes(b"stray")
    (folder / "seg_0006.mp4").mkdir()
    (folder / "seg_0007.mp4").symlink_to(folder / "seg_0001.mp4")
    (folder / "seg_0008.mp4").symlink_to("/etc/hostname")
    os.mkfifo(folder / "seg_0009.mp4")
    assert {file["name"]: file for file in await durable(controller)} == {
        name: listed(name, content) for name, content in good.items()
    }


async def test_a_node_that_asks_about_certain_files_is_told_of_those(
    controller: Controller, tmp_path: Path
) -> None:
    folder = controller.folder("cam-01", UUID)
    for name in ("seg_0001.mp4", "seg_0002.mp4", "seg_0003.mp4", ".seg_0004.mp4.Xa3dEr"):
        (folder / name).write_bytes(name.encode())
    (tmp_path / "logging" / "cam-01" / "outside.csv").write_bytes(b"not of this session")
    (folder / "seg_0005.mp4").symlink_to("/etc/hostname")
    asks = [
        "seg_0002.mp4",
        "seg_0009.mp4",
        ".seg_0004.mp4.Xa3dEr",
        "../outside.csv",
        "seg_0005.mp4",
    ]
    answer = (await report(controller, asks=asks)).expect()
    assert answer["durable"] == [listed("seg_0002.mp4", b"seg_0002.mp4")]
    assert answer["absent"] == sorted({*asks} - {"seg_0002.mp4"})
    assert (await report(controller, asks=[])).expect() == {"ok": True, "durable": []}
    assert len(await durable(controller)) == 3
    cameras = (await controller.get("/api/sync/status")).expect()["cameras"]
    assert [camera["segments_received"] for camera in cameras] == [3]


async def test_a_node_cannot_ask_about_any_number_of_files(controller: Controller) -> None:
    asks = [f"seg_{number:04d}.mp4" for number in range(257)]
    assert (await report(controller, asks=asks)).status == 422


async def test_a_folder_that_is_a_link_is_not_a_delivery(
    controller: Controller, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "seg_0001.mp4").write_bytes(b"not on the drive")
    (controller.settings.storage.logging / "cam-01").mkdir()
    (controller.settings.storage.logging / "cam-01" / UUID).symlink_to(elsewhere)
    assert await durable(controller) == []


async def test_a_changed_file_has_a_new_hash(controller: Controller) -> None:
    segment = controller.folder("cam-01", UUID) / "seg_0001.mp4"
    segment.write_bytes(b"first")
    assert await durable(controller) == [listed(segment.name, b"first")]
    segment.write_bytes(b"other")  # the same size; only mtime tells
    assert await durable(controller) == [listed(segment.name, b"other")]
    segment.unlink()
    assert await durable(controller) == []


async def test_a_restart_knows_what_it_vouched_for(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    async with running(settings) as controller:
        (controller.folder("cam-01", UUID) / "seg_0001.mp4").write_bytes(b"kept")
        first = await durable(controller)
    async with running(settings) as controller:
        assert await durable(controller) == first == [listed("seg_0001.mp4", b"kept")]


async def test_other_nodes_and_sessions_are_told_apart(controller: Controller) -> None:
    (controller.folder("cam-02", UUID) / "seg_0001.mp4").write_bytes(b"of another camera")
    (controller.folder("cam-01", UUID[::-1]) / "seg_0001.mp4").write_bytes(b"no session id")
    assert await durable(controller) == []


async def test_a_drive_that_is_not_mounted_tells_cameras_to_hold(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, storage={"require_mounts": True})
    async with running(settings) as controller:
        (await report(controller)).expect_problem(503, "storage_unavailable")
        form = {"uuid": UUID}
        answer = await controller.post("/api/sync/phone", data=form)
        answer.expect_problem(503, "storage_unavailable")
        status = await controller.status()
        assert status["storage"]["healthy"] is False
        assert {w["code"] for w in status["warnings"]} == {"storage_unhealthy"}
        assert list(settings.storage.logging.iterdir()) == []


async def test_a_drive_that_cannot_be_written_tells_cameras_to_hold(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    shutil.rmtree(settings.storage.logging)
    settings.storage.logging.write_text("a file where the drive should be")
    async with running(settings) as controller:
        (await report(controller)).expect_problem(503, "storage_unavailable")
