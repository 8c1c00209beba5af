import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.component.drive.disks import (
    Disk,
    leave_the_hosts_namespace,
    make_removable,
    unmount_all_below,
)
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Controller, running, settings_in

from ctlr.config import IngestSettings, Settings, StorageSettings


@pytest.fixture(scope="session", autouse=True)
def own_namespace() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: real disks are mounted")
    leave_the_hosts_namespace()


@pytest.fixture
def rig_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with two bare mount points, ``logging`` and ``sync``."""
    (tmp_path / "logging").mkdir()
    (tmp_path / "sync").mkdir()
    yield tmp_path
    unmount_all_below(tmp_path)
    make_removable(tmp_path)


@pytest.fixture
def disk(rig_folder: Path) -> Iterator[Disk]:
    disk = Disk(rig_folder / "disk.img")
    yield disk
    unmount_all_below(rig_folder)
    disk.unplug()


@pytest.fixture
def storage(rig_folder: Path, disk: Disk) -> StorageSettings:
    """Both mounts pinned to the disk by UUID."""
    return StorageSettings(
        logging=rig_folder / "logging",
        sync=rig_folder / "sync",
        logging_device=f"UUID={disk.logging_uuid}",
        sync_device=f"UUID={disk.sync_uuid}",
        privileged_socket=rig_folder / "no.sock",
        check_interval_s=0.5,
        floor_mb=1,
    )


@pytest.fixture
def settings(rig_folder: Path, storage: StorageSettings) -> Settings:
    soon = {"quiet_s": 0.2, "give_up_s": 0.5}  # the pretended camera delivers nothing
    return settings_in(rig_folder, storage=storage.model_dump(), ingest=IngestSettings(**soon))


@pytest.fixture
async def camera() -> AsyncIterator[CameraNode]:
    async with CameraNode("cam-01") as node:
        yield node


@pytest.fixture
async def controller(settings: Settings, camera: CameraNode) -> AsyncIterator[Controller]:
    """A controller with one camera, whose drive has been mounted through it."""
    with_camera = settings.model_copy(update={"nodes": (camera.address,)})
    async with running(with_camera) as started:
        answer = (await started.post("/api/storage/mount")).expect()
        assert answer["success"] is True, answer
        await started.until_connected("cam-01")
        yield started
