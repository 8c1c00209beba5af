"""D10: the disk beneath the database is full. A tmpfs is that disk; another program fills it."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Controller, running, settings_in, until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
OTHER = "11111111-2222-4333-8444-555555555555"


class Disk:
    """A small disk that another program fills and frees again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ballast = root / "other-program"

    def fill(self) -> None:
        with open(self._ballast, "wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    root = tmp_path / "system"
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(root)], check=True)
    try:
        yield Disk(root)
    finally:
        subprocess.run(["umount", str(root)], check=True)


@pytest.fixture
async def camera() -> AsyncIterator[CameraNode]:
    async with CameraNode("cam-01", ours=True) as node:
        yield node


@pytest.fixture
async def controller(tmp_path: Path, disk: Disk, camera: CameraNode) -> AsyncIterator[Controller]:
    database = {"path": disk.root / "ctlr.db"}
    settings = settings_in(tmp_path, [camera.address], database=database)
    async with running(settings) as made:  # which says so if a loop has died
        await made.until_connected("cam-01")
        yield made


async def warns(controller: Controller) -> bool:
    codes = [warning["code"] for warning in (await controller.status())["warnings"]]
    return "record_unwritable" in codes


async def fill(disk: Disk, controller: Controller) -> None:
    """Fill the disk to where the next write of the database fails."""
    disk.fill()

    async def fails() -> bool:  # the database's own files may have some room left
        return (await controller.post("/api/sessions/current/marks")).status == 507

    await until(fails)


async def test_a_recording_goes_on_and_is_stopped(
    disk: Disk, camera: CameraNode, controller: Controller
) -> None:
    (await controller.start(UUID)).expect()
    await fill(disk, controller)
    assert camera.recording is not None
    status = await controller.status()
    assert (status["recording"], status["uuid"]) == (True, UUID)
    assert await warns(controller)

    stop = (await controller.stop(UUID)).expect()
    assert camera.recording is None
    assert stop["success"] is False
    assert "cannot" in stop["errors"][0] or "does not take" in stop["errors"][0]
    assert (await controller.status())["phase"] == "stopping"
    (await controller.start(OTHER)).expect_problem(507, "storage_full")
    assert (await controller.stop(UUID)).expect()["duration"] == stop["duration"]
    assert len(camera.starts) == 1, "nobody set it on again"

    disk.free()

    async def is_stored() -> bool:
        return (await controller.session(UUID))["state"] not in {"recording", "stopping"}

    await until(is_stored)
    again = (await controller.stop(UUID)).expect()
    assert (again["success"], again["errors"]) == (True, None)
    assert (again["stopped_at"], again["duration"]) == (stop["stopped_at"], stop["duration"])
    assert not await warns(controller)
    (await controller.start(OTHER)).expect()


async def test_a_start_is_refused_and_works_once_there_is_room(
    disk: Disk, camera: CameraNode, controller: Controller
) -> None:
    (await controller.start(OTHER)).expect()
    await fill(disk, controller)
    await controller.stop(OTHER)
    for _ in range(2):
        (await controller.start(UUID)).expect_problem(507, "storage_full")
    assert (await controller.status())["ready"] is False
    assert len(camera.starts) == 1
    disk.free()

    async def starts() -> bool:
        return (await controller.start(UUID)).status == 200

    await until(starts)
    assert camera.recording is not None
    assert camera.recording.uuid == UUID


async def test_a_start_that_cannot_be_stored_to_its_end_is_called_back(
    disk: Disk, camera: CameraNode, controller: Controller
) -> None:
    camera.on_start = disk.fill
    (await controller.start(UUID)).expect_problem(507, "storage_full")

    async def is_idle() -> bool:
        return camera.recording is None

    await until(is_idle)
    (await controller.start(UUID)).expect_problem(507, "storage_full")
    (await controller.stop(UUID)).expect_problem(409, "not_recording")
    assert (await controller.status())["recording"] is False
    assert len(camera.starts) == 1

    camera.on_start = lambda: None
    disk.free()

    async def has_failed() -> bool:
        return bool((await controller.session(UUID))["state"] == "failed")

    await until(has_failed)
    (await controller.start(UUID)).expect()
    assert camera.recording is not None
