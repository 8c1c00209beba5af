"""A drive that hangs, fails, is slow or full, behind a running controller: real faults."""

import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.component.drive.disks import run, unmount_device
from tests.component.drive.watching import drive_of, is_mounted, until_state
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Controller, process, running, settings_in, until
from tests.faults.blkfs import FailingDisk
from tests.faults.faultfs import FaultyFolder
from tests.faults.served import needs_faults

from ctlr.config import IngestSettings, Settings
from ctlr.storage.drive_file import read_record
from ctlr.storage.probe_runner import ProbeRunner

pytestmark = needs_faults
UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
REPORT = {"camera": "cam-01", "status": "ok", "files": 1, "remaining": 0, "uuid": UUID}
QUICK_S = 2.0
"""What a phone waits at most for a cached answer; far above what is measured, far below a hang."""


@pytest.fixture
def failing_disk(rig_folder: Path) -> Iterator[FailingDisk]:
    """An ext4 disk mounted at ``logging``; a tmpfs stands at ``sync``."""
    with FailingDisk(rig_folder, 32) as disk:
        disk.format()
        run("mount", disk.device, rig_folder / "logging")
        run("mount", "-t", "tmpfs", "sync", rig_folder / "sync")
        try:
            yield disk
        finally:
            disk.heal()
            unmount_device(disk.device)


@pytest.fixture
def settings(rig_folder: Path) -> Settings:
    section: dict[str, Any] = {"require_mounts": True, "check_interval_s": 0.3, "floor_mb": 1}
    section["privileged_socket"] = str(rig_folder / "no.sock")
    return settings_in(
        rig_folder, storage=section, ingest=IngestSettings(give_up_s=0.5, quiet_s=0.2)
    )


@pytest.fixture
async def controller(settings: Settings, camera: CameraNode) -> AsyncIterator[Controller]:
    with_camera = settings.model_copy(update={"nodes": (camera.address,)})
    async with running(with_camera) as started:
        await until_state(started, "ok")
        await until_state(started, "ok", "sync")
        await started.until_connected("cam-01")
        yield started


def probes_of(folder: Path) -> list[int]:
    """The probes on a mount that are alive."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"ctlr.storage.probe" in words and str(folder).encode() in words:
            found.append(int(path.parent.name))
    return found


async def answers_quickly(controller: Controller) -> None:
    for path in ("/health", "/api/status", "/api/storage/status"):
        began = time.monotonic()
        (await controller.get(path)).expect()
        assert time.monotonic() - began < QUICK_S, path


async def test_m5_a_disk_that_hangs(failing_disk: FailingDisk, controller: Controller) -> None:
    logging = controller.settings.storage.logging
    failing_disk.hang("fsync")
    failing_disk.hang("write")
    told = await until_state(controller, "hung")
    assert (told["accessible"], told["error"]) == (False, "it does not answer")
    for _ in range(20):
        await answers_quickly(controller)
        assert len(probes_of(logging)) <= 1
    (await controller.post("/api/sync/report", json=REPORT)).expect_problem(
        503, "storage_unavailable"
    )
    refused = (await controller.post("/api/storage/eject")).expect()
    assert refused["success"] is False
    assert "does not answer" in refused["message"]
    status = await controller.status()
    assert "storage_unhealthy" in {warning["code"] for warning in status["warnings"]}
    assert (await controller.start(UUID)).expect()["success"] is True  # cameras keep their own
    (await controller.stop()).expect()
    failing_disk.heal()
    await until_state(controller, "ok")
    assert len(probes_of(logging)) <= 1


async def test_m5_a_controller_ends_while_its_disk_hangs(
    settings: Settings, failing_disk: FailingDisk
) -> None:
    async with process(settings) as (child, controller):
        await until_state(controller, "ok")
        failing_disk.hang("fsync")
        failing_disk.hang("write")
        await until_state(controller, "hung")
        await child.stop()  # by SIGTERM; raises if it does not end in time
        failing_disk.heal()


async def test_m7_a_frozen_file_system_heals_without_a_restart(
    failing_disk: FailingDisk, controller: Controller
) -> None:
    assert failing_disk.device
    logging = controller.settings.storage.logging
    run("fsfreeze", "--freeze", logging)
    try:
        await until_state(controller, "hung")
        await answers_quickly(controller)
        assert len(probes_of(logging)) == 1
    finally:
        run("fsfreeze", "--unfreeze", logging)
    await until_state(controller, "ok")


async def test_m1_a_disk_that_fails_like_a_pulled_one(
    failing_disk: FailingDisk, controller: Controller
) -> None:
    failing_disk.fail("read")
    failing_disk.fail("write")
    failing_disk.fail("fsync")

    async def is_ill() -> bool:
        return not (await drive_of(controller))["healthy"]

    await until(is_ill)
    await answers_quickly(controller)
    (await controller.post("/api/sync/report", json=REPORT)).expect_problem(
        503, "storage_unavailable"
    )


@pytest.fixture
def faulty_folder(rig_folder: Path) -> Iterator[FaultyFolder]:
    """A FUSE file system at ``logging`` that can be made to fail; a tmpfs stands at ``sync``."""
    source = rig_folder / "source"
    source.mkdir()
    with FaultyFolder(source, rig_folder / "logging") as folder:
        run("mount", "-t", "tmpfs", "sync", rig_folder / "sync")
        yield folder
        with suppress(BrokenPipeError):  # its server may have been killed
            folder.heal()


async def test_m6_statvfs_that_hangs(faulty_folder: FaultyFolder, controller: Controller) -> None:
    faulty_folder.hang("statfs")
    await until_state(controller, "hung")
    await answers_quickly(controller)
    faulty_folder.heal()
    await until_state(controller, "ok")


async def test_m16_a_slow_drive_is_called_slow_and_not_hung(
    faulty_folder: FaultyFolder, controller: Controller
) -> None:
    faulty_folder.slow("fsync", 1.2)

    async def is_slow() -> bool:
        told = await drive_of(controller)
        assert told["logging"]["state"] == "ok"
        return "storage_slow" in {w["code"] for w in (await controller.status())["warnings"]}

    await until(is_slow)


async def test_m8_a_file_system_whose_driver_dies(
    faulty_folder: FaultyFolder, controller: Controller
) -> None:
    logging = controller.settings.storage.logging
    connections = Path("/sys/fs/fuse/connections")
    if not list(connections.iterdir()):
        run("mount", "-t", "fusectl", "none", connections)
    number = os.minor(os.stat(logging).st_dev)
    (connections / str(number) / "abort").write_text("1")
    told = await until_state(controller, "stale")
    assert told["mounted"] is True
    assert faulty_folder.mount_point == logging
    await answers_quickly(controller)
    assert is_mounted(logging)


async def test_m15_below_the_floor_nothing_new_is_taken_and_it_goes_on_with_room(
    failing_disk: FailingDisk, controller: Controller
) -> None:
    assert failing_disk.device
    logging, sync = controller.settings.storage.logging, controller.settings.storage.sync
    filling = logging / "filling"
    space = os.statvfs(logging)
    with filling.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, (space.f_bavail - 100) * space.f_frsize)

    async def code() -> str:
        answer = await controller.post("/api/sync/report", json=REPORT)
        return "" if answer.status == 200 else str(answer.body["code"])

    async def is_full() -> bool:
        return await code() == "storage_full"

    await until(is_full)
    status = await controller.status()
    assert (status["ready"], status["storage"]["healthy"]) == (False, True)
    assert "storage_full" in {warning["code"] for warning in status["warnings"]}

    async def rsync_is_told() -> bool:
        return read_record(logging.parent).held == {"logging": "it is full"}

    await until(rsync_is_told)
    assert list(sync.iterdir()) == [sync / ".ctlr-volume.json"]
    filling.unlink()

    async def has_room() -> bool:
        return not await code() and not read_record(logging.parent).held

    await until(has_room)


async def test_room_on_a_full_drive_is_found_long_before_the_next_regular_probe(
    failing_disk: FailingDisk, settings: Settings
) -> None:
    assert failing_disk.device
    filling = settings.storage.logging / "filling"
    space = os.statvfs(settings.storage.logging)
    with filling.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, (space.f_bavail - 100) * space.f_frsize)
    storage = settings.storage.model_copy(update={"check_interval_s": 3600})
    async with running(settings.model_copy(update={"storage": storage})) as controller:

        async def is_ready_to_take() -> bool:
            return (await controller.post("/api/sync/report", json=REPORT)).status == 200

        async def is_full() -> bool:
            return not await is_ready_to_take()

        await until(is_full)
        filling.unlink()
        await until(is_ready_to_take)


async def test_m20_probes_do_not_add_up(faulty_folder: FaultyFolder, rig_folder: Path) -> None:
    """Hung and healed again and again: one child at most, and nothing stays open."""
    probe_runner, path = ProbeRunner(rig_folder, deadline_s=0.5), faulty_folder.mount_point
    other = ProbeRunner(rig_folder, deadline_s=0.5)  # as after a restart of the controller
    open_files = []
    for _ in range(6):
        faulty_folder.hang("statfs")
        assert await probe_runner.ask("logging", path, None) is None
        assert await probe_runner.ask("logging", path, None) is None
        assert await other.ask("logging", path, None) is None
        assert len(probes_of(path)) == 1
        faulty_folder.heal()

        async def answers() -> bool:
            return await probe_runner.ask("logging", path, None) is not None

        await until(answers)
        open_files.append(len(os.listdir("/proc/self/fd")))
    assert max(open_files[3:]) <= max(open_files[:3])
