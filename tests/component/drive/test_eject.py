"""Ejecting a real drive through the API: what refuses it, what it leaves, and that it is undone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.component.drive.disks import Disk, run
from tests.component.drive.watching import (
    drive_of,
    held,
    hidden_namespace,
    is_mounted,
    transfer,
    until_state,
)
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Controller, running, until

from ctlr.config import Settings
from ctlr.storage.drive_file import read_record

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
REPORT = {"camera": "cam-01", "status": "ok", "files": 1, "remaining": 0, "uuid": UUID}


def folder_of(controller: Controller) -> Path:
    return controller.settings.database.path.parent


async def eject(controller: Controller, when: str = "now") -> dict[str, Any]:
    return (await controller.post(f"/api/storage/eject?when={when}")).expect()


async def test_eject_and_mount(controller: Controller, disk: Disk) -> None:
    answer = await eject(controller)
    assert (answer["success"], answer["message"]) == (True, "Safe to remove drive")
    assert answer["details"]["released"] == sorted([disk.loop, disk.logging, disk.sync])
    storage = controller.settings.storage
    assert not is_mounted(storage.logging)
    assert not is_mounted(storage.sync)
    told = await drive_of(controller)
    assert (told["logging"]["state"], told["sync"]["state"]) == ("ejected", "ejected")
    assert (told["healthy"], told["eject"]["phase"]) == (False, "ejected")
    status = await controller.status()
    assert {w["code"] for w in status["warnings"]} == {"storage_ejected"}
    assert (await eject(controller))["message"] == "Safe to remove drive"
    disk.unplug()  # nothing holds it
    disk.plug()
    mounted = (await controller.post("/api/storage/mount")).expect()
    assert (mounted["success"], mounted["message"]) == (True, "Drive ready")
    assert (await drive_of(controller))["healthy"] is True


async def test_uploads_pause_while_the_drive_is_out(controller: Controller) -> None:
    await eject(controller)
    report = await controller.post("/api/sync/report", json=REPORT)
    problem = report.expect_problem(503, "storage_unavailable")
    assert "ejected" in problem["detail"]
    form = aiohttp.FormData({"uuid": UUID})
    form.add_field("files", b"t,x\n", filename="gps.csv")
    (await controller.post("/api/sync/phone", data=form)).expect_problem(503, "storage_unavailable")
    await controller.post("/api/storage/mount")
    (await controller.post("/api/sync/report", json=REPORT)).expect()


async def test_m18_an_ejected_drive_stays_away_after_a_restart(
    settings: Settings, disk: Disk
) -> None:
    async with running(settings) as controller:
        await controller.post("/api/storage/mount")
        assert (await eject(controller))["success"] is True
    disk.unplug()
    disk.plug()
    async with running(settings) as controller:
        told = await until_state(controller, "ejected")
        assert told["error"] == "it is ejected"
        assert not is_mounted(settings.storage.logging)
        assert (await controller.post("/api/storage/mount")).expect()["success"] is True


async def test_m17_eject_is_refused_while_recording(controller: Controller) -> None:
    (await controller.start(UUID)).expect()
    answer = await eject(controller)
    assert (answer["success"], answer["message"]) == (False, "Recording in progress")
    assert is_mounted(controller.settings.storage.logging)
    assert (await drive_of(controller))["eject"]["phase"] == "in_use"
    (await controller.post("/api/storage/remount")).expect_problem(409, "recording_in_progress")
    assert (await controller.post("/api/storage/unmount")).expect()["success"] is False
    (await controller.stop()).expect()


async def test_m17_eject_is_refused_while_a_phone_uploads(controller: Controller) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        begun.set()
        yield b"t,x\n"
        await go_on.wait()
        yield b"1,2\n"

    form = aiohttp.FormData({"uuid": UUID})
    form.add_field("files", slowly(), filename="gps.csv")
    sending = controller.post("/api/sync/phone", data=form, expect100=True)
    upload = asyncio.create_task(sending)
    await begun.wait()  # the controller has asked for the body
    answer = await eject(controller)
    assert (answer["success"], answer["message"]) == (False, "Phone upload in progress")
    go_on.set()
    (await upload).expect()


async def test_m17_eject_is_refused_while_rsync_delivers(
    controller: Controller, tmp_path: Path
) -> None:
    logging = controller.settings.storage.logging
    source = tmp_path / "seg_0000.mp4"
    source.write_bytes(b"x" * 4_000_000)
    with transfer(source, logging):
        await until(lambda: _is_there(logging, ".seg_0000.mp4.*"))
        answer = await eject(controller)
        assert answer["success"] is False
        assert "A transfer to the drive is under way (rsync (process" in answer["message"]
        assert is_mounted(logging)


async def _is_there(folder: Path, pattern: str) -> bool:
    return bool(list(folder.glob(pattern)))


@pytest.mark.parametrize("how", ["file", "cwd"])
@pytest.mark.parametrize("volume", ["logging", "sync"])
async def test_m12_a_holder_is_named_and_nothing_is_half_ejected(
    controller: Controller, volume: str, how: str
) -> None:
    storage = controller.settings.storage
    path = storage.logging if volume == "logging" else storage.sync
    with held(path, how) as holder:
        answer = await eject(controller)
        assert answer["success"] is False
        assert f"(process {holder.pid}" in answer["message"]
        assert answer["details"]["holders"][0]["pid"] == holder.pid
        assert is_mounted(storage.logging)
        assert is_mounted(storage.sync)
        told = await until_state(controller, "ok", volume)
        assert told["accessible"] is True
        (await controller.post("/api/sync/report", json=REPORT)).expect()
    assert (await eject(controller))["success"] is True


async def test_a_drive_that_nobody_was_asked_about_is_not_called_safe(
    controller: Controller, rig_folder: Path
) -> None:
    logging = controller.settings.storage.logging
    other = Disk(rig_folder / "other.img")
    try:
        run("umount", logging)
        run("mount", other.logging, logging)
        answer = await eject(controller)
        assert answer["success"] is False
        assert f"{other.logging} was mounted and is not" in answer["message"]
        assert await until_state(controller, "ok")
    finally:
        other.unplug()


async def test_m13_a_hidden_copy_of_the_mount_is_not_safe(controller: Controller) -> None:
    with hidden_namespace() as hidden:
        answer = await eject(controller)
        assert answer["success"] is False
        assert answer["message"].startswith("Not safe to remove.")
        assert str(hidden.pid) in answer["message"]
        assert answer["message"].endswith("Everything is as it was before.")
        await until_state(controller, "ok")
        await until_state(controller, "ok", "sync")
    assert (await eject(controller))["success"] is True


async def test_o13_of_a_start_and_an_eject_exactly_one_wins(
    controller: Controller, camera: CameraNode
) -> None:
    assert camera.name == "cam-01"
    for round_ in range(6):
        uuid = f"{round_:08d}{UUID[8:]}"
        calls = [controller.start(uuid), controller.post("/api/storage/eject")]
        if round_ % 2:
            calls.reverse()
        answers = await asyncio.gather(*calls)
        start, ejected = reversed(answers) if round_ % 2 else answers
        started, out = start.status == 200, ejected.expect()["success"]
        assert started != out, (start, ejected)
        if started:
            (await controller.stop()).expect()
            await until(lambda: _is_idle(controller))
        else:
            start.expect_problem(409, "drive_ejecting")
            assert (await controller.post("/api/storage/mount")).expect()["success"] is True


async def _is_idle(controller: Controller) -> bool:
    return bool((await controller.status())["phase"] == "idle")


async def test_when_safe_waits_and_then_ejects_by_itself(controller: Controller) -> None:
    (await controller.start(UUID)).expect()
    answer = await eject(controller, "safe")
    assert answer["success"] is False
    assert answer["details"]["waiting"] is True
    assert "Recording in progress" in answer["message"]
    told = (await drive_of(controller))["eject"]
    assert (told["phase"], told["waiting_for"][0]["code"]) == ("waiting", "recording_in_progress")
    assert (await eject(controller, "safe"))["details"] == answer["details"]
    (await controller.stop()).expect()

    async def is_out() -> bool:
        return str((await drive_of(controller))["eject"]["phase"]) == "ejected"

    await until(is_out)
    assert not is_mounted(controller.settings.storage.logging)


async def test_mount_calls_off_an_eject_that_waits(controller: Controller) -> None:
    (await controller.start(UUID)).expect()
    await eject(controller, "safe")
    assert (await controller.post("/api/storage/mount")).expect()["success"] is True
    assert (await drive_of(controller))["eject"]["phase"] == "in_use"
    (await controller.stop()).expect()
    assert is_mounted(controller.settings.storage.logging)


async def test_two_ejects_at_once_have_one_answer(controller: Controller) -> None:
    answers = await asyncio.gather(*(eject(controller) for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["success"] is True


async def test_an_eject_that_was_interrupted_is_undone_at_the_next_start(
    settings: Settings, disk: Disk
) -> None:
    async with running(settings) as controller:
        await controller.post("/api/storage/mount")
        folder = folder_of(controller)
    record = read_record(folder)
    (folder / "drive.json").write_text(
        (folder / "drive.json")
        .read_text()
        .replace('"ejecting": []', '"ejecting": ["logging", "sync"]')
    )
    assert read_record(folder).ejecting != record.ejecting
    run("umount", settings.storage.sync)
    async with running(settings) as controller:
        await until_state(controller, "ok", "sync")
        await until_state(controller, "ok")
        assert disk.loop
        assert read_record(folder).ejecting == ()


async def test_unmount_one_and_mount_again(controller: Controller) -> None:
    answer = (await controller.post("/api/storage/unmount")).expect()
    assert (answer["success"], answer["mount"]) == (True, "sync")
    assert await until_state(controller, "ejected", "sync")
    assert await until_state(controller, "ok", "logging")
    (await controller.post("/api/storage/unmount?mount=x")).expect_problem(422, "unknown_mount")
    assert (await controller.post("/api/storage/mount")).expect()["success"] is True


async def test_remount(controller: Controller) -> None:
    answer = (await controller.post("/api/storage/remount")).expect()
    ok = {"success": True, "status": "mounted"}
    assert answer == {"success": True, "mounts": {"logging": ok, "sync": ok}}
    answer = (await controller.post("/api/storage/remount?mount=sync")).expect()
    assert answer == {"success": True, "mounts": {"sync": ok}}
    (await controller.post("/api/storage/remount?mount=x")).expect_problem(422, "unknown_mount")
    with held(controller.settings.storage.logging) as holder:
        answer = (await controller.post("/api/storage/remount?mount=logging")).expect()
        assert answer["success"] is False
        assert str(holder.pid) in answer["mounts"]["logging"]["error"]


async def test_m11_one_partition_of_two(controller: Controller, disk: Disk) -> None:
    await eject(controller)
    run("delpart", disk.loop, "2")
    answer = (await controller.post("/api/storage/mount")).expect()
    assert answer["success"] is False
    assert "sync" in answer["message"]
    told = await drive_of(controller)
    assert (told["healthy"], told["logging"]["error"]) == (False, None)
    assert told["sync"]["state"] in {"absent", "foreign"}  # a disk of another test may be in
    run("partx", "--update", disk.loop)
    assert (await controller.post("/api/storage/mount")).expect()["success"] is True
