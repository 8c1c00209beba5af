"""The watcher on a real drive: what it repairs, what it leaves alone, what it says."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict
from tests.component.drive.disks import Disk, run, unmount_device
from tests.component.drive.watching import held, is_mounted
from tests.fakes.controller import until
from tests.faults.blkfs import FailingDisk
from tests.faults.served import needs_faults

from ctlr.config import Settings, StorageSettings
from ctlr.kernel.clock import SystemClock
from ctlr.kernel.locks import is_locked, try_lock
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.simulator.places import to_toml
from ctlr.storage.drive_file import DriveRecord, write_record
from ctlr.storage.mountinfo import mounts_at
from ctlr.storage.privileged_client import PrivilegedClient
from ctlr.storage.states import State
from ctlr.storage.table import read_table
from ctlr.storage.watcher import WATCHER_LOCK, Watcher


@asynccontextmanager
async def watching(settings: Settings) -> AsyncIterator[Watcher]:
    died: list[None] = []
    tasks = BackgroundTasks(lambda: died.append(None))
    folder = settings.database.path.parent
    watcher = Watcher(settings, folder, PrivilegedClient(settings.storage), SystemClock())
    watcher.start(tasks)
    yield watcher
    await tasks.close()
    assert not died, "a loop of the watcher died"


@pytest.fixture
async def watcher(settings: Settings) -> AsyncIterator[Watcher]:
    async with watching(settings) as started:
        yield started


async def until_state(watcher: Watcher, state: State, name: str = "logging") -> None:
    async def reached() -> bool:
        return watcher.monitor.states[name].state is state

    try:
        await until(reached)
    except TimeoutError as error:
        raise AssertionError(f"{name}: {watcher.monitor.states[name]}") from error


async def until_well(watcher: Watcher) -> None:
    await until_state(watcher, State.OK)
    await until_state(watcher, State.OK, "sync")


async def until_told(log: Sequence[EventDict], event: str, **fields: object) -> None:
    """Wait for a line of the log; a state may last too short to be seen."""

    async def told() -> bool:
        wanted = {"event": event, "mount": "logging", **fields}.items()
        return any(wanted <= line.items() for line in log)

    try:
        await until(told)
    except TimeoutError as error:
        raise AssertionError(f"{event} {fields} was not told: {log}") from error


async def is_searched_in_vain(watcher: Watcher) -> bool:
    monitor = watcher.monitor
    return monitor.knows_device("logging") and monitor.expected_at("logging") is None


def devices_at(path: Path) -> list[str]:
    return [mount.source for mount in mounts_at(read_table(), str(path))]


async def test_a_drive_that_is_plugged_in_is_mounted(
    watcher: Watcher, storage: StorageSettings, disk: Disk
) -> None:
    await until_well(watcher)
    assert devices_at(storage.logging) == [disk.logging]
    assert devices_at(storage.sync) == [disk.sync]
    assert (storage.logging / ".ctlr-volume.json").is_file()


async def test_m9_an_absent_drive_leaves_nothing_below_and_comes_when_it_comes(
    watcher: Watcher, storage: StorageSettings, disk: Disk
) -> None:
    await until_well(watcher)
    run("umount", storage.logging)
    run("umount", storage.sync)
    disk.unplug()
    await until_state(watcher, State.ABSENT)
    with pytest.raises(PermissionError):
        (storage.logging / "melb-01-cam-01").mkdir()
    assert list(storage.logging.iterdir()) == []
    disk.plug()
    await until_well(watcher)


async def test_a_drive_that_can_be_read_only_after_it_has_its_name_is_mounted_all_the_same(
    settings: Settings, disk: Disk
) -> None:
    """As with a disk that spins up: the kernel names it, its superblock comes a moment later."""
    superblock = Path(settings.storage.logging.parent / "superblock")
    run("dd", f"if={disk.logging}", f"of={superblock}", "bs=4096", "count=1")
    run("dd", "if=/dev/zero", f"of={disk.logging}", "bs=4096", "count=1", "conv=fsync")

    async with watching(settings) as watcher:
        await until_state(watcher, State.OK, "sync")
        await until(partial(is_searched_in_vain, watcher))
        run("dd", f"if={superblock}", f"of={disk.logging}", "bs=4096", "count=1", "conv=fsync")
        await until_well(watcher)


async def test_m14_stacked_mounts_are_unwound(watcher: Watcher, storage: StorageSettings) -> None:
    await until_well(watcher)
    with capture_logs() as log:
        run("mount", "-t", "tmpfs", "over-it", storage.logging)
        await until_told(log, "drive", state="stacked")
        await until_told(log, "mounted")
    await until_state(watcher, State.OK)
    assert len(devices_at(storage.logging)) == 1


async def test_m4_a_file_system_that_flips_read_only_is_checked_and_mounted_again(
    watcher: Watcher, storage: StorageSettings, disk: Disk
) -> None:
    await until_well(watcher)
    name = disk.logging.removeprefix("/dev/")
    with capture_logs() as log:
        Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("a test")
        await until_told(log, "drive", state="ro")
        await until_told(log, "checked", repaired=True)
    await until_state(watcher, State.OK)
    (storage.logging / "written").write_text("again")


async def test_m18_an_ejected_drive_is_left_alone(
    settings: Settings, watcher: Watcher, storage: StorageSettings, disk: Disk
) -> None:
    await until_well(watcher)
    write_record(settings.database.path.parent, DriveRecord(ejected=("logging", "sync")))
    run("umount", storage.logging)
    run("umount", storage.sync)
    await until_state(watcher, State.EJECTED)
    disk.unplug()
    disk.plug()
    await until_state(watcher, State.EJECTED, "sync")
    assert not is_mounted(storage.logging)
    write_record(settings.database.path.parent, DriveRecord())
    await until_well(watcher)


async def test_hands_off_while_the_controller_mounts_or_unmounts(
    settings: Settings, watcher: Watcher, storage: StorageSettings
) -> None:
    await until_well(watcher)
    lock = try_lock(settings.database.path.parent / "drive.lock")
    assert lock is not None
    try:
        run("umount", storage.sync)
        await until_state(watcher, State.ABSENT, "sync")
        looks = 0

        async def has_looked_again() -> bool:
            nonlocal looks
            looks += 1
            return looks > 60

        await until(has_looked_again)
        assert not is_mounted(storage.sync)
    finally:
        os.close(lock)
    await until_well(watcher)


async def test_m12_a_mount_in_use_is_not_forced_and_its_holder_is_named(
    watcher: Watcher, storage: StorageSettings
) -> None:
    await until_well(watcher)
    with capture_logs() as log, held(storage.logging, "cwd") as holder:
        run("mount", "-o", "remount,ro", storage.logging)
        await until_told(log, "drive not repaired", code="busy")
    (told,) = [line for line in log if line["event"] == "drive not repaired"]
    assert str(holder.pid) in told["reason"]
    assert is_mounted(storage.logging)


@contextmanager
def failing(rig_folder: Path) -> Iterator[FailingDisk]:
    with FailingDisk(rig_folder, 32) as failing:
        failing.format()
        try:
            yield failing
        finally:
            failing.heal()
            unmount_device(failing.device)


@pytest.fixture
def failing_disk(rig_folder: Path, settings: Settings) -> Iterator[FailingDisk]:
    """The disk of the logging volume, which can be made to fail."""
    with failing(rig_folder) as disk:
        uuid = run("blkid", "-p", "-s", "UUID", "-o", "value", disk.device).strip()
        update = {"logging_device": f"UUID={uuid}"}
        object.__setattr__(settings, "storage", settings.storage.model_copy(update=update))
        yield disk


@needs_faults
async def test_m3_a_drive_in_another_port_takes_the_place_of_the_dead_one(
    failing_disk: FailingDisk, watcher: Watcher, settings: Settings, rig_folder: Path
) -> None:
    logging = settings.storage.logging
    await until_well(watcher)
    (logging / "kept").write_text("data")
    run("sync", "-f", logging)
    copy = rig_folder / "copy.img"
    copy.write_bytes(Path(failing_disk.device).read_bytes())
    with capture_logs() as log:
        failing_disk.fail("read")
        failing_disk.fail("write")
        failing_disk.fail("fsync")  # as pulled: whatever is asked of the device fails
        await until_told(log, "repairing drive")  # found stale, or read-only if the kernel is first
    other = run("losetup", "--find", "--show", copy).strip()
    try:
        await until_state(watcher, State.OK)
        assert devices_at(logging) == [other]
        assert (logging / "kept").read_text() == "data"
        run("umount", logging)
    finally:
        run("losetup", "--detach", other)


@needs_faults
async def test_a_drive_that_stays_broken_is_given_up_loudly(
    failing_disk: FailingDisk,
    watcher: Watcher,
    settings: Settings,
) -> None:
    await until_well(watcher)
    with capture_logs() as log:
        failing_disk.fail("write")
        failing_disk.fail("fsync")
        await until_told(log, "drive not repaired", log_level="error")
    assert devices_at(settings.storage.logging) in ([], [failing_disk.device])


def test_the_program_ends_on_sigterm_and_there_is_one_of_it(
    settings: Settings, rig_folder: Path
) -> None:
    config = rig_folder / "ctlr.toml"
    config.write_text(to_toml(settings.model_dump(mode="json", exclude_none=True)))
    command = [sys.executable, "-m", "ctlr", "--config", str(config), "watch-mounts"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as child:
        try:
            assert child.stderr is not None
            seen = b""
            while b"mounted" not in seen:
                line = child.stderr.readline()
                assert line, seen
                seen += line
            assert is_locked(rig_folder / WATCHER_LOCK)
            child.send_signal(signal.SIGTERM)
            assert child.wait(20) == 0
        finally:
            child.kill()
    assert not is_locked(rig_folder / WATCHER_LOCK)
