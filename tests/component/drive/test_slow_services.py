"""Ejects on a machine whose services stop and start slowly: whatever was stopped runs again."""

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from tests.component.drive.watching import drive_of
from tests.fakes.controller import Controller, running, settings_in, until

from ctlr.app.drives import Drives
from ctlr.config import Settings
from ctlr.gate import Gate, Work
from ctlr.kernel.clock import SystemClock
from ctlr.kernel.locks import take_lock
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.storage import drive_operations
from ctlr.storage.drive_file import DriveRecord, read_record, write_record
from ctlr.storage.drive_limits import USUAL, DriveLimits
from ctlr.storage.drive_state import DriveState
from ctlr.storage.eject_rules import Phase
from ctlr.storage.ejector import Ejector
from ctlr.storage.privileged_client import UNITS

HUNG = "systemctl stop does not end."
EJECT_S, RESTORE_S = 1.0, 2.0
SHORT = DriveLimits(eject_s=EJECT_S, restore_s=RESTORE_S, lock_s=0.3, poll_interval_s=0.1)
LATE_S = EJECT_S + 0.6
"""Too long for a step forward; what is left of it is soon over for one back."""
OUTLASTS_S = EJECT_S + RESTORE_S + 1.5
"""Goes on after the answer."""


@dataclass
class SlowServices:
    """Privileged program and systemd of a slow machine. What was asked is finished also when
    whoever asked has gone; a service starts when its stop has ended."""

    stop_s: dict[str, float] = field(default_factory=dict)
    stuck: str | None = None
    start_s: float = 0.0
    release_s: float = 0.0
    released: int = 0
    asked: set[str] = field(default_factory=set)
    active: set[str] = field(default_factory=lambda: set(UNITS))
    turns: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = json.loads(await reader.readline())
        self.asked.add(request["verb"])
        if (request["verb"], request["target"]) == ("stop", self.stuck):
            await self._answer(writer, ok=False, code="hung", detail=HUNG, extra={})
        else:
            result = await self._do(request["verb"], request["target"])
            await self._answer(writer, ok=True, result=result)

    async def _do(self, verb: str, unit: str) -> dict[str, object]:
        if verb == "find":
            return {"found": None, "others": []}
        if verb == "release":
            await asyncio.sleep(self.release_s)
            self.released += 1
            return {"released": [], "powered_down": []}
        was_active = unit in self.active
        async with self.turns[unit]:
            if verb == "stop":
                await asyncio.sleep(self.stop_s.get(unit, 0.0))
                self.active.discard(unit)
            else:
                await asyncio.sleep(self.start_s)
                self.active.add(unit)
        return {"managed": True, "was_active": was_active}

    async def _answer(self, writer: asyncio.StreamWriter, **answer: object) -> None:
        writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def is_idle(self) -> bool:
        return not await self.is_busy()

    async def is_busy(self) -> bool:
        return any(turn.locked() for turn in self.turns.values())

    async def all_run(self) -> bool:
        return self.active == set(UNITS)


@asynccontextmanager
async def served(
    services: SlowServices, folder: Path, *, require_mounts: bool = False
) -> AsyncIterator[Settings]:
    path = folder / "privileged.sock"
    storage = {"privileged_socket": path, "require_mounts": require_mounts}
    async with await asyncio.start_unix_server(services.serve, path):
        yield settings_in(folder, storage=storage)
    await until(services.is_idle)
    path.unlink()


@asynccontextmanager
async def rig(
    services: SlowServices,
    folder: Path,
    *,
    require_mounts: bool = False,
    limits: DriveLimits = SHORT,
) -> AsyncIterator[Controller]:
    async with (
        served(services, folder, require_mounts=require_mounts) as settings,
        running(settings, drive_limits=limits) as started,
    ):
        yield started


@pytest.mark.parametrize("require_mounts", [True, False])
async def test_what_is_plugged_in_is_asked_only_where_there_are_drives(
    tmp_path: Path, require_mounts: bool
) -> None:
    services = SlowServices()
    async with rig(services, tmp_path, require_mounts=require_mounts) as controller:
        if require_mounts:

            async def has_asked() -> bool:
                return "find" in services.asked

            await until(has_asked)
        else:  # what asks would have begun before the first status
            assert (await controller.get("/api/status")).status == 200
            assert services.asked == set()


async def eject(controller: Controller) -> dict[str, object]:
    return (await controller.post("/api/storage/eject")).expect()


@pytest.mark.parametrize("slow", UNITS)
async def test_a_service_that_has_not_stopped_in_time_runs_again(tmp_path: Path, slow: str) -> None:
    services = SlowServices(stop_s={slow: LATE_S})
    async with rig(services, tmp_path) as controller:
        answer = await eject(controller)
        assert answer["success"] is False
        assert str(answer["message"]).endswith("It took too long. Everything is as it was before.")
        assert await services.all_run()


async def test_slow_starts_go_on_after_the_answer(tmp_path: Path) -> None:
    services = SlowServices(stop_s={UNITS[-1]: LATE_S}, start_s=1.0)
    async with rig(services, tmp_path) as controller:
        answer = await eject(controller)
        assert answer["success"] is False
        assert str(answer["message"]).endswith("takes longer than usual and goes on.")
        assert not await services.all_run()
        told = await drive_of(controller)
        assert told["eject"]["phase"] == "in_use"
        await until(services.all_run)


async def test_a_drive_that_is_being_switched_off_is_waited_for(tmp_path: Path) -> None:
    """It cannot be put back: called off, the eject would say "not safe" of a drive that is off."""
    async with rig(SlowServices(release_s=LATE_S), tmp_path, require_mounts=True) as controller:
        answer = await eject(controller)
        assert (answer["success"], answer["message"]) == (True, "Safe to remove drive")


async def test_a_drive_that_is_switched_off_slowly_is_safe_only_then(tmp_path: Path) -> None:
    services = SlowServices(release_s=OUTLASTS_S)
    async with rig(services, tmp_path, require_mounts=True) as controller:
        answer = await eject(controller)
        assert answer["success"] is False
        assert str(answer["message"]).startswith("Not safe to remove yet.")
        told = await drive_of(controller)
        assert told["eject"]["phase"] == "ejecting"
        await until(partial(is_ejected, controller))
        assert services.active == set()


async def test_an_eject_when_safe_that_outlasts_its_answer_is_not_done_twice(
    tmp_path: Path,
) -> None:
    """The second one would switch off a drive that was plugged in again meanwhile."""
    services = SlowServices(release_s=OUTLASTS_S)
    work = [Work("recording_in_progress", "Recording in progress")]
    async with (
        served(services, tmp_path, require_mounts=True) as settings,
        ejector_of(settings, work) as ejector,
    ):
        assert (await ejector.eject_when_safe()).details["waiting"] is True
        assert ejector.phase is Phase.WAITING
        work.clear()

        async def is_out() -> bool:
            return ejector.phase is Phase.EJECTED

        async def has_ended() -> bool:
            return all(task.get_name() != "eject when safe" for task in asyncio.all_tasks())

        await until(is_out)
        assert ejector.waiting_result() is None  # not what was answered while it went on
        await until(has_ended)
        assert (ejector.phase, services.released) == (Phase.EJECTED, 1)


async def test_a_second_eject_when_safe_does_not_wait_for_work_that_has_ended(
    tmp_path: Path,
) -> None:
    services = SlowServices()
    work = [Work("recording_in_progress", "Recording in progress")]
    async with (
        served(services, tmp_path, require_mounts=True) as settings,
        ejector_of(settings, work, USUAL) as ejector,
    ):
        await ejector.eject_when_safe()
        work.clear()
        assert (await ejector.eject_when_safe()).success is True
        assert (ejector.waiting_result(), services.released) == (None, 1)


@asynccontextmanager
async def ejector_of(
    settings: Settings, work: list[Work], limits: DriveLimits = SHORT
) -> AsyncIterator[Ejector]:
    """What ejects, without the rest of a controller: it says itself what uses the drive."""

    tasks = BackgroundTasks(lambda: pytest.fail("a task died"))
    drive_state = DriveState(settings.database.path.parent)
    gate = Gate(drive_state.is_ejecting)
    gate.add_user(lambda: work)
    drives = Drives(
        settings,
        SystemClock(),
        tasks,
        drive_state,
        gate,
        on_change=lambda: None,
        limits=limits,
    )
    try:
        yield drives.ejector
    finally:
        await tasks.close()


async def is_ejected(controller: Controller) -> bool:
    return bool((await drive_of(controller))["eject"]["phase"] == "ejected")


async def test_a_restart_in_the_middle_of_slow_starts_goes_on_with_them(tmp_path: Path) -> None:
    services = SlowServices(stop_s={UNITS[-1]: LATE_S}, start_s=2.0)
    async with rig(services, tmp_path) as controller:
        await eject(controller)
        assert read_record(tmp_path).stopped == tuple(UNITS)
    assert not await services.all_run()
    async with rig(services, tmp_path):
        await until(services.all_run)

        async def is_noted() -> bool:
            return read_record(tmp_path).stopped == ()

        await until(is_noted)


async def test_while_services_come_back_the_drive_is_busy(tmp_path: Path) -> None:
    services = SlowServices(stop_s={UNITS[-1]: LATE_S}, start_s=1.0)
    async with rig(services, tmp_path) as controller:
        await eject(controller)
        answer = (await controller.post("/api/storage/mount")).expect()
        assert answer["success"] is False
        assert str(answer["message"]).startswith("The drive is just being mounted, repaired or")
        assert not await services.all_run()
        await until(services.all_run)


async def test_a_remount_says_which_service_does_not_stop(tmp_path: Path) -> None:
    services = SlowServices(stuck="can-listener")
    async with rig(services, tmp_path) as controller:
        answer = (await controller.post("/api/storage/remount")).expect()
        assert answer["success"] is False
        assert {mount["error"] for mount in answer["mounts"].values()} == {HUNG}
        assert await services.all_run()


async def test_an_eject_is_undone_also_if_the_drive_is_being_repaired(tmp_path: Path) -> None:
    services = SlowServices(active=set())
    write_record(tmp_path, DriveRecord(ejecting=("logging", "sync"), stopped=tuple(UNITS)))
    lock = await take_lock(tmp_path / drive_operations.LOCK_NAME, 1.0)
    async with rig(services, tmp_path) as controller:
        for _ in range(3):  # each waits as long for the lock as the undoing does
            answer = (await controller.post("/api/storage/mount")).expect()
            assert str(answer["message"]).startswith("The drive is just being mounted, repaired or")
        assert services.active == set()
        assert (await controller.get("/health")).status == 200
        os.close(lock)
        await until(services.all_run)


async def test_a_remount_after_an_eject_brings_the_services_back(tmp_path: Path) -> None:
    services = SlowServices()
    async with rig(services, tmp_path, limits=USUAL) as controller:
        assert (await eject(controller))["success"] is True
        assert services.active == set()
        answer = (await controller.post("/api/storage/remount")).expect()
        assert answer["success"] is True
        assert await services.all_run()
        assert read_record(tmp_path).ejected == ()


@pytest.mark.parametrize("taking_off", ["remount", "unmount?mount=logging"])
async def test_nothing_starts_while_a_volume_is_taken_off(tmp_path: Path, taking_off: str) -> None:
    services = SlowServices(stop_s={"can-listener": 2.0})
    async with rig(services, tmp_path) as controller:
        asked = asyncio.create_task(controller.post(f"/api/storage/{taking_off}"))
        await until(services.is_busy)
        record = read_record(tmp_path)  # what a restart would go by
        assert "logging" in record.ejecting
        assert record.stopped == ("can-listener",)
        (await controller.start()).expect_problem(409, "drive_ejecting")
        second = (await controller.post("/api/storage/unmount?mount=sync")).expect()
        assert second["details"]["code"] == "drive_busy"
        assert (await asked).expect()["success"] is True
